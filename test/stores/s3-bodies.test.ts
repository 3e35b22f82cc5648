import { createServer, type IncomingMessage, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { s3Store } from '../../src/adapters/stores/s3.ts'
import type { RemoteStore } from '../../src/core/store/remote.ts'
import type { OpenBody, StoredBody } from '../../src/core/store/store.ts'
import { itemOf } from '../store/items.ts'
import { type S3Server, s3Bucket, s3Credentials, startS3 } from '../support/s3.ts'

const MiB = 2 ** 20
const minute = 60_000
const size = 8 * MiB

let server: S3Server
beforeAll(async () => {
  server = await startS3()
})
afterAll(() => server.stop())

/** A proxy that breaks connections off. */
class Breaking {
  readonly asked: string[] = []
  /** Answers of which so many bytes pass before their connection breaks. */
  breaks: number[] = []
  #server: Server | undefined

  async start(): Promise<string> {
    this.#server = createServer((incoming, response) => {
      const { method, url, headers } = incoming
      this.asked.push(`${method} ${url?.split('/').at(-1)?.slice(-5)} ${headers.range ?? ''}`.trim())
      const onward = request(new URL(url ?? '/', server.endpoint), { method, headers }, (answer: IncomingMessage) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        let left = headers.range === undefined ? Infinity : (this.breaks.shift() ?? Infinity)
        answer.on('data', (chunk: Buffer) => {
          if (left <= 0) return
          response.write(chunk.subarray(0, left))
          left -= chunk.length
          if (left <= 0) setTimeout(() => response.destroy(), 20)
        })
        answer.on('end', () => left > 0 && response.end())
      })
      incoming.pipe(onward)
    })
    await new Promise<void>((resolve) => this.#server?.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  stop(): void {
    this.#server?.closeAllConnections()
    this.#server?.close()
  }
}

let proxy: Breaking
let store: RemoteStore
let stores = 0
const item = itemOf(size, { large: true })
beforeEach(async () => {
  proxy = new Breaking()
  const endpoint = await proxy.start()
  store = s3Store({ endpoint, bucket: s3Bucket, ...s3Credentials, namespace: `bodies-${++stores}` })
  await store.set('a', item, minute)
  proxy.asked.length = 0
})
afterEach(() => proxy.stop())

async function found(): Promise<StoredBody> {
  const { body } = (await store.streams?.get('a')) ?? {}
  if (body === undefined || Buffer.isBuffer(body)) throw new Error('not a large item')
  return body as StoredBody
}

async function all(open: OpenBody | undefined, start = 0, end = size): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of open?.read(start, end) ?? []) pieces.push(piece)
  return Buffer.concat(pieces)
}

test('a hit is two requests, and what has no content one', async () => {
  const body = await found()
  expect(proxy.asked).toHaveLength(1)
  const open = await body.open(0, size)
  expect((await all(open)).equals(item.body)).toBe(true)
  open?.close()
  expect(proxy.asked.slice(1)).toEqual([`GET .body bytes=0-${size - 1}`])
})

test('a range asks for the pieces it needs', async () => {
  const open = await (await found()).open(MiB + 5, MiB + 6)
  expect((await all(open, MiB + 5, MiB + 6)).equals(item.body.subarray(MiB + 5, MiB + 6))).toBe(true)
  expect(proxy.asked.slice(1)).toEqual([`GET .body bytes=${MiB}-${MiB + 256 * 1024 - 1}`])
})

test('goes on where a connection broke', async () => {
  proxy.breaks = [3 * MiB, 2 * MiB]
  const open = await (await found()).open(0, size)
  expect((await all(open)).equals(item.body)).toBe(true)
  expect(proxy.asked.slice(2)).toEqual([
    expect.stringMatching(/^GET \.body bytes=3\d{6}-/),
    expect.stringMatching(/^GET \.body bytes=5\d{6}-/),
  ])
})

test.each([
  ['removed', () => store.delete('a')],
  ['replaced', () => store.set('a', itemOf(size, {}, 2), minute)],
])('ends with an error where it was %s when a connection broke', async (_, change) => {
  proxy.breaks = [3 * MiB]
  const open = await (await found()).open(0, size)
  const pieces = open?.read(0, size)
  const { value: first } = (await pieces?.next()) ?? {}
  await change()
  let bytes = (first as Buffer).length
  const rest = async (): Promise<void> => {
    for await (const piece of pieces ?? []) bytes += piece.length
  }
  await expect(rest()).rejects.toThrow('was removed or replaced while it was read')
  expect(bytes).toBeLessThan(size)
})

test('a connection that breaks without a byte is not asked for ever', async () => {
  proxy.breaks = [3 * MiB, 0.1, 0.1, 0.1, 0.1]
  const open = await (await found()).open(0, size)
  await expect(all(open)).rejects.toThrow()
  expect(proxy.asked.length).toBeLessThan(8)
})
