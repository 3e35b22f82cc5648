import { AwsClient } from 'aws4fetch'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { type S3StoreOptions, s3Store } from '../../src/adapters/stores/s3.ts'
import { guardStore, type StoreEvent } from '../../src/core/store/guard.ts'
import { storeSuite } from '../../src/testing/index.ts'
import { itemOf } from '../store/items.ts'
import { ManualClock } from '../support/engine.ts'
import { type S3Proxy, type S3Server, s3Bucket, s3Credentials, startS3, startS3Proxy } from '../support/s3.ts'

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
  largest: 4 * MiB,
  create: () => {
    const namespace = `suite-${++stores}`
    const { clock, store, pass } = onOwnClock({ namespace })
    return { store, pass, another: () => ({ store: newStore({ namespace, clock }) }), restart: () => server.restart() }
  },
})

describe('s3Store with conditional writes, on s3rver behind a proxy that emulates them', () => {
  let proxy: S3Proxy
  beforeAll(async () => {
    proxy = await startS3Proxy(server.endpoint, { conditions: true })
  })
  afterAll(() => proxy?.stop())

  storeSuite({
    describe,
    test,
    beforeAll,
    afterAll,
    name: 'the suite of breakwater/testing',
    capabilities: true,
    largest: 2 * MiB,
    create: () => {
      const namespace = `suite-${++stores}`
      const options = { namespace, endpoint: proxy.endpoint, conditionalWrites: true }
      const { clock, store, pass } = onOwnClock(options)
      return { store, pass, another: () => ({ store: newStore({ ...options, clock }) }) }
    },
  })

  test('a lock that ended is taken over by one of many', async () => {
    const { clock, store } = onOwnClock({ endpoint: proxy.endpoint, conditionalWrites: true })
    expect(await store.capabilities?.setIfAbsent('lock', Buffer.from('first'), 1000)).toBe(true)
    clock.pass(1)
    const taken = await Promise.all(
      Array.from({ length: 20 }, (_, i) => store.capabilities?.setIfAbsent('lock', Buffer.from(`next ${i}`), 1000)),
    )
    expect(taken.filter(Boolean).length).toBe(1)
  })
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

  test('a body of 64 MiB comes back byte for byte, and goes with all its parts', async () => {
    const proxy = await startS3Proxy(server.endpoint)
    const store = newStore({ endpoint: proxy.endpoint })
    const item = itemOf(64 * MiB)
    await store.set('large', item, minute)
    expect((await store.get('large'))?.body.equals(item.body)).toBe(true)
    expect(await store.delete('large')).toBe(true)
    expect(proxy.asked.filter((asked) => asked.startsWith('DELETE')).length).toBe(1 + 128)
    expect(await store.get('large')).toBeUndefined()
    await proxy.stop()
  })

  test('clear empties its own namespace, over several pages, and nothing else', async () => {
    const [store, neighbour] = [newStore({ namespace: 'page' }), newStore({ namespace: 'pages' })]
    await neighbour.set('a', itemOf(1), minute)
    const keys = Array.from({ length: 1_050 }, (_, i) => `key ${i}`)
    for (let i = 0; i < keys.length; i += 50) {
      await Promise.all(keys.slice(i, i + 50).map((key) => store.set(key, itemOf(1), minute)))
    }
    await store.clear()
    for (const key of ['key 0', 'key 500', 'key 999', 'key 1000', 'key 1049']) {
      expect(await store.get(key)).toBeUndefined()
    }
    expect(await neighbour.get('a')).toBeDefined()
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

describe('s3Store when the endpoint fails', () => {
  let own: S3Server
  beforeAll(async () => {
    own = await startS3()
  })
  afterAll(() => own?.stop())
  let events: StoreEvent[]
  const types = () => new Set(events.map(({ type }) => type))
  const guarded = (options: Partial<S3StoreOptions> = {}) =>
    guardStore(newStore({ endpoint: own.endpoint, ...options }), {
      storeTimeout: 100,
      writeTimeout: 1000,
      onEvent: (event) => events.push(event),
    })
  beforeEach(() => {
    events = []
  })
  afterEach(async () => {
    own.resume()
    await own.restart()
  })
  /** A read that finds nothing, within its deadline. */
  const missesInTime = async (store: ReturnType<typeof guarded>) => {
    const start = performance.now()
    expect(await store.get('a')).toBeUndefined()
    expect(performance.now() - start).toBeLessThan(100 + 150)
  }
  const missesUntilSkipped = async (store: ReturnType<typeof guarded>) => {
    for (let i = 0; i < 20 && !types().has('skipped'); i++) await missesInTime(store)
    expect(types()).toContain('gate-open')
  }
  const isBack = (store: ReturnType<typeof guarded>) =>
    vi.waitFor(async () => expect(await store.get('a')).toBeDefined(), { timeout: 12_000, interval: 50 })

  test('killed and started again: misses in time, then it is back with what it had', async () => {
    const store = guarded()
    expect(await store.set('a', itemOf(100), minute)).toBe(true)
    await own.kill()
    await missesUntilSkipped(store)
    await own.restart()
    await isBack(store)
  })

  test('not there at the start: it is used once it is there', async () => {
    await own.kill()
    const store = guarded()
    await missesUntilSkipped(store)
    await own.restart()
    await vi.waitFor(async () => expect(await store.set('a', itemOf(1), minute)).toBe(true), {
      timeout: 12_000,
      interval: 50,
    })
  })

  test('frozen: misses in time, then it is back', async () => {
    const store = guarded()
    expect(await store.set('a', itemOf(100), minute)).toBe(true)
    own.pause()
    await missesUntilSkipped(store)
    own.resume()
    await isBack(store)
  })

  test('slow: a guard misses in time; on its own the call ends with a sentence', async () => {
    const proxy = await startS3Proxy(own.endpoint)
    const [store, alone] = [
      guarded({ endpoint: proxy.endpoint }),
      newStore({ endpoint: proxy.endpoint, requestTimeout: 300 }),
    ]
    await store.set('a', itemOf(100), minute)
    await alone.ready()
    proxy.delay = 2000
    await missesInTime(store)
    await expect(alone.get('a')).rejects.toThrow(/no answer from .* within 300 ms/)
    proxy.delay = 0
    await isBack(store)
    await proxy.stop()
  })

  test('one passing failure is met by one more attempt, two are an error', async () => {
    const proxy = await startS3Proxy(own.endpoint)
    const store = newStore({ endpoint: proxy.endpoint })
    await store.set('a', itemOf(100), minute)
    proxy.refuse = { times: 1, status: 503, code: 'SlowDown' }
    expect(await store.get('a')).toBeDefined()
    proxy.refuse = { times: 2, status: 503, code: 'SlowDown' }
    await expect(store.get('a')).rejects.toThrow('503 SlowDown). It asks for fewer requests')
    await proxy.stop()
  })

  test('a write on a condition is sent once, as nobody knows what became of it', async () => {
    const proxy = await startS3Proxy(own.endpoint, { conditions: true })
    const store = newStore({ endpoint: proxy.endpoint, conditionalWrites: true })
    await store.ready()
    proxy.refuse = { times: 1, status: 500, code: 'InternalError' }
    await expect(store.capabilities?.setIfAbsent('a', Buffer.from('a'), minute)).rejects.toThrow('500 InternalError')
    await proxy.stop()
  })

  test('connections that the server had closed while idle are no failure', async () => {
    const store = newStore({ endpoint: own.endpoint })
    await store.set('a', itemOf(100), minute)
    await own.restart()
    expect(await store.get('a')).toBeDefined()
  })
})
