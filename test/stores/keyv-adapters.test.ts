import { setTimeout as sleep } from 'node:timers/promises'
import { Keyv } from 'keyv'
import { Keyv as Keyv6 } from 'keyv6'
import { describe, expect, test } from 'vitest'
import { guardStore, type StoreEvent } from '../../src/core/store/guard.ts'
import { type KeyvLike, type KeyvStore, keyvStore } from '../../src/core/store/keyv.ts'
import { remoteStore } from '../../src/core/store/remote.ts'
import { describeStore } from '../store/behaviour.ts'
import { itemOf } from '../store/items.ts'
import { MapServer } from '../store/map-backend.ts'

const minute = 60_000
/** A Keyv has no capabilities, and here neither a second client nor a server. */
const plain = { capabilities: false, without: ['another', 'restart'] } as const

/** An adapter as others write it, with no more than Keyv needs: no `has`, no many, no iterator, no events. */
class PlainAdapter {
  readonly opts: object = {}
  namespace: string | undefined
  readonly kept = new Map<string, { value: unknown; ends: number }>()
  trouble: (() => Promise<void>) | undefined

  async get(key: string): Promise<unknown> {
    await this.trouble?.()
    const found = this.kept.get(key)
    return found !== undefined && found.ends > performance.now() ? found.value : undefined
  }
  async set(key: string, value: unknown, ttl?: number): Promise<void> {
    await this.trouble?.()
    this.kept.set(key, { value, ends: ttl === undefined ? Infinity : performance.now() + ttl })
  }
  async delete(key: string): Promise<boolean> {
    await this.trouble?.()
    return this.kept.delete(key)
  }
  async clear(): Promise<void> {
    await this.trouble?.()
    this.kept.clear()
  }
}

type NewKeyv = (store: object, options?: object) => KeyvLike

// Each Keyv has types of its own for what it takes.
const versions: [string, NewKeyv][] = [
  ['keyv 5', (store, options) => new Keyv({ store: store as never, ...options })],
  ['keyv 6', (store, options) => new Keyv6({ store: store as never, ...options })],
]

describe.each(versions)('%s on an adapter of somebody else', (version, newKeyv) => {
  const pass = (ms: number) => sleep(ms)
  describeStore(
    `keyvStore, ${version}, plain adapter`,
    () => ({ store: keyvStore(newKeyv(new PlainAdapter())), pass }),
    plain,
  )
  describeStore(
    `keyvStore, ${version}, plain adapter, nothing serialized`,
    () => ({
      store: keyvStore(newKeyv(new PlainAdapter(), { serialize: undefined, deserialize: undefined })),
      pass,
    }),
    plain,
  )
  describeStore(
    `keyvStore, ${version}, a remote store of ours`,
    () => ({
      store: keyvStore(newKeyv(remoteStore('map', new MapServer().backend(), {}))),
      pass,
    }),
    plain,
  )

  const guarded = (adapter: PlainAdapter) => {
    const events: StoreEvent[] = []
    const options = { storeTimeout: 50, writeTimeout: 100, onEvent: (event: StoreEvent) => void events.push(event) }
    const store: KeyvStore = keyvStore(newKeyv(adapter))
    return { store: guardStore(store, options), types: () => new Set(events.map(({ type }) => type)) }
  }

  test('one that hangs is a miss in time, then skipped', async () => {
    const adapter = new PlainAdapter()
    const { store, types } = guarded(adapter)
    expect(await store.set('a', itemOf(1), minute)).toBe(true)
    adapter.trouble = () => new Promise(() => {})
    for (let i = 0; i < 6; i++) {
      const start = performance.now()
      expect(await store.get('a')).toBeUndefined()
      expect(performance.now() - start).toBeLessThan(50 + 150)
    }
    expect(await store.set('b', itemOf(1), minute)).toBe(false)
    expect(types()).toContain('gate-open')
  })

  test('one that throws only while reading is a miss', async () => {
    const adapter = new PlainAdapter()
    const { store } = guarded(adapter)
    await store.set('a', itemOf(1), minute)
    adapter.trouble = () => Promise.reject(new Error('connection lost'))
    expect(await store.get('a')).toBeUndefined()
  })

  test('one that throws is a miss and an event, and is used again when it no longer does', async () => {
    const adapter = new PlainAdapter()
    const { store, types } = guarded(adapter)
    expect(await store.set('a', itemOf(1), minute)).toBe(true)
    adapter.trouble = () => Promise.reject(new Error('connection lost'))
    expect(await store.get('a')).toBeUndefined()
    expect(await store.set('a', itemOf(1), minute)).toBe(false)
    expect(types()).toContain('error')
    adapter.trouble = undefined
    expect(await store.get('a')).toBeDefined()
  })

  // Without throwOnErrors keyv 5 makes nothing of an error while reading, and tells nobody.
  test('with throwOnErrors, an error of the adapter makes each call fail', async () => {
    const adapter = new PlainAdapter()
    const store = keyvStore(newKeyv(adapter, { throwOnErrors: true }))
    adapter.trouble = () => Promise.reject(new Error('connection lost'))
    for (const call of [
      () => store.get('a'),
      () => store.set('a', itemOf(1), minute),
      () => store.delete('a'),
      () => store.clear(),
    ]) {
      await expect(call()).rejects.toThrow('connection lost')
    }
  })
})
