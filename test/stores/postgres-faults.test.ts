import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { type PostgresStoreOptions, postgresStore } from '../../src/adapters/stores/postgres.ts'
import type { Subscriber } from '../../src/core/store/capabilities.ts'
import { StoreError } from '../../src/core/store/errors.ts'
import { guardStore } from '../../src/core/store/guard.ts'
import type { RemoteStore } from '../../src/core/store/remote.ts'
import { itemOf } from '../store/items.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { describeWithProgram } from '../support/servers.ts'

const minute = 60_000
const connectTimeout = 500
/** What a busy machine may take for something that needs no waiting, in ms. */
const atOnce = 200

// A real server cannot be handed a clock: these tests take the time that connections take.
describeWithProgram('initdb', 'a postgresStore whose server fails', () => {
  let server: PostgresServer
  const stores: RemoteStore[] = []
  const unhandled: unknown[] = []
  const note = (reason: unknown): void => void unhandled.push(reason)

  beforeAll(async () => {
    server = await startPostgres()
  })
  beforeEach(() => {
    process.on('unhandledRejection', note)
    process.on('uncaughtException', note)
  })
  afterEach(async () => {
    await server.resume()
    await Promise.all(stores.splice(0).map((store) => store.close()))
    process.off('unhandledRejection', note)
    process.off('uncaughtException', note)
    expect(unhandled.splice(0)).toEqual([])
  })
  afterAll(() => server?.stop())

  const create = (options: PostgresStoreOptions = {}): RemoteStore => {
    const store = postgresStore({ ...(options.pool === undefined && { url: server.url }), connectTimeout, ...options })
    stores.push(store)
    return store
  }
  /** Writes and reads as a program does that knows nothing of the trouble, until they work. */
  const worksAgain = (store: RemoteStore) =>
    vi.waitFor(
      async () => {
        await store.set('a', itemOf(100, { back: true }), minute)
        expect((await store.get('a'))?.meta).toEqual({ back: true })
      },
      { timeout: 10_000, interval: 20 },
    )
  const fillPool = (store: RemoteStore) =>
    Promise.all(Array.from({ length: 20 }, (_, i) => store.set(`key ${i}`, itemOf(10), minute)))
  const timeOf = async (work: () => Promise<unknown>): Promise<number> => {
    const start = performance.now()
    await work()
    return performance.now() - start
  }
  const rejectsAtOnce = async (store: RemoteStore) => {
    const took = await timeOf(async () => {
      await expect(store.get('a')).rejects.toThrow(StoreError)
      await expect(store.set('a', itemOf(1), minute)).rejects.toThrow(StoreError)
      await expect(store.capabilities?.increment('a', 1, minute)).rejects.toThrow(StoreError)
      await expect(store.clear()).rejects.toThrow(StoreError)
    })
    expect(took).toBeLessThan(atOnce)
  }

  test('restarted with an idle pool: nothing is thrown, and it works again', async () => {
    const pool = new pg.Pool({ connectionString: server.url })
    const both = [create(), create({ pool })]
    for (const store of both) await fillPool(store)
    await server.restart()
    for (const store of both) await worksAgain(store)
    expect(unhandled).toEqual([])
    await both[1]?.close()
    await pool.end()
  })

  test('not there at the start: calls reject at once, and it works when it is there', async () => {
    await server.kill()
    const store = create()
    await expect(store.ready()).rejects.toThrow(/cannot be used: check that it runs.*ECONNREFUSED/)
    await rejectsAtOnce(store)
    await server.restart()
    await worksAgain(store)
  })

  test('killed under load: what is under way rejects at once, and it works when it is back', async () => {
    const store = create()
    await fillPool(store)
    const load = Array.from({ length: 500 }, (_, i) => store.set(`key ${i}`, itemOf(1000), minute))
    const all = Promise.allSettled(load)
    await server.kill()
    expect(await timeOf(() => all)).toBeLessThan(atOnce)
    await rejectsAtOnce(store)
    await server.restart()
    await worksAgain(store)
  })

  test('frozen: a guarded store answers within storeTimeout, and is back after it', async () => {
    const store = create({ statementTimeout: 300 })
    const guarded = guardStore(store, { storeTimeout: 100 })
    await store.set('a', itemOf(100), minute)
    await server.pause()
    for (let i = 0; i < 10; i++) {
      const took = await timeOf(async () => expect(await guarded.get('a')).toBeUndefined())
      expect(took).toBeLessThan(100 + atOnce)
    }
    await server.resume()
    await worksAgain(store)
    await vi.waitFor(async () => expect(await guarded.get('a')).toBeDefined(), { timeout: 12_000, interval: 50 })
  })

  test('frozen: statements end at their deadline, and nobody waits longer for a connection than connectTimeout', async () => {
    const store = create({ max: 2, statementTimeout: 800 })
    await fillPool(store)
    await server.pause()
    const start = performance.now()
    const ended = await Promise.allSettled(
      Array.from({ length: 50 }, () => store.get('a').finally(() => performance.now() - start)),
    )
    expect(performance.now() - start).toBeLessThan(800 + connectTimeout + atOnce)
    const reasons = new Set(ended.map((each) => (each.status === 'rejected' ? String(each.reason) : 'answered')))
    expect([...reasons].toSorted()).toEqual([
      'StoreError: PostgreSQL did not answer: nothing came within 800 ms',
      `StoreError: PostgreSQL has not finished anything for ${connectTimeout} ms`,
    ])
    await server.resume()
    await worksAgain(store)
  })

  test('frozen: it can be closed', async () => {
    const store = create({ statementTimeout: 300 })
    await fillPool(store)
    await store.capabilities?.subscribe?.('channel', new Listener())
    await server.pause()
    const asked = store.get('a').catch(String)
    expect(await timeOf(() => store.close())).toBeLessThan(300 + atOnce)
    expect(await asked).toMatch('StoreError')
  })

  test('frozen before the first connection: calls reject within connectTimeout, and then at once', async () => {
    await server.pause()
    const store = create()
    const took = await timeOf(() => expect(store.get('a')).rejects.toThrow(/cannot be used/))
    expect(took).toBeLessThan(connectTimeout + atOnce)
    await rejectsAtOnce(store)
    await server.resume()
    await worksAgain(store)
  })

  test('a connection that the server ends takes its own call with it only', async () => {
    const store = create({ max: 3 })
    await fillPool(store)
    await server.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1', [
      'breakwater',
    ])
    await worksAgain(store)
  })

  test('a subscriber is told that it hears nothing while the server is away, and hears again', async () => {
    const [from, to] = [create(), create()]
    const listener = new Listener()
    const end = await to.capabilities?.subscribe?.('channel', listener)
    await server.kill()
    await expect.poll(() => listener.said).toEqual(['connected', 'lost'])
    await expect(to.capabilities?.subscribe?.('channel', new Listener())).rejects.toThrow(StoreError)
    await server.restart()
    await expect.poll(() => listener.said, { timeout: 8000 }).toEqual(['connected', 'lost', 'connected'])
    await vi.waitFor(async () => from.capabilities?.publish?.('channel', 'hello'), { timeout: 20_000 })
    await expect.poll(() => listener.said.at(-1)).toBe('hello')
    await end?.()
  })

  test('a subscriber behind a connection that is silent is told so', { timeout: 20_000 }, async () => {
    const store = create()
    const listener = new Listener()
    await store.capabilities?.subscribe?.('channel', listener)
    await server.pause()
    await expect.poll(() => listener.said, { timeout: 9000, interval: 50 }).toEqual(['connected', 'lost'])
    await server.resume()
    await expect.poll(() => listener.said, { timeout: 8000 }).toEqual(['connected', 'lost', 'connected'])
  })
})

class Listener implements Subscriber {
  readonly said: string[] = []

  message(text: string): void {
    this.said.push(text)
  }

  connected(): void {
    this.said.push('connected')
  }

  lost(): void {
    this.said.push('lost')
  }
}
