import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { AwsClient } from 'aws4fetch'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type S3StoreOptions, s3Store } from '../../src/adapters/stores/s3.ts'
import { storeSuite } from '../../src/testing/index.ts'
import { itemOf } from '../store/items.ts'
import { ManualClock } from '../support/engine.ts'
import { type S3Server, s3Bucket, s3Credentials, startS3, startS3Proxy } from '../support/s3.ts'

const minute = 60_000
const MiB = 2 ** 20
const account = { bucket: s3Bucket, ...s3Credentials }

let server: S3Server
beforeAll(async () => {
  server = await startS3()
})
afterAll(() => server?.stop())

/** Each its own folder in the bucket. */
let stores = 0
const newStore = (options: Partial<S3StoreOptions> = {}) =>
  s3Store({ endpoint: server.endpoint, ...account, namespace: `test-${++stores}`, ...options })

const onOwnClock = (options: Partial<S3StoreOptions> = {}) => {
  const clock = new ManualClock()
  return { clock, store: newStore({ clock, ...options }), pass: (ms: number) => clock.pass(ms / 1000) }
}

storeSuite({
  describe,
  test,
  beforeAll,
  afterAll,
  name: 's3Store on s3rver',
  capabilities: false,
  streams: true,
  freezes: true,
  largest: 4 * MiB,
  create: () => {
    const namespace = `suite-${++stores}`
    const { clock, store, pass } = onOwnClock({ namespace })
    const freeze = async () => {
      await server.pause()
      return () => server.resume()
    }
    const another = () => ({ store: newStore({ namespace, clock }) })
    return { store, pass, another, restart: () => server.restart(), freeze }
  },
})

describe('s3Store', () => {
  test('has no locks and counters where the endpoint is not said to write on conditions', () => {
    expect(newStore().capabilities).toBeUndefined()
    expect(newStore({ conditionalWrites: true }).capabilities?.scope).toBe('cluster')
  })

  test('an endpoint that ignores conditions is found out when the store opens', async () => {
    const store = newStore({ conditionalWrites: true })
    await expect(store.ready()).rejects.toThrow('ignores If-None-Match or If-Match: leave conditionalWrites out')
  })

  test('an object whose lifetime ended is a miss and is deleted behind', async () => {
    const proxy = await startS3Proxy(server.endpoint)
    const { clock, store } = onOwnClock({ endpoint: proxy.endpoint })
    await store.set('a', itemOf(10), 1000)
    clock.pass(0.999)
    expect(await store.get('a')).toBeDefined()
    clock.pass(0.001)
    expect(await store.get('a')).toBeUndefined()
    await vi.waitFor(() => expect(proxy.asked.at(-1)).toMatch(/^DELETE /))
    await proxy.stop()
  })

  test('the end of an object stands in its metadata', async () => {
    const clock = new ManualClock()
    const sent: Headers[] = []
    const spy = vi.spyOn(globalThis, 'fetch').mockImplementation(async (request) => {
      sent.push((request as Request).headers)
      return new Response('<ListBucketResult/>')
    })
    const store = newStore({ clock })
    await store.set('a', itemOf(10), 1500)
    await store.set('b', itemOf(10), Infinity)
    spy.mockRestore()
    expect(sent.slice(1).map((headers) => headers.get('x-amz-meta-expires'))).toEqual([
      String(clock.now() + 1500),
      'never',
    ])
  })

  test('a body of 64 MiB comes back byte for byte', { timeout: 60_000 }, async () => {
    const store = newStore()
    const item = itemOf(64 * MiB)
    await store.set('large', item, minute)
    expect((await store.get('large'))?.body.equals(item.body)).toBe(true)
  })

  test('a large body goes with its item', async () => {
    const proxy = await startS3Proxy(server.endpoint)
    const store = newStore({ endpoint: proxy.endpoint })
    await store.set('large', itemOf(4 * MiB), minute)
    expect(await store.delete('large')).toBe(true)
    expect(proxy.asked.filter((asked) => asked.startsWith('DELETE')).length).toBe(2)
    expect(await store.get('large')).toBeUndefined()
    await proxy.stop()
  })

  test('clear empties its own namespace, over several pages, and nothing else', async () => {
    const proxy = await startS3Proxy(server.endpoint)
    proxy.pageSize = 10
    const options = { endpoint: proxy.endpoint }
    const [store, neighbour] = [
      newStore({ ...options, namespace: 'page' }),
      newStore({ ...options, namespace: 'pages' }),
    ]
    await neighbour.set('a', itemOf(1), minute)
    const keys = Array.from({ length: 35 }, (_, i) => `key ${i}`)
    await Promise.all(keys.map((key) => store.set(key, itemOf(1), minute)))
    await store.clear()
    expect(proxy.asked.filter((asked) => asked.endsWith(`/${s3Bucket}/`)).length).toBeGreaterThanOrEqual(4)
    expect(await Promise.all(keys.map((key) => store.get(key)))).toEqual(keys.map(() => undefined))
    expect(await neighbour.get('a')).toBeDefined()
    await proxy.stop()
  })

  test('clear deletes nothing elsewhere, whatever names somebody gave to objects beside ours', async () => {
    const names = ['clear/a', 'clear/../precious', 'clear/../../another/precious', 'clear/./b', 'clear/..']
    const asked: string[] = []
    const endpoint = createServer((request, response) => {
      if (request.method === 'DELETE') asked.push(String(request.url))
      const found = request.method === 'GET' ? names.map((name) => `<Key>${name}</Key>`).join('') : ''
      response.writeHead(request.method === 'GET' ? 200 : 204).end(found)
    })
    await new Promise<void>((resolve) => endpoint.listen(0, '127.0.0.1', resolve))
    const { port } = endpoint.address() as AddressInfo
    await newStore({ endpoint: `http://127.0.0.1:${port}`, namespace: 'clear' }).clear()
    expect(asked).toEqual([`/${s3Bucket}/clear/a`])
    endpoint.closeAllConnections()
    await new Promise((resolve) => endpoint.close(resolve))
  })

  test('what somebody else put under a key of ours is a miss', async () => {
    const proxy = await startS3Proxy(server.endpoint)
    const store = newStore({ endpoint: proxy.endpoint })
    await store.set('a', itemOf(1), minute)
    const path = String(proxy.asked.find((asked) => asked.startsWith('PUT'))).slice(4)
    const somebody = new AwsClient({ ...s3Credentials, service: 's3' })
    for (const body of ['x', 'something else that is longer than a header']) {
      const written = await somebody.fetch(server.endpoint + path, { method: 'PUT', body })
      expect(written.status).toBe(200)
      expect(await store.get('a')).toBeUndefined()
    }
    await proxy.stop()
  })
})

describe('s3Store says what is wrong', () => {
  const secret = 'verysecret+/key'

  test('a bucket that is not there', async () => {
    const store = newStore({ bucket: 'not-there' })
    await expect(store.ready()).rejects.toThrow(
      /in the bucket not-there at http.* \(404 NoSuchBucket\)\. There is no such bucket: create it/,
    )
    await expect(store.get('a')).rejects.toThrow('NoSuchBucket')
  })

  test('an access key that is not known', async () => {
    const store = newStore({ accessKeyId: 'SOMEBODY', secretAccessKey: secret })
    const error = await store.ready().catch(String)
    expect(error).toContain('(403 InvalidAccessKeyId). The access key is not known there: correct accessKeyId')
    expect(error).not.toContain(secret)
  })

  // s3rver does not verify signatures and has no rights: these answers are the proxy's.
  test.each([
    [403, 'SignatureDoesNotMatch', 'The credentials are wrong: correct secretAccessKey'],
    [403, 'AccessDenied', 'The credentials are wrong or may not do that: allow s3:ListBucket'],
    [403, '', 'The credentials are wrong or may not do that'],
    [400, 'ExpiredToken', 'The session token has ended'],
    [301, 'PermanentRedirect', 'The bucket is in another region'],
    [418, 'Teapot', '(418 Teapot)'],
  ])('an answer %i %s', async (status, code, sentence) => {
    const proxy = await startS3Proxy(server.endpoint)
    const store = newStore({ endpoint: proxy.endpoint, secretAccessKey: secret })
    proxy.refuse = { times: 1, status, code }
    await expect(store.ready()).rejects.toThrow(sentence)
    await store.ready()
    for (const call of [() => store.get('a'), () => store.set('a', itemOf(1), minute), () => store.clear()]) {
      proxy.refuse = { times: 1, status, code }
      await expect(call()).rejects.toThrow(sentence)
    }
    await proxy.stop()
  })

  test('nobody listens at the endpoint', async () => {
    const store = newStore({ endpoint: 'http://127.0.0.1:1' })
    const start = performance.now()
    await expect(store.get('a')).rejects.toThrow(/no answer from http:\/\/127\.0\.0\.1:1\/.*/)
    expect(performance.now() - start).toBeLessThan(1000)
  })

  test.each([
    [{ endpoint: 'no url' }, 'endpoint must be a URL such as https://'],
    [{ endpoint: 'ftp://example.org' }, 'endpoint must be a URL such as https://'],
    [
      { endpoint: `http://user:${encodeURIComponent(secret)}@example.org` },
      'endpoint must be a URL without credentials',
    ],
    [{ endpoint: 'http://example.org/?a' }, 'endpoint must be a URL without a query'],
    [{ bucket: '' }, "bucket must be a text, not ''"],
    [{ bucket: 'a/b' }, "bucket must be the name of a bucket, not 'a/b'"],
    [{ accessKeyId: undefined }, 'accessKeyId must be a text, not undefined'],
    [{ secretAccessKey: 7 }, 'secretAccessKey must be a text that is not empty'],
    [{ sessionToken: '' }, 'sessionToken must be a text that is not empty'],
    [{ pathStyle: 'yes' }, "pathStyle must be true or false, not 'yes'"],
    [{ conditionalWrites: 1 }, 'conditionalWrites must be true or false, not 1'],
    [{ requestTimeout: 0 }, 'requestTimeout must be milliseconds above 0'],
    [{ client: {} }, 'client must be an S3Client with the method send'],
    [{ client: { send: async () => {} } }, "import * as commands from '@aws-sdk/client-s3'"],
    [{ commands: {} }, 'commands belong to a client'],
    [{ namespace: 'a b' }, 'namespace must be'],
    [{ ttl: 5 }, "s3Store has no option 'ttl'"],
  ])('an option it cannot use: %o', (options, message) => {
    const make = () => s3Store({ endpoint: 'http://127.0.0.1:1', ...account, ...(options as object) })
    expect(make).toThrow(message)
    expect(make).not.toThrow('verysecret')
  })

  test('that it takes options', () => {
    expect(() => s3Store(undefined as unknown as S3StoreOptions)).toThrow('bucket must be a text')
  })

  test('buckets are in the path, or in the host’s name where that is asked for', async () => {
    const urls: string[] = []
    const spy = vi.spyOn(globalThis, 'fetch').mockImplementation(async (request) => {
      urls.push((request as Request).url)
      return new Response('<ListBucketResult/>')
    })
    const base = { ...account, region: 'eu-central-1' }
    await s3Store(base).ready()
    await s3Store({ ...base, pathStyle: false }).ready()
    await s3Store({ ...base, endpoint: 'https://example.org/s3' }).ready()
    spy.mockRestore()
    expect(urls.map((url) => url.split('?')[0])).toEqual([
      `https://s3.eu-central-1.amazonaws.com/${s3Bucket}/`,
      `https://${s3Bucket}.s3.eu-central-1.amazonaws.com/`,
      `https://example.org/s3/${s3Bucket}/`,
    ])
  })
})
