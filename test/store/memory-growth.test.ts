import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { guardStore } from '../../src/core/store/guard.ts'
import { memoryStore } from '../../src/core/store/memory.ts'
import type { Store } from '../../src/core/store/store.ts'
import { fill, slope } from './measure-memory.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

test.each(['s3-fifo', 'lru', 'lfu', 'ttl'] as const)(
  '300,000 unique keys leave no more behind than 100,000, %s',
  (eviction) => {
    const store = memoryStore({ eviction })
    const readings = [...fill(store, 300_000, 100_000, collect)]
    expect(readings.at(-1)!.largestSize).toBeLessThanOrEqual(store.maxBytes)
    expect(slope(readings, 'retained')).toBeLessThan(2)
  },
  60_000,
)

test('what is accounted is near what is retained', () => {
  collect()
  collect()
  const before = process.memoryUsage()
  const store = memoryStore()
  for (const _ of fill(store, 20_000, 20_000, collect));
  const after = process.memoryUsage()
  const retained = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers
  // Outside heap and array buffers, each entry takes about 170 bytes more.
  expect(store.size / (retained + store.entries * 170)).toBeGreaterThan(0.85)
  expect(store.size / (retained + store.entries * 170)).toBeLessThan(1.15)
})

test('100,000 writes through a guard leave nothing behind', async () => {
  const nothing = async () => undefined
  const store = { name: 'nothing', near: false, maxEntrySize: 1, get: nothing, set: nothing, delete: nothing }
  const guarded = guardStore({ ...store, clear: nothing, reserve: () => true, release: () => {} } as Store)
  const write = async (count: number) => {
    for (let i = 0; i < count; i++) await guarded.delete(`GET https://example.org/products/${i}`)
    collect()
    return process.memoryUsage().heapUsed
  }
  const before = await write(1_000)
  expect((await write(100_000)) - before).toBeLessThan(2_000_000)
}, 60_000)
