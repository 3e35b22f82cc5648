import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { keepTerms } from '../../src/core/sequence/keep-terms.ts'
import { defineSequence, type Sequence } from '../../src/index.ts'
import { ManualClock } from '../support/engine.ts'
import { type Fault, FaultyStore, type Part } from './faulty-store.ts'
import { expected, never, squares, termsOf, watched } from './kept-squares.ts'

const blockSize = 10
const storeTimeout = 10
const prefix = 'sequence ["squares","1",10]'
const leaseKey = `write ${prefix}`

afterEach(() => {
  vi.useRealTimers()
})

describe.each<Fault>(['fails', 'hangs'])('a store that %s', (fault) => {
  test.each<[string, readonly Part[]]>([
    ['leases', ['leases']],
    ['reads', ['reads']],
    ['writes', ['writes']],
    ['everything', ['reads', 'writes', 'leases']],
  ])('at %s: page after page is right, and no term is computed twice', async (_, parts) => {
    const store = new FaultyStore()
    for (const part of parts) store.faults[part] = fault
    const { sequence, computed } = squares()
    const source = keepTerms(sequence, { store: store.client(), blockSize, storeTimeout })
    for (let start = 0; start < 150; start += 7) {
      expect(await termsOf(source, start, start + 7)).toEqual(expected(start, start + 7))
    }
    expect(computed.length).toBe(new Set(computed).size)
  })

  test('at writes: no page waits for them', async () => {
    const store = new FaultyStore()
    store.faults.writes = fault
    const source = keepTerms(squares().sequence, { store: store.client(), blockSize, storeTimeout })
    const begun = performance.now()
    for (let start = 0; start < 50; start += 10) await termsOf(source, start, start + 10)
    // The guard waits 2 s for each.
    expect(performance.now() - begun).toBeLessThan(1_500)
  })

  test('at leases, far out: one walk, and the store is asked for the right to write once a second', async () => {
    const store = new FaultyStore()
    store.faults.leases = fault
    const clock = new ManualClock()
    const { sequence, computed } = squares()
    const { sequence: seen, begun } = watched(sequence)
    const source = keepTerms(seen, { store: store.client(), blockSize, storeTimeout, clock })
    expect(await termsOf(source, 500, 540)).toEqual(expected(500, 540))
    expect(begun()).toBe(1)
    // Each block on the way is written, and no more is read for it.
    expect(store.calls.reads).toBeLessThan(20)
    expect(await termsOf(source, 600, 610)).toEqual(expected(600, 610))
    expect(store.calls.leases).toBe(1)
    clock.pass(1)
    expect(await termsOf(source, 700, 710)).toEqual(expected(700, 710))
    expect(store.calls.leases).toBe(2)
    expect(computed.length).toBe(new Set(computed).size)
  })
})

test('a right to write that comes too late is given back', async () => {
  const store = new FaultyStore()
  store.faults.leases = 'hangs'
  const source = keepTerms(squares().sequence, { store: store.client(), blockSize, storeTimeout })
  await termsOf(source, 0, 10)
  store.faults.leases = undefined as never
  const setIfAbsent = vi.spyOn(store.capabilities, 'setIfAbsent')
  const compareAndSwap = vi.spyOn(store.capabilities, 'compareAndSwap')
  store.release()
  await expect.poll(() => compareAndSwap.mock.calls.length).toBe(1)
  expect(setIfAbsent).toHaveBeenCalledTimes(1)
  expect(await store.capabilities.read(leaseKey)).toBeUndefined()
})

/** Squares whose terms come when a test says so. */
function held() {
  let left = 0
  let onMore = Promise.withResolvers<void>()
  const runs = { begun: 0, ended: 0, signal: never }
  const sequence: Sequence<number, number> = defineSequence<number, number>({
    id: 'squares',
    states: async function* (after = -1, signal) {
      runs.begun++
      runs.signal = signal
      try {
        for (let index = after + 1; ; index++) {
          while (left === 0) await onMore.promise
          left--
          yield index
        }
      } finally {
        runs.ended++
      }
    },
    term: (index) => index * index,
  })
  const give = (terms: number): void => {
    left += terms
    onMore.resolve()
    onMore = Promise.withResolvers()
  }
  return { sequence, runs, give, isDry: () => left === 0 }
}

describe('a writer', () => {
  test('that has lost its lease stops at the end of its block, and goes on when it has it again', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    const store = new FaultyStore()
    const { capabilities } = store
    const { sequence, runs, give } = held()
    const source = keepTerms(sequence, { store: store.client(), blockSize })
    const reading = termsOf(source, 0, 30)
    give(5)
    await expect.poll(() => runs.begun).toBe(1)
    const [own, other] = [await capabilities.read(leaseKey), Buffer.from('lease of another')]
    await capabilities.compareAndSwap(leaseKey, own as Buffer, other, 60_000)
    await vi.advanceTimersByTimeAsync(1_100)
    give(100)
    await expect.poll(() => runs.ended).toBe(1)
    expect(store.kept.get(`${prefix} block 0`)).toBeDefined()
    expect(store.kept.get(`${prefix} block 1`)).toBeUndefined()
    await capabilities.compareAndSwap(leaseKey, other, undefined, 1)
    expect(await reading).toEqual(expected(0, 30))
    expect(runs.begun).toBe(2)
  })

  test('that hears late that another has the right leaves the rest of its block to that one', async () => {
    const store = new FaultyStore()
    await store.capabilities.setIfAbsent(leaseKey, Buffer.from('lease of another'), 60_000)
    store.faults.leases = 'hangs'
    const { sequence, runs, give } = held()
    const reading = termsOf(keepTerms(sequence, { store: store.client(), blockSize, storeTimeout }), 0, 10)
    give(3)
    await expect.poll(() => runs.begun).toBe(1)
    delete store.faults.leases
    store.release()
    await nextTurn()
    give(1)
    await expect.poll(() => runs.ended).toBe(1)
    const another = new FaultyStore()
    await termsOf(keepTerms(squares().sequence, { store: another.client(), blockSize }), 0, 10)
    void store.kept.set(`${prefix} block 0`, another.kept.get(`${prefix} block 0`) as never, 60_000)
    expect(await reading).toEqual(expected(0, 10))
    expect(runs.begun).toBe(1)
  })

  test('that is granted the right late goes on with it, and gives it back', async () => {
    const store = new FaultyStore()
    store.faults.leases = 'hangs'
    const clock = new ManualClock()
    const { sequence, runs, give } = held()
    const reading = termsOf(keepTerms(sequence, { store: store.client(), blockSize, storeTimeout, clock }), 0, 30)
    give(5)
    await expect.poll(() => runs.begun).toBe(1)
    delete store.faults.leases
    store.release()
    await nextTurn()
    // Longer than it would go on without.
    clock.pass(2)
    give(100)
    expect(await reading).toEqual(expected(0, 30))
    expect(runs.begun).toBe(1)
    await expect.poll(() => store.kept.get(`${prefix} head`)?.meta).toEqual({ blocks: 3 })
    await expect.poll(() => store.capabilities.read(leaseKey)).toBeUndefined()
  })

  test('whose readers got what they wanted finishes the block, unless that takes more than 10 s', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const store = new FaultyStore()
    const { sequence, runs, give } = held()
    const source = keepTerms(sequence, { store: store.client(), blockSize })
    const reading = termsOf(source, 0, 5)
    give(5)
    await vi.waitFor(() => expect(runs.begun).toBe(1))
    expect(await reading).toEqual(expected(0, 5))
    await vi.advanceTimersByTimeAsync(9_900)
    expect(runs.signal.aborted).toBe(false)
    await vi.advanceTimersByTimeAsync(200)
    expect(runs.signal.aborted).toBe(true)
    await vi.waitFor(async () => expect(await store.capabilities.read(leaseKey)).toBeUndefined())
  })
})

describe('while another process has the right to write', () => {
  /** Until it has looked for the other one's blocks some times. */
  const looks = async (store: FaultyStore) => {
    const asked = store.calls.leases
    await expect.poll(() => store.calls.leases).toBeGreaterThan(asked + 6)
  }
  const waiting = async (store: FaultyStore, clock: ManualClock, start: number, end: number) => {
    const take = () => store.capabilities.setIfAbsent(leaseKey, Buffer.from('lease of another'), 60_000)
    // Whoever filled the store may not have given it back yet.
    await expect.poll(take).toBe(true)
    const { sequence, computed } = squares()
    const { sequence: seen, begun } = watched(sequence)
    const reading = termsOf(keepTerms(seen, { store: store.client(), blockSize, clock }), start, end)
    return { reading, computed, begun }
  }

  test('its blocks are read as they land', async () => {
    const store = new FaultyStore()
    const { reading, computed } = await waiting(store, new ManualClock(), 0, 20)
    const asked = store.calls.reads
    await expect.poll(() => store.calls.reads).toBeGreaterThan(asked + 4)
    const another = new FaultyStore()
    await termsOf(keepTerms(squares().sequence, { store: another.client(), blockSize }), 0, 20)
    for (const n of [0, 1])
      void store.kept.set(`${prefix} block ${n}`, another.kept.get(`${prefix} block ${n}`) as never, 60_000)
    expect(await reading).toEqual(expected(0, 20))
    expect(computed).toEqual([])
  })

  test('what it has written is read without asking for that right', async () => {
    const store = new FaultyStore()
    await termsOf(keepTerms(squares().sequence, { store: store.client(), blockSize }), 0, 50)
    await expect.poll(() => store.capabilities.read(leaseKey)).toBeUndefined()
    const asked = store.calls.leases
    const { reading, computed } = await waiting(store, new ManualClock(), 5, 45)
    expect(await reading).toEqual(expected(5, 45))
    expect(store.calls.leases).toBe(asked)
    expect(computed).toEqual([])
  })

  test('it is taken to have it still where the store is late to say so, for a second', async () => {
    const store = new FaultyStore()
    const clock = new ManualClock()
    const { reading, computed } = await waiting(store, clock, 0, 10)
    await looks(store)
    store.faults.leases = 'hangs'
    const asked = store.calls.leases
    await expect.poll(() => store.calls.leases, { timeout: 20_000 }).toBeGreaterThan(asked + 2)
    expect(computed).toEqual([])
    clock.pass(1)
    expect(await reading).toEqual(expected(0, 10))
    expect(computed.length).toBe(10)
  })

  test('blocks that are gone behind it are computed here in one walk, those before it are waited for', async () => {
    const store = new FaultyStore()
    await termsOf(keepTerms(squares().sequence, { store: store.client(), blockSize }), 0, 90)
    for (const n of [2, 3, 4, 7, 8]) void store.kept.delete(`${prefix} block ${n}`)
    const { reading, computed, begun } = await waiting(store, new ManualClock(), 40, 100)
    // A gap's beginning is looked for in steps that double, so that block 1 is made as well.
    const gaps = [10, 20, 30, 40, 70, 80].flatMap((from) => Array.from({ length: blockSize }, (_, i) => from + i))
    await expect.poll(() => computed).toEqual(gaps)
    await looks(store)
    expect(computed).toEqual(gaps)
    expect(begun()).toBe(2)
    const another = new FaultyStore()
    await termsOf(keepTerms(squares().sequence, { store: another.client(), blockSize }), 0, 100)
    void store.kept.set(`${prefix} block 9`, another.kept.get(`${prefix} block 9`) as never, 60_000)
    expect(await reading).toEqual(expected(40, 100))
    expect(computed).toEqual(gaps)
  })

  test.each<[string, Part[]]>([
    ['it stands still', []],
    ['its blocks cannot be read', ['reads']],
  ])('what does not come within 10 s is computed here: %s', async (_, parts) => {
    const store = new FaultyStore()
    for (const part of parts) store.faults[part] = 'fails'
    const clock = new ManualClock()
    const { reading, computed } = await waiting(store, clock, 0, 40)
    await looks(store)
    clock.pass(9)
    await looks(store)
    expect(computed).toEqual([])
    clock.pass(2)
    expect(await reading).toEqual(expected(0, 40))
    expect(computed.length).toBe(40)
  })
})
