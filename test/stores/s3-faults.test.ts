import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { type S3StoreOptions, s3Store } from '../../src/adapters/stores/s3.ts'
import { guardStore, type StoreEvent } from '../../src/core/store/guard.ts'
import { itemOf } from '../store/items.ts'
import { type S3Server, s3Bucket, s3Credentials, startS3, startS3Proxy } from '../support/s3.ts'

const minute = 60_000

describe('s3Store when the endpoint fails', () => {
  let server: S3Server
  beforeAll(async () => {
    server = await startS3()
  })
  afterAll(() => server?.stop())
  const newStore = (options: Partial<S3StoreOptions> = {}) =>
    s3Store({ endpoint: server.endpoint, bucket: s3Bucket, ...s3Credentials, ...options })
  let events: StoreEvent[]
  const types = () => new Set(events.map(({ type }) => type))
  const guarded = (options: Partial<S3StoreOptions> = {}) =>
    guardStore(newStore(options), {
      storeTimeout: 100,
      writeTimeout: 1000,
      onEvent: (event) => events.push(event),
    })
  beforeEach(() => {
    events = []
  })
  afterEach(async () => {
    server.resume()
    await server.restart()
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
    await server.kill()
    await missesUntilSkipped(store)
    await server.restart()
    await isBack(store)
  })

  test('not there at the start: it is used once it is there', async () => {
    await server.kill()
    const store = guarded()
    await missesUntilSkipped(store)
    await server.restart()
    await vi.waitFor(async () => expect(await store.set('a', itemOf(1), minute)).toBe(true), {
      timeout: 12_000,
      interval: 50,
    })
  })

  test('frozen: misses in time, then it is back', async () => {
    const store = guarded()
    expect(await store.set('a', itemOf(100), minute)).toBe(true)
    await server.pause()
    await missesUntilSkipped(store)
    server.resume()
    await isBack(store)
  })

  test('slow: a guard misses in time; on its own the call ends with a sentence', async () => {
    const proxy = await startS3Proxy(server.endpoint)
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
    const proxy = await startS3Proxy(server.endpoint)
    const store = newStore({ endpoint: proxy.endpoint })
    await store.set('a', itemOf(100), minute)
    proxy.refuse = { times: 1, status: 503, code: 'SlowDown' }
    expect(await store.get('a')).toBeDefined()
    proxy.refuse = { times: 2, status: 503, code: 'SlowDown' }
    await expect(store.get('a')).rejects.toThrow('503 SlowDown). It asks for fewer requests')
    await proxy.stop()
  })

  test('connections that the server had closed while idle are no failure', async () => {
    const store = newStore()
    await store.set('a', itemOf(100), minute)
    await server.restart()
    expect(await store.get('a')).toBeDefined()
  })
})
