import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EarliestExpiry } from '../../src/core/store/eviction/earliest-expiry.ts'
import type { Eviction } from '../../src/core/store/eviction/eviction.ts'
import { Lfu } from '../../src/core/store/eviction/lfu.ts'
import { Slot } from '../../src/core/store/eviction/queue.ts'
import { memoryStore } from '../../src/core/store/memory.ts'
import { HeldClock } from './held-clock.ts'
import { itemOf } from './items.ts'

const empty = itemOf(0)
const minute = 60_000

/** A policy that searches through everything it has. */
interface Model {
  add(slot: Slot): void
  touch(slot: Slot): void
  remove(slot: Slot): void
  evict(): Slot | undefined
}

/** Counts that are halved after ten steps for each entry, 1,000 at least; the lowest goes, of those the first to reach it. */
class NaiveLfu implements Model {
  #entries: { slot: Slot; uses: number }[] = []
  #steps = 0

  add(slot: Slot): void {
    this.#entries.push({ slot, uses: 0 })
    this.#step()
  }

  touch(slot: Slot): void {
    const entry = this.#take(slot)
    this.#entries.push({ slot, uses: Math.min(63, entry.uses + 1) })
    this.#step()
  }

  remove(slot: Slot): void {
    this.#take(slot)
  }

  evict(): Slot | undefined {
    const lowest = Math.min(...this.#entries.map(({ uses }) => uses))
    const entry = this.#entries.find(({ uses }) => uses === lowest)
    if (entry !== undefined) this.#take(entry.slot)
    return entry?.slot
  }

  #take(slot: Slot) {
    const [entry] = this.#entries.splice(
      this.#entries.findIndex((one) => one.slot === slot),
      1,
    )
    return entry!
  }

  #step(): void {
    if (++this.#steps < Math.max(1_000, this.#entries.length * 10)) return
    this.#steps = 0
    const inOrder = this.#entries.toSorted((a, b) => a.uses - b.uses)
    this.#entries = inOrder.map(({ slot, uses }) => ({ slot, uses: Math.floor(uses / 2) }))
  }
}

class NaiveExpiry implements Model {
  readonly #slots: Slot[] = []

  add(slot: Slot): void {
    this.#slots.push(slot)
  }

  touch(): void {}

  remove(slot: Slot): void {
    this.#slots.splice(this.#slots.indexOf(slot), 1)
  }

  evict(): Slot | undefined {
    const [first] = this.#slots.toSorted((a, b) => (a.expires === b.expires ? 0 : a.expires < b.expires ? -1 : 1))
    if (first !== undefined) this.remove(first)
    return first
  }
}

type Step = { type: 'use' | 'remove'; key: number } | { type: 'set'; key: number; expires: number } | { type: 'evict' }

const key = fc.integer({ min: 0, max: 40 })
const expires = fc.oneof(fc.integer({ min: 0, max: 30 }), fc.constant(Infinity))
const steps = fc.array(
  fc.oneof(
    { weight: 40, arbitrary: fc.record({ type: fc.constant('use' as const), key }) },
    { weight: 30, arbitrary: fc.record({ type: fc.constant('set' as const), key, expires }) },
    { weight: 5, arbitrary: fc.record({ type: fc.constant('remove' as const), key }) },
    { weight: 12, arbitrary: fc.record({ type: fc.constant('evict' as const) }) },
  ) as fc.Arbitrary<Step>,
  { minLength: 1, maxLength: 3_000, size: 'max' },
)

/** Does the same with both and holds that the same slots leave. */
function compare(policy: Eviction, model: Model, all: readonly Step[]): void {
  const slots = new Map<number, Slot>()
  const evict = () => {
    const slot = policy.evict()
    expect(slot?.key).toBe(model.evict()?.key)
    if (slot !== undefined) slots.delete(Number(slot.key))
    return slot
  }
  for (const step of all) {
    if (step.type === 'evict') {
      evict()
      continue
    }
    const slot = slots.get(step.key)
    if (slot === undefined) {
      if (step.type !== 'set') continue
      const added = new Slot(String(step.key), empty, 1, step.expires)
      slots.set(step.key, added)
      policy.add(added)
      model.add(added)
    } else if (step.type === 'remove') {
      slots.delete(step.key)
      policy.remove(slot)
      model.remove(slot)
    } else {
      if (step.type === 'set') slot.expires = step.expires
      policy.touch(slot)
      model.touch(slot)
    }
  }
  while (evict() !== undefined);
  expect(slots.size).toBe(0)
}

describe.each([
  ['lfu', () => new Lfu(), () => new NaiveLfu()],
  ['earliest expiry', () => new EarliestExpiry(), () => new NaiveExpiry()],
] as const)('%s, against a model that searches', (_, policy, model) => {
  test('whatever happens, the same entries leave in the same order', () => {
    fc.assert(
      fc.property(steps, (all) => compare(policy(), model(), all)),
      // Making thousands of steps fewer takes minutes; the seed repeats them.
      { numRuns: 60, endOnFailure: true },
    )
  })
})

const left = (store: ReturnType<typeof memoryStore>, keys: string[]) =>
  keys.filter((key) => store.get(key) !== undefined)

test('lfu: what was read least goes first, of those the one that is there longest', () => {
  const store = memoryStore({ eviction: 'lfu', maxEntries: 4 })
  for (const key of ['a', 'b', 'c', 'd']) store.set(key, empty, minute)
  for (const key of ['a', 'a', 'd', 'b', 'b']) store.get(key)
  store.set('e', empty, minute)
  store.set('f', empty, minute)
  expect(left(store, ['a', 'b', 'c', 'd', 'e', 'f'])).toEqual(['a', 'b', 'd', 'f'])
})

test('lfu: yesterday’s favourites leave when others are asked for', () => {
  const store = memoryStore({ eviction: 'lfu', maxEntries: 100 })
  const ask = (key: string) => {
    if (store.get(key) === undefined) store.set(key, empty, minute)
  }
  for (let i = 0; i < 10_000; i++) ask(`yesterday ${i % 100}`)
  for (let i = 0; i < 20_000; i++) ask(`today ${i % 50}`)
  for (let i = 0; i < 1_000; i++) ask(`today ${i % 90}`)
  const today = Array.from({ length: 90 }, (_, i) => `today ${i}`)
  expect(left(store, today).length).toBeGreaterThan(80)
})

test('ttl: what would end soonest goes first, however often it is read', () => {
  const clock = new HeldClock()
  const store = memoryStore({ eviction: 'ttl', maxEntries: 3, clock })
  store.set('long', empty, 3_000)
  store.set('short', empty, 1_000)
  store.set('middle', empty, 2_000)
  for (let i = 0; i < 10; i++) store.get('short')
  store.set('next', empty, 5_000)
  expect(left(store, ['long', 'short', 'middle', 'next'])).toEqual(['long', 'middle', 'next'])
})

test('ttl: a new lifetime is a new place', () => {
  const store = memoryStore({ eviction: 'ttl', maxEntries: 2 })
  store.set('a', empty, 1_000)
  store.set('b', empty, 2_000)
  store.set('a', empty, Infinity)
  store.set('c', empty, 3_000)
  expect(left(store, ['a', 'b', 'c'])).toEqual(['a', 'c'])
})

test('ttl: of those that never end the first goes', () => {
  const store = memoryStore({ eviction: 'ttl', maxEntries: 3 })
  for (const key of ['a', 'b', 'c', 'd', 'e']) store.set(key, empty, Infinity)
  expect(left(store, ['a', 'b', 'c', 'd', 'e'])).toEqual(['c', 'd', 'e'])
})
