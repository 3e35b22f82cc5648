import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { memoryStore } from '../../src/core/store/memory.ts'
import { fill, slope } from './measure-memory.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

test.each(['s3-fifo', 'lru'] as const)(
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
