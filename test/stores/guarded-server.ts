/** What becomes of a store behind a guard, as the cache has it, while its server fails. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type GuardedStore, guardStore, type StoreEvent } from '../../src/core/store/guard.ts'
import type { RemoteStore } from '../../src/core/store/remote.ts'
import { itemOf } from '../store/items.ts'
import type { TestServer } from '../support/servers.ts'

const minute = 60_000
const storeTimeout = 100
/** What a busy machine may add to a deadline, in ms. */
const slack = 150
const back = { timeout: 15_000, interval: 50 }

export interface FailingServer<Server extends TestServer> {
  start(): Promise<Server>
  /** A store on it that waits half a second to connect. */
  open(server: Server): RemoteStore
  /** Whether what it has outlives its end. */
  readonly keeps: boolean
  /** What the store says while it cannot be reached. */
  readonly refusal: RegExp
}

/** Defines the tests. Each has a server of its own. */
export function guardedServerTests<Server extends TestServer>(given: FailingServer<Server>): void {
  let server: Server
  let store: RemoteStore
  let guarded: GuardedStore
  let events: StoreEvent[]

  const open = () => {
    store = given.open(server)
    events = []
    guarded = guardStore(store, { storeTimeout, onEvent: (event) => events.push(event) })
  }
  const types = () => new Set(events.map(({ type }) => type))
  const missesUntilSkipped = async () => {
    for (let i = 0; i < 20 && !types().has('skipped'); i++) {
      const start = performance.now()
      expect(await guarded.get('a')).toBeUndefined()
      expect(performance.now() - start).toBeLessThan(storeTimeout + slack)
    }
    expect(types()).toContain('gate-open')
  }
  const rejectsAtOnce = async () => {
    const start = performance.now()
    await expect(store.get('a')).rejects.toThrow(given.refusal)
    expect(performance.now() - start).toBeLessThan(slack)
  }
  const hasWhatItHad = () => vi.waitFor(async () => expect(await guarded.get('a')).toBeDefined(), back)
  const recovers = () =>
    vi.waitFor(async () => {
      expect(await guarded.set('a', itemOf(100, { back: true }), minute)).toBe(true)
      expect((await guarded.get('a'))?.meta).toEqual({ back: true })
    }, back)

  beforeEach(async () => {
    server = await given.start()
  })
  afterEach(async () => {
    await store.close()
    await server.stop()
  })

  test('killed and started again: misses in time, rejects at once, then it is back', async () => {
    open()
    expect(await guarded.set('a', itemOf(100), minute)).toBe(true)
    await server.kill()
    await missesUntilSkipped()
    await rejectsAtOnce()
    await server.restart()
    if (given.keeps) await hasWhatItHad()
    await recovers()
  })

  test('killed while something is removed: it is removed when the server is back', async () => {
    open()
    for (const key of 'abc') expect(await guarded.set(key, itemOf(100), minute)).toBe(true)
    await server.kill()
    await missesUntilSkipped()
    expect(await Promise.all([guarded.delete('b'), guarded.delete('c')])).toEqual([false, false])
    await server.restart()
    await recovers()
    for (const key of 'bc') await vi.waitFor(async () => expect(await store.get(key)).toBeUndefined(), back)
    // The rest is as it was.
    if (given.keeps) expect(await store.get('a')).toBeDefined()
  })

  test('frozen: misses in time, then it is back with what it had', async () => {
    open()
    expect(await guarded.set('a', itemOf(100), minute)).toBe(true)
    expect(await guarded.get('a')).toBeDefined()
    await server.pause()
    await missesUntilSkipped()
    server.resume()
    await hasWhatItHad()
  })

  test('not there at the start: misses in time, and it is used once it is there', async () => {
    await server.kill()
    open()
    await missesUntilSkipped()
    await server.restart()
    await recovers()
  })

  test('frozen at the start: rejects when the time to connect is over, then at once, then is used', async () => {
    await server.pause()
    open()
    await expect(store.ready()).rejects.toThrow(given.refusal)
    await rejectsAtOnce()
    server.resume()
    await recovers()
  })
}
