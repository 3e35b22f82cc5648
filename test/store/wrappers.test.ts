import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { compressed } from '../../src/core/store/compressed.ts'
import { encrypted } from '../../src/core/store/encrypted.ts'
import { HealthLog } from '../../src/core/store/health.ts'
import { localCapabilities } from '../../src/core/store/local-capabilities.ts'
import { memoryStore } from '../../src/core/store/memory.ts'
import { namespaced } from '../../src/core/store/namespaced.ts'
import { type RemoteStore, remoteStore } from '../../src/core/store/remote.ts'
import type { Store } from '../../src/core/store/store.ts'
import { tieredStore } from '../../src/core/store/tiered.ts'
import { describeStore, type Subject } from './behaviour.ts'
import { HeldClock } from './held-clock.ts'
import { itemOf } from './items.ts'
import { MapServer } from './map-backend.ts'

const minute = 60_000
const keys = [{ id: 'test', secret: Buffer.alloc(32, 1) }]

const wrappers: [string, (store: Store) => Store][] = [
  ['namespaced', (store) => namespaced(store, 'part')],
  ['compressed with zstd', (store) => compressed(store, { algorithm: 'zstd', threshold: 0 })],
  ['compressed with brotli', (store) => compressed(store, { algorithm: 'brotli', level: 1 })],
  ['encrypted', (store) => encrypted(store, { keys })],
  ['all of them', (store) => namespaced(compressed(encrypted(store, { keys })), 'part')],
]

describe.each(wrappers)('%s', (_, wrap) => {
  describeStore(
    'a memory store',
    () => {
      const clock = new HeldClock()
      const capabilities = localCapabilities({ clock })
      const store: Store = Object.assign(memoryStore({ clock }), { capabilities })
      return { store: wrap(store), pass: (ms) => clock.pass(ms), another: () => ({ store: wrap(store) }) }
    },
    { capabilities: true, without: ['restart'] },
  )

  describeStore(
    'a remote store',
    (): Subject => {
      const server = new MapServer()
      const another = () => ({ store: wrap(remoteStore('map', server.backend(), {})) })
      return { ...another(), another, pass: (ms) => sleep(ms) }
    },
    { largest: 4 * 2 ** 20, capabilities: true, without: ['restart'] },
  )

  test('has no capabilities where the store has none', () => {
    expect(wrap(memoryStore()).capabilities).toBeUndefined()
  })

  test('connects, closes and is as well as the store', async () => {
    const calls: string[] = []
    const store = remoteStore('map', new MapServer().backend(), {})
    store.ready = async () => void calls.push('ready')
    store.close = async () => void calls.push('close')
    const wrapped = wrap(store) as RemoteStore
    await wrapped.ready()
    await wrapped.close()
    expect(calls).toEqual(['ready', 'close'])
    expect(wrapped.health().state).toBe('up')
    new HealthLog(store, systemClock).gate('open')
    expect(wrapped.health().state).toBe('down')
    new HealthLog(wrapped, systemClock).failed(new Error('late'))
    expect(wrapped.health().state).toBe('degraded')
  })

  test('connects and closes a memory store, which has nothing to connect', async () => {
    const wrapped = wrap(memoryStore()) as unknown as RemoteStore
    await wrapped.ready()
    await wrapped.close()
    expect(wrapped.health().state).toBe('up')
  })

  test('is as near and takes as much as the store, and says what it stands on', () => {
    const store = memoryStore({ maxBytes: 2 ** 20 })
    const wrapped = wrap(store)
    expect([wrapped.near, wrapped.maxEntrySize]).toEqual([true, store.maxEntrySize])
    expect(wrapped.name).toMatch(/\(memory\)/)
    expect(wrapped.reserve(2 ** 18)).toBe(true)
    expect(store.size).toBe(2 ** 18)
    wrapped.release(2 ** 18)
    expect(store.size).toBe(0)
  })

  test('an item that is too large removes what was there, and nothing reaches the store', async () => {
    const inner = remoteStore('map', new MapServer().backend(), { maxEntrySize: 1000 })
    const wrapped = wrap(inner)
    await wrapped.set('a', itemOf(10), minute)
    await wrapped.set('a', { meta: {}, body: Buffer.alloc(1001) }, minute)
    expect(await wrapped.get('a')).toBeUndefined()
  })

  test('a store that fails makes the call reject', async () => {
    const get = async () => Promise.reject(new Error('down'))
    const wrapped = wrap(remoteStore('map', { ...new MapServer().backend(), get }, {}))
    await expect(wrapped.get('a')).rejects.toThrow('down')
  })

  test('takes no tiers, nor anything that is no store', () => {
    const far = remoteStore('map', new MapServer().backend(), {})
    expect(() => wrap(tieredStore(memoryStore(), far))).toThrow(/takes a tier, not a tiered store/)
    expect(() => wrap(undefined as unknown as Store)).toThrow(TypeError)
    expect(() => wrap(7 as unknown as Store)).toThrow(TypeError)
  })
})
