import { describe, expect, test } from 'vitest'
import { Ghost } from '../../src/core/store/eviction/ghost.ts'
import { type EvictionPolicy, memoryStore } from '../../src/core/store/memory.ts'
import { itemOf } from './items.ts'
import { popular, shifting, withScans } from './traces.ts'

const requests = 300_000
const minute = 60_000
const empty = itemOf(0)

/** The share of requests that found their item. */
function hitRatio(eviction: EvictionPolicy, trace: Iterable<string>): number {
  const store = memoryStore({ eviction, maxBytes: 1024 ** 3, maxEntries: 5_000 })
  let hits = 0
  let all = 0
  for (const key of trace) {
    all++
    if (store.get(key) === undefined) store.set(key, empty, minute)
    else hits++
  }
  return hits / all
}

describe('hit ratio on 100,000 keys with room for 5,000', () => {
  test.each([
    ['popular keys', popular, 0.5, 0.06],
    ['popular keys and scans', withScans, 0.35, 0.08],
    ['popular keys that change', shifting, 0.48, 0.01],
  ])('%s: s3-fifo finds more than lru', (_, trace, lruAtLeast, gain) => {
    const lru = hitRatio('lru', trace(requests))
    const s3 = hitRatio('s3-fifo', trace(requests))
    expect(lru).toBeGreaterThan(lruAtLeast)
    expect(s3).toBeGreaterThan(lru + gain)
  })
})

describe('lfu: hit ratio on 100,000 keys with room for 5,000', () => {
  test.each([
    ['popular keys', popular, 0.56, 0.05],
    ['popular keys and scans', withScans, 0.43, 0.06],
    ['popular keys that change', shifting, 0.51, 0.005],
  ])('%s: more than lru', (_, trace, atLeast, gain) => {
    const lfu = hitRatio('lfu', trace(requests))
    expect(lfu).toBeGreaterThan(atLeast)
    expect(lfu).toBeGreaterThan(hitRatio('lru', trace(requests)) + gain)
  })
})

describe('a scan through keys that nobody asks for again', () => {
  const survivors = (eviction: EvictionPolicy) => {
    const store = memoryStore({ eviction, maxEntries: 1_000, maxBytes: 1024 ** 3 })
    const hot = Array.from({ length: 500 }, (_, i) => `hot ${i}`)
    for (const key of hot) store.set(key, empty, minute)
    for (let round = 0; round < 3; round++) for (const key of hot) store.get(key)
    for (let i = 0; i < 10_000; i++) store.set(`scan ${i}`, empty, minute)
    return hot.filter((key) => store.get(key) !== undefined).length
  }

  test('leaves what was read in an s3-fifo store', () => {
    expect(survivors('s3-fifo')).toBe(500)
  })

  test('empties an lru store', () => {
    expect(survivors('lru')).toBe(0)
  })
})

test('lru: the item not read for longest goes first', () => {
  const store = memoryStore({ eviction: 'lru', maxEntries: 3 })
  for (const key of ['a', 'b', 'c']) store.set(key, empty, minute)
  store.get('a')
  store.set('b', empty, minute)
  store.set('d', empty, minute)
  expect(['a', 'b', 'c', 'd'].filter((key) => store.get(key) !== undefined)).toEqual(['a', 'b', 'd'])
})

test('s3-fifo: a key that comes back soon after it left is not a newcomer again', () => {
  const store = memoryStore({ maxEntries: 100 })
  for (let i = 0; i < 110; i++) store.set(`first ${i}`, empty, minute)
  expect(store.get('first 0')).toBeUndefined()
  store.set('first 0', empty, minute)
  for (let i = 0; i < 85; i++) store.set(`second ${i}`, empty, minute)
  expect(store.get('first 0')).toBeDefined()
})

test('s3-fifo: one large item does not push out many small ones that were read', () => {
  const store = memoryStore({ maxBytes: 1_000_000, maxEntrySize: 500_000 })
  for (let i = 0; i < 100; i++) store.set(`small ${i}`, itemOf(1_000), minute)
  for (let round = 0; round < 3; round++) for (let i = 0; i < 100; i++) store.get(`small ${i}`)
  for (let i = 0; i < 50; i++) store.set(`large ${i}`, itemOf(400_000), minute)
  let left = 0
  for (let i = 0; i < 100; i++) if (store.get(`small ${i}`) !== undefined) left++
  expect(left).toBe(100)
})

describe('the memory of keys that left', () => {
  test('holds the latest, as many as asked for', () => {
    const ghost = new Ghost()
    for (let hash = 1; hash <= 500; hash++) ghost.add(hash * 7919, 100)
    const remembered = (hash: number) => ghost.has(hash * 7919, 100)
    expect(Array.from({ length: 90 }, (_, i) => 500 - i).every(remembered)).toBe(true)
    expect(Array.from({ length: 400 }, (_, i) => i + 1).some(remembered)).toBe(false)
  })

  test('grows with what is asked for', () => {
    const ghost = new Ghost()
    const hash = (n: number) => Math.imul(n, 0x9e3779b1) ^ (n << 7)
    for (let n = 1; n <= 60_000; n++) ghost.add(hash(n), 20_000)
    let held = 0
    for (let n = 45_001; n <= 60_000; n++) if (ghost.has(hash(n), 20_000)) held++
    expect(held).toBeGreaterThan(14_000)
  })

  test('never saw what it was not told, zero included', () => {
    const ghost = new Ghost()
    expect(ghost.has(0, 100)).toBe(false)
    ghost.add(0, 100)
    expect([ghost.has(0, 100), ghost.has(1, 100)]).toEqual([true, false])
  })
})
