import { describe, expect, test } from 'vitest'
import { defaultStore } from '../../src/core/store/default-store.ts'
import { type MemoryStoreOptions, memoryStore } from '../../src/core/store/memory.ts'
import { HeldClock } from './held-clock.ts'
import { itemOf } from './items.ts'

const KiB = 1024
const MiB = 1024 * KiB
const minute = 60_000

describe.each(['s3-fifo', 'lru', 'lfu', 'ttl'] as const)('memory store, %s', (eviction) => {
  test('hands out the very item that was set', () => {
    const store = memoryStore({ eviction })
    const item = itemOf(10)
    store.set('a', item, minute)
    expect(store.get('a')).toBe(item)
  })

  test('keeps nothing for longer than maxLifetime', () => {
    const clock = new HeldClock()
    const store = memoryStore({ eviction, clock, maxLifetime: 1_000 })
    store.set('a', itemOf(10), minute)
    store.set('b', itemOf(10), 500)
    store.set('b', itemOf(10), Infinity)
    clock.pass(999)
    expect([store.get('a'), store.get('b')]).not.toContain(undefined)
    clock.pass(1)
    expect([store.get('a'), store.get('b')]).toEqual([undefined, undefined])
  })

  test('is always up', () => {
    expect(memoryStore({ eviction }).health()).toEqual({ state: 'up', reason: undefined, since: 0 })
  })

  test('counts key, metadata and body, and gives all of it back', () => {
    const store = memoryStore({ eviction })
    const sizeOf = (key: string, meta: object, bytes: number) => {
      store.clear()
      store.set(key, itemOf(bytes, meta), minute)
      return store.size
    }
    const plain = sizeOf('a', {}, 0)
    expect(plain).toBeGreaterThan(100)
    expect(sizeOf('a'.repeat(101), {}, 0)).toBe(plain + 100)
    expect(sizeOf('a', {}, 5000)).toBe(plain + 5000)
    expect(sizeOf('a', { text: 'x'.repeat(300) }, 0)).toBeGreaterThan(plain + 300)
    expect(sizeOf('a', { list: ['x'.repeat(300)], deep: { text: 'y'.repeat(300) } }, 0)).toBeGreaterThan(plain + 600)

    store.delete('a')
    expect([store.size, store.entries]).toEqual([0, 0])
  })

  test('counts an item that replaces another once', () => {
    const store = memoryStore({ eviction })
    store.set('a', itemOf(100), minute)
    const before = store.size
    store.set('a', itemOf(5000), minute)
    expect(store.size).toBe(before + 4900)
    store.set('a', itemOf(100), minute)
    expect([store.size, store.entries]).toEqual([before, 1])
  })

  test('makes room, and the latest item stays', () => {
    const store = memoryStore({ eviction, maxBytes: 64 * KiB })
    for (let i = 0; i < 1000; i++) {
      store.set(`key ${i}`, itemOf(1000), minute)
      expect(store.size).toBeLessThanOrEqual(store.maxBytes)
      expect(store.get(`key ${i}`)).toBeDefined()
    }
    expect(store.entries).toBeGreaterThan(30)
  })

  test('an item that grows in its place makes room too', () => {
    const store = memoryStore({ eviction, maxBytes: 64 * KiB, maxEntrySize: 64 * KiB })
    for (let i = 0; i < 40; i++) store.set(`key ${i}`, itemOf(900), minute)
    store.set('key 39', itemOf(40 * KiB), minute)
    expect(store.size).toBeLessThanOrEqual(store.maxBytes)
  })

  test('keeps at most maxEntries', () => {
    const store = memoryStore({ eviction, maxEntries: 10 })
    for (let i = 0; i < 100; i++) store.set(`key ${i}`, itemOf(1), minute)
    expect(store.entries).toBe(10)
    store.set('key 99', itemOf(2), minute)
    expect(store.entries).toBe(10)
  })

  test('a body above maxEntrySize is not kept; one of exactly that is', () => {
    const store = memoryStore({ eviction, maxBytes: 16 * KiB, maxEntrySize: 2 * KiB })
    store.set('a', itemOf(2 * KiB), minute)
    expect(store.get('a')).toBeDefined()
    store.set('a', itemOf(2 * KiB + 1), minute)
    expect([store.get('a'), store.size]).toEqual([undefined, 0])
  })

  test('an item that could never fit evicts nothing', () => {
    const store = memoryStore({ eviction, maxBytes: 16 * KiB, maxEntrySize: 16 * KiB })
    store.set('a', itemOf(100), minute)
    store.set('b', itemOf(16 * KiB), minute)
    store.set('c', itemOf(1, { text: 'x'.repeat(20 * KiB) }), minute)
    expect([store.get('a') === undefined, store.entries]).toEqual([false, 1])
  })

  test('an item that fits only without the recordings in flight is not kept', () => {
    const store = memoryStore({ eviction, maxBytes: 16 * KiB, maxEntrySize: 16 * KiB })
    store.set('a', itemOf(100), minute)
    expect(store.reserve(4 * KiB)).toBe(true)
    store.set('b', itemOf(14 * KiB), minute)
    expect([store.get('b'), store.get('a') === undefined]).toEqual([undefined, false])
    store.release(4 * KiB)
    store.set('b', itemOf(14 * KiB), minute)
    expect(store.get('b')).toBeDefined()
  })

  test('what was cleared is not evicted again', () => {
    const store = memoryStore({ eviction, maxEntries: 10 })
    for (let i = 0; i < 10; i++) store.set(`key ${i}`, itemOf(1000), minute)
    store.clear()
    for (let i = 5; i < 15; i++) store.set(`key ${i}`, itemOf(1000), minute)
    store.set('last', itemOf(1000), minute)
    expect(store.entries).toBe(10)
    for (let i = 0; i < 15; i++) store.delete(`key ${i}`)
    store.delete('last')
    expect(store.size).toBe(0)
  })

  test('an item is gone from the moment its lifetime ends', () => {
    const clock = new HeldClock()
    const store = memoryStore({ eviction, clock })
    store.set('a', itemOf(1), 1000)
    clock.pass(999.9)
    expect(store.get('a')).toBeDefined()
    clock.pass(0.1)
    expect([store.get('a'), store.entries, store.size]).toEqual([undefined, 0, 0])
  })

  test('items whose lifetime ended leave without being asked for, as others come', () => {
    const clock = new HeldClock()
    const store = memoryStore({ eviction, clock })
    for (let i = 0; i < 1000; i++) store.set(`short ${i}`, itemOf(1), 1000)
    clock.pass(1000)
    for (let i = 0; i < 1000; i++) store.set(`long ${i}`, itemOf(1), minute)
    expect(store.entries).toBe(1000)
    for (let i = 0; i < 1000; i++) expect(store.get(`long ${i}`)).toBeDefined()
  })

  test('clear leaves reservations as they are', () => {
    const store = memoryStore({ eviction, maxBytes: 1 * MiB })
    store.set('a', itemOf(1), minute)
    expect(store.reserve(1000)).toBe(true)
    store.clear()
    expect(store.size).toBe(1000)
    store.release(1000)
    expect(store.size).toBe(0)
  })

  test('a reservation takes its room from what is kept, a quarter of the bytes at most', () => {
    const store = memoryStore({ eviction, maxBytes: 64 * KiB })
    for (let i = 0; i < 100; i++) store.set(`key ${i}`, itemOf(1000), minute)
    const before = store.entries
    expect(store.reserve(16 * KiB)).toBe(true)
    expect(store.size).toBeLessThanOrEqual(store.maxBytes)
    expect(store.entries).toBeLessThan(before)
    expect(store.reserve(1)).toBe(false)
    store.release(16 * KiB)
    expect(store.reserve(1)).toBe(true)
  })

  test('giving back more than was granted does not enlarge the store', () => {
    const store = memoryStore({ eviction })
    store.release(1 * MiB)
    expect(store.size).toBe(0)
    expect(store.reserve(17 * MiB)).toBe(false)
  })
})

test('defaults: 64 MiB, a sixteenth of it for one item', () => {
  const store = memoryStore()
  expect([store.maxBytes, store.maxEntrySize, store.name, store.near]).toEqual([64 * MiB, 4 * MiB, 'memory', true])
})

test('the default store is one for the whole process', () => {
  expect(defaultStore()).toBe(defaultStore())
  expect(defaultStore().maxBytes).toBe(64 * MiB)
})

test.each([
  [{ maxBytes: 0 }, RangeError, 'maxBytes must be a whole number of at least 1, not 0'],
  [{ maxBytes: Infinity }, RangeError, 'maxBytes must be a whole number of at least 1, not Infinity'],
  [{ maxBytes: '64mb' }, TypeError, "maxBytes must be a number, not '64mb'"],
  [{ maxEntries: 1.5 }, RangeError, 'maxEntries must be a whole number of at least 1, not 1.5'],
  [{ maxEntrySize: -1 }, RangeError, 'maxEntrySize must be a whole number of at least 1, not -1'],
  [{ eviction: 'fifo' }, TypeError, "eviction must be one of 's3-fifo', 'lru', 'lfu', 'ttl', not 'fifo'"],
  [{ clock: Date }, TypeError, 'clock must have the methods now and monotonic'],
  [{ max: 5 }, TypeError, "memoryStore has no option 'max'; it knows maxBytes, maxEntries, maxEntrySize"],
  [64, TypeError, 'memoryStore takes an object of options, not 64'],
  [null, TypeError, 'memoryStore takes an object of options, not null'],
])('refuses %o', (options, type, message) => {
  const make = () => memoryStore(options as MemoryStoreOptions)
  expect(make).toThrow(type)
  expect(make).toThrow(message)
})
