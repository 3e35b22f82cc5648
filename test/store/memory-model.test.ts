import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type MemoryStore, memoryStore } from '../../src/core/store/memory.ts'
import type { StoreItem } from '../../src/core/store/store.ts'
import { weigh } from '../../src/core/store/weight.ts'
import { HeldClock } from './held-clock.ts'

/** What a store without any bound would keep. */
class Model {
  readonly kept = new Map<string, { item: StoreItem; until: number }>()
  reserved = 0
}

interface World {
  readonly store: MemoryStore
  readonly clock: HeldClock
  readonly model: Model
  readonly maxEntries: number
}

type Step = (world: World) => void

const key = fc.integer({ min: 0, max: 30 }).map((n) => `key ${n}`)
const set = fc
  .record({ key, bytes: fc.integer({ min: 0, max: 6_000 }), lifetime: fc.integer({ min: -1, max: 100 }) })
  .map(({ key, bytes, lifetime }): Step => {
    return ({ store, clock, model }) => {
      const item = { meta: { key }, body: Buffer.alloc(bytes) }
      store.set(key, item, lifetime)
      const isKept = lifetime > 0 && bytes <= store.maxEntrySize
      if (isKept) model.kept.set(key, { item, until: clock.monotonic() + lifetime })
      else model.kept.delete(key)
    }
  })
const get = key.map(
  (key): Step =>
    ({ store }) =>
      void store.get(key),
)
const remove = key.map((key): Step => {
  return ({ store, model }) => {
    store.delete(key)
    model.kept.delete(key)
  }
})
const clear = fc.constant<Step>(({ store, model }) => {
  store.clear()
  model.kept.clear()
})
const pass = fc.integer({ min: 1, max: 60 }).map(
  (ms): Step =>
    ({ clock }) =>
      clock.pass(ms),
)
const reserve = fc.integer({ min: 0, max: 9_000 }).map((bytes): Step => {
  return ({ store, model }) => {
    const fits = model.reserved + bytes <= store.maxBytes / 4
    expect(store.reserve(bytes)).toBe(fits)
    if (fits) model.reserved += bytes
  }
})
const release = fc.integer({ min: 0, max: 9_000 }).map((bytes): Step => {
  return ({ store, model }) => {
    const given = Math.min(bytes, model.reserved)
    store.release(given)
    model.reserved -= given
  }
})
const step = fc.oneof(
  { weight: 50, arbitrary: set },
  { weight: 50, arbitrary: get },
  { weight: 10, arbitrary: remove },
  { weight: 10, arbitrary: pass },
  { weight: 10, arbitrary: reserve },
  { weight: 10, arbitrary: release },
  { weight: 4, arbitrary: clear },
)

/**
 * Each key holds what was set last, or nothing; never something expired, deleted or another key's.
 * And what is accounted is what is there.
 */
function checkContent({ store, clock, model }: World): void {
  let bytes = model.reserved
  let entries = 0
  for (let n = 0; n <= 30; n++) {
    const found = store.get(`key ${n}`)
    const kept = model.kept.get(`key ${n}`)
    if (found === undefined) continue
    expect(found).toBe(kept?.item)
    expect(kept?.until).toBeGreaterThan(clock.monotonic())
    bytes += weigh(`key ${n}`, found)
    entries++
  }
  expect([store.size, store.entries]).toEqual([bytes, entries])
}

function checkBounds({ store, model, maxEntries }: World): void {
  expect(store.size).toBeLessThanOrEqual(store.maxBytes)
  expect(store.size).toBeGreaterThanOrEqual(model.reserved)
  expect(store.entries).toBeLessThanOrEqual(maxEntries)
}

describe.each(['s3-fifo', 'lru', 'lfu', 'ttl'] as const)('memory store, %s, against one without bounds', (eviction) => {
  test('whatever happens, its bounds hold and a key has what was set last or nothing', () => {
    const options = fc.record({
      maxBytes: fc.oneof(fc.integer({ min: 1_000, max: 8_000 }), fc.integer({ min: 8_000, max: 40_000 })),
      maxEntries: fc.oneof(fc.constant(Infinity), fc.integer({ min: 1, max: 12 })),
    })
    fc.assert(
      fc.property(options, fc.array(step, { maxLength: 120 }), ({ maxBytes, maxEntries }, steps) => {
        const clock = new HeldClock()
        const store = memoryStore({ maxBytes, maxEntries, maxEntrySize: 5_000, eviction, clock })
        const world: World = { store, clock, model: new Model(), maxEntries }
        for (const run of steps) {
          run(world)
          checkBounds(world)
        }
        checkContent(world)
        checkBounds(world)

        store.clear()
        store.release(world.model.reserved)
        expect([store.size, store.entries]).toEqual([0, 0])
      }),
      { numRuns: 500 },
    )
  })

  test('with room enough it keeps everything, until each lifetime ends', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const clock = new HeldClock()
        const store = memoryStore({ maxEntrySize: 5_000, eviction, clock })
        const world: World = { store, clock, model: new Model(), maxEntries: Infinity }
        for (const run of steps) run(world)
        for (const [key, { item, until }] of world.model.kept) {
          expect(store.get(key)).toBe(until > clock.monotonic() ? item : undefined)
        }
      }),
    )
  })

  test('deleting everything, in any order, leaves nothing accounted', () => {
    fc.assert(
      fc.property(fc.array(set, { maxLength: 60 }), fc.shuffledSubarray([...Array(31).keys()]), (sets, order) => {
        const clock = new HeldClock()
        const store = memoryStore({ maxBytes: 20_000, maxEntrySize: 5_000, eviction, clock })
        const world: World = { store, clock, model: new Model(), maxEntries: Infinity }
        for (const run of sets) run(world)
        for (const n of order) store.delete(`key ${n}`)
        for (let n = 0; n <= 30; n++) store.delete(`key ${n}`)
        expect([store.size, store.entries]).toEqual([0, 0])
      }),
    )
  })
})
