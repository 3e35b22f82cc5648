import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type S3ClientLike, type S3Commands, s3Store } from '../../src/adapters/stores/s3.ts'
import { storeSuite } from '../../src/testing/index.ts'
import { ManualClock } from '../support/engine.ts'

const minute = 60_000

/** An error as the AWS SDK throws it. */
class SdkError extends Error {
  readonly $metadata: { httpStatusCode?: number }
  constructor(name: string, httpStatusCode?: number) {
    super(`${name} of the SDK`)
    this.name = name
    this.$metadata = httpStatusCode === undefined ? {} : { httpStatusCode }
  }
}

interface Input {
  readonly Bucket: string
  readonly Key: string
  readonly Body: Buffer
  readonly Metadata: Record<string, string>
  readonly IfNoneMatch?: string
  readonly IfMatch?: string
  readonly Range?: string
  readonly Prefix: string
  readonly MaxKeys: number
  readonly ContinuationToken?: string
}

/** The SDK's body in Node: a stream with methods of its own. */
function partOf(body: Buffer, range: string): object {
  const [start = 0, end = 0] = range.replace('bytes=', '').split('-').map(Number)
  const part = body.subarray(start, end + 1)
  const stream = Readable.from([part.subarray(0, 10), part.subarray(10)])
  return {
    Body: Object.assign(stream, { transformToByteArray: async () => new Uint8Array(part) }),
    ContentRange: `bytes ${start}-${end}/${body.length}`,
  }
}

class Command {
  readonly input: Input
  constructor(input: Input) {
    this.input = input
  }
}
class GetObjectCommand extends Command {}
class PutObjectCommand extends Command {}
class DeleteObjectCommand extends Command {}
class ListObjectsV2Command extends Command {}
const commands: S3Commands = { GetObjectCommand, PutObjectCommand, DeleteObjectCommand, ListObjectsV2Command }

/** A bucket in a Map behind the SDK's interface, with conditional writes. */
class FakeClient implements S3ClientLike {
  readonly kept = new Map<string, { body: Buffer; etag: string; metadata: Record<string, string> }>()
  fault: (() => Promise<never>) | undefined
  #writes = 0

  async send(command: Command): Promise<unknown> {
    await new Promise(setImmediate)
    if (this.fault !== undefined) await this.fault()
    const { input } = command
    if (input.Bucket !== 'bucket') throw new SdkError('NoSuchBucket', 404)
    const found = this.kept.get(input.Key)
    if (command instanceof GetObjectCommand) {
      if (found === undefined) throw new SdkError('NoSuchKey', 404)
      if (input.IfMatch !== undefined && input.IfMatch !== found.etag) throw new SdkError('PreconditionFailed', 412)
      const whole = { Body: { transformToByteArray: async () => new Uint8Array(found.body) }, ETag: found.etag }
      return input.Range === undefined ? whole : { ...whole, ...partOf(found.body, input.Range) }
    }
    if (command instanceof PutObjectCommand) {
      if (input.IfNoneMatch === '*' && found !== undefined) throw new SdkError('PreconditionFailed', 412)
      if (input.IfMatch !== undefined && input.IfMatch !== found?.etag) throw new SdkError('PreconditionFailed', 412)
      const etag = `"${++this.#writes}"`
      this.kept.set(input.Key, { body: Buffer.from(input.Body), etag, metadata: input.Metadata })
      return { ETag: etag }
    }
    if (command instanceof DeleteObjectCommand) return void this.kept.delete(input.Key)
    const keys = [...this.kept.keys()].filter((key) => key.startsWith(input.Prefix)).sort()
    const rest = keys.filter((key) => key > (input.ContinuationToken ?? ''))
    const page = rest.slice(0, input.MaxKeys)
    const next = rest.length > page.length ? { NextContinuationToken: page.at(-1) } : {}
    return { Contents: page.map((Key) => ({ Key })), ...next }
  }
}

const onFake = (client = new FakeClient(), options: object = {}) =>
  s3Store({ bucket: 'bucket', client, commands, ...options })

storeSuite({
  describe,
  test,
  beforeAll,
  afterAll,
  name: 's3Store on a client that was handed in',
  capabilities: true,
  streams: true,
  without: ['lists', 'channels', 'restart'],
  largest: 2 ** 21,
  create: () => {
    const client = new FakeClient()
    const clock = new ManualClock()
    const options = { clock, conditionalWrites: true }
    return {
      store: onFake(client, options),
      pass: (ms) => clock.pass(ms / 1000),
      another: () => ({ store: onFake(client, options) }),
    }
  },
})

describe('s3Store on a client that was handed in', () => {
  test('keys, and the end of an object, are as over HTTP', async () => {
    const client = new FakeClient()
    const clock = new ManualClock()
    await onFake(client, { clock }).set('a', { meta: {}, body: Buffer.from('a') }, 1500)
    const [[key, object] = []] = client.kept
    expect(key).toMatch(/^bw\/[\w-]{43}$/)
    expect(object?.metadata).toEqual({ expires: String(clock.now() + 1500) })
  })

  test('clear goes through all pages', async () => {
    const client = new FakeClient()
    const store = onFake(client)
    const item = { meta: {}, body: Buffer.alloc(1) }
    await Promise.all(Array.from({ length: 2100 }, (_, i) => store.set(`key ${i}`, item, minute)))
    client.kept.set('others', { body: Buffer.alloc(0), etag: '', metadata: {} })
    await store.clear()
    expect([...client.kept.keys()]).toEqual(['others'])
  })

  test('what it rejects with becomes a sentence', async () => {
    const client = new FakeClient()
    await expect(onFake(client, { bucket: 'other' }).ready()).rejects.toThrow('There is no such bucket')
    const store = onFake(client)
    await store.ready()
    client.fault = () => Promise.reject(new SdkError('AccessDenied', 403))
    await expect(store.get('a')).rejects.toThrow('(403 AccessDenied). The credentials are wrong or may not do that')
    client.fault = () => Promise.reject(new SdkError('CredentialsProviderError'))
    await expect(store.get('a')).rejects.toThrow('no answer from its endpoint: CredentialsProviderError of the SDK')
  })

  test('a client that hangs and does not heed its signal is given up', async () => {
    const client = new FakeClient()
    const store = onFake(client, { requestTimeout: 50 })
    await store.ready()
    client.fault = () => new Promise(() => {})
    await expect(store.get('a')).rejects.toThrow('no answer from its endpoint within 50 ms')
  })
})
