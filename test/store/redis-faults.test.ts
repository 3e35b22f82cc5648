import KeyvRedis from '@keyv/redis'
import { Keyv } from 'keyv'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type GuardedStore, guardStore, type StoreEvent } from '../../src/core/store/guard.ts'
import { keyvStore } from '../../src/core/store/keyv.ts'
import { describeWithProgram, type RedisServer, startRedis } from '../support/servers.ts'
import { itemOf } from './items.ts'

const minute = 60_000
const storeTimeout = 100
/** What a busy machine may add to a deadline, in ms. */
const slack = 150

// A real server cannot be handed a clock: these tests take the time that its clients take.
describeWithProgram('redis-server', 'a guarded Redis that fails under way', () => {
  let redis: RedisServer
  let adapter: KeyvRedis<unknown>
  let guarded: GuardedStore
  let events: StoreEvent[]

  const connect = () => {
    adapter = new KeyvRedis(redis.url)
    events = []
    guarded = guardStore(keyvStore(new Keyv(adapter)), { storeTimeout, onEvent: (event) => events.push(event) })
  }
  const types = () => new Set(events.map(({ type }) => type))

  /** A read that finds nothing, within its deadline. */
  const missInTime = async () => {
    const start = performance.now()
    expect(await guarded.get('a')).toBeUndefined()
    expect(performance.now() - start).toBeLessThan(storeTimeout + slack)
  }
  const missesUntilSkipped = async () => {
    for (let i = 0; i < 20 && !types().has('skipped'); i++) await missInTime()
    expect(types()).toContain('gate-open')
  }
  /** Writes and reads as a program does that knows nothing of the trouble, until they work. */
  const recovers = async () => {
    await vi.waitFor(
      async () => {
        expect(await guarded.set('a', itemOf(100, { back: true }), minute)).toBe(true)
        expect((await guarded.get('a'))?.meta).toEqual({ back: true })
      },
      { timeout: 12_000, interval: 50 },
    )
    expect(types()).toContain('gate-closed')
  }

  beforeEach(async () => {
    redis = await startRedis()
  })
  afterEach(async () => {
    adapter.client.destroy()
    await redis.stop()
  })

  test('killed and started again: misses in time, then it is back', async () => {
    connect()
    expect(await guarded.set('a', itemOf(100), minute)).toBe(true)
    expect(await guarded.get('a')).toBeDefined()
    await redis.kill()
    await missesUntilSkipped()
    await redis.restart()
    await recovers()
  })

  test('frozen: misses in time, then it is back with what it had', async () => {
    connect()
    expect(await guarded.set('a', itemOf(100), minute)).toBe(true)
    await redis.pause()
    await missesUntilSkipped()
    redis.resume()
    await vi.waitFor(async () => expect(await guarded.get('a')).toBeDefined(), { timeout: 12_000, interval: 50 })
    expect(types()).toContain('gate-closed')
  })

  test('not there at the start: misses in time, and it is used once it is there', async () => {
    await redis.kill()
    connect()
    await missesUntilSkipped()
    await redis.restart()
    await recovers()
  })

  test('frozen while many write: what is in flight stays bounded', async () => {
    connect()
    expect(await guarded.set('a', itemOf(100), minute)).toBe(true)
    await redis.pause()
    const writes = Array.from({ length: 1_000 }, (_, i) => guarded.set(`key ${i}`, itemOf(1_000), minute))
    expect(events.filter(({ type }) => type === 'dropped').length).toBe(1_000 - 256)
    await missInTime()
    redis.resume()
    expect((await Promise.all(writes)).filter(Boolean).length).toBe(256)
  })
})
