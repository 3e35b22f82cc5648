import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { diskStore } from '../../src/adapters/stores/disk.ts'
import { keepTerms } from '../../src/core/sequence/keep-terms.ts'
import { primes } from '../../src/core/sequence/primes.ts'
import type { StoredBody, StoreStreams } from '../../src/core/store/store.ts'
import { defineSequence, type Events, memoryStore, type Store } from '../../src/index.ts'
import { FaultyStore } from './faulty-store.ts'
import { expected, never, squares, termsOf, watched } from './kept-squares.ts'
import { textsOf } from './texts.ts'

describe('a reader who comes back for the next block', () => {
  test.each([0, 5])('finds the same walk, with a store that takes %i ms', async (delay) => {
    const store = new FaultyStore()
    store.delay = delay
    const { sequence, computed } = squares()
    const { sequence: seen, begun } = watched(sequence)
    const source = keepTerms(seen, { store: store.client(), blockSize: 10 })
    expect(await termsOf(source, 0, 200)).toEqual(expected(0, 200))
    expect(begun()).toBe(1)
    expect(computed.length).toBe(200)
  })

  test('finds it behind others who left', async () => {
    const { sequence, computed } = squares()
    const { sequence: seen, begun } = watched(sequence)
    const source = keepTerms(seen, { store: memoryStore(), blockSize: 10 })
    const leaving = new AbortController()
    const left = (async () => {
      for await (const { index } of source.read(0, 500, leaving.signal))
        if (index >= 50) leaving.abort(new Error('gone'))
    })()
    const leave = expect(left).rejects.toThrow('gone')
    expect(await termsOf(source, 0, 200)).toEqual(expected(0, 200))
    await leave
    expect(begun()).toBe(1)
    expect(computed.length).toBe(200)
  })
})

describe('where blocks are gone', () => {
  const blockSize = 2
  const keys = 'sequence ["squares","1",2]'
  const filled = async (blocks: number) => {
    const store = new FaultyStore()
    await termsOf(keepTerms(squares().sequence, { store: store.client(), blockSize }), 0, blocks * blockSize)
    store.calls.reads = 0
    return store
  }

  test('a deep gap is crossed with few questions, and at most twice its length is computed', async () => {
    const store = await filled(1_000)
    for (let n = 301; n < 1_000; n++) void store.kept.delete(`${keys} block ${n}`)
    const { sequence, computed } = squares()
    const source = keepTerms(sequence, { store: store.client(), blockSize })
    expect(await termsOf(source, 1_996, 2_000)).toEqual(expected(1_996, 2_000))
    expect(store.calls.reads).toBeLessThan(60)
    expect(computed.length).toBeLessThan(2 * 2 * 700)
  })

  test('what is between two gaps is not computed again', async () => {
    const store = await filled(100)
    for (const n of [20, 60]) store.kept.delete(`${keys} block ${n}`)
    const { sequence, computed } = squares()
    const source = keepTerms(sequence, { store: store.client(), blockSize })
    const readings = [termsOf(source, 40, 42), termsOf(source, 120, 122)]
    expect(await Promise.all(readings)).toEqual([expected(40, 42), expected(120, 122)])
    expect(computed).toEqual([40, 41, 120, 121])
  })

  test('the last block is found with few questions where the hint is lost', async () => {
    const store = await filled(1_000)
    void store.kept.delete(`${keys} head`)
    const { sequence, computed } = squares()
    const source = keepTerms(sequence, { store: store.client(), blockSize })
    expect(await termsOf(source, 2_000, 2_004)).toEqual(expected(2_000, 2_004))
    expect(store.calls.reads).toBeLessThan(50)
    expect(computed).toEqual([2_000, 2_001, 2_002, 2_003])
  })
})

test.each(['"a\nb"', '"a\rb"', ''])('a text that would be two lines or none, %j, is refused', async (text) => {
  const sequence = defineSequence<number>({
    id: 'lines',
    start: () => 0,
    next: (n) => n + 1,
    text: (n) => (n === 25 ? text : `${n}`),
  })
  const source = keepTerms(sequence, { store: memoryStore(), blockSize: 10 })
  const texts: string[] = []
  const reading = (async () => {
    for await (const terms of source.read(0, 40, never)) texts.push(...terms.texts)
  })()
  await expect(reading).rejects.toThrow(/The text of term 25 is empty or has a line break/)
  expect(texts).toEqual(Array.from({ length: 25 }, (_, n) => `${n}`))
})

describe('a sequence whose states cannot be encoded', () => {
  const listening: ((message: unknown) => void)[] = []
  afterEach(() => {
    for (const listener of listening.splice(0)) unsubscribe('breakwater:sequence:unkept', listener)
  })
  const told = () => {
    const events: Events['breakwater:sequence:unkept'][] = []
    const listener = (event: unknown): void => void events.push(event as never)
    subscribe('breakwater:sequence:unkept', listener)
    listening.push(listener)
    return events
  }
  const encode = (): never => {
    throw new Error('No bytes')
  }

  test('is read in full by all who read at a time', async () => {
    const { sequence } = squares()
    const source = keepTerms({ ...sequence, encode }, { store: memoryStore(), blockSize: 10 })
    const readings = [0, 3, 20].map((start) => termsOf(source, start, 40))
    expect(await Promise.all(readings)).toEqual([expected(0, 40), expected(3, 40), expected(20, 40)])
  })

  test('is gone on from within this process, and an event tells of it', async () => {
    const events = told()
    const { sequence, computed } = squares()
    const source = keepTerms({ ...sequence, encode }, { store: memoryStore(), blockSize: 10 })
    for (let start = 0; start < 50; start += 5) await termsOf(source, start, start + 5)
    expect(computed.length).toBe(50)
    expect(events).toContainEqual({ sequence: 'squares', index: 9, error: new Error('No bytes') })
  })

  test('has its pages where it can be entered anywhere, too', async () => {
    const events = told()
    const sequence = defineSequence<number>({
      id: 'naturals',
      start: () => 0,
      next: (n) => n + 1,
      jump: (n) => n,
      encode,
      decode: () => 0,
      cost: () => ({ bytes: 1, time: 5 }),
    })
    const source = keepTerms(sequence, { store: memoryStore() })
    expect(await termsOf(source, 5, 8)).toEqual(['5', '6', '7'])
    expect(events).toEqual([{ sequence: 'naturals', index: 7, error: new Error('No bytes') }])
  })
})

describe('what a store keeps apart because it is large', () => {
  const folders: string[] = []
  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
  })
  const onDisk = (): Store => {
    const folder = mkdtempSync(join(tmpdir(), 'breakwater-kept-'))
    folders.push(folder)
    return diskStore({ folder })
  }
  const long = (n: number): string => `"${`${n}`.padStart(200_000, '-')}"`
  const steps = () => {
    const computed: number[] = []
    const next = (n: number): number => {
      computed.push(n + 1)
      return n + 1
    }
    return { computed, sequence: defineSequence<number>({ id: 'long', start: () => next(-1), next, text: long }) }
  }
  const texts = (start: number, end: number) => Array.from({ length: end - start }, (_, i) => long(start + i))
  const options = { blockSize: 5, storeTimeout: 5_000 }

  test('is read back: blocks', async () => {
    const store = onDisk()
    await termsOf(keepTerms(steps().sequence, { store, ...options }), 0, 10)
    const { sequence, computed } = steps()
    expect(await termsOf(keepTerms(sequence, { store, ...options }), 0, 15)).toEqual(texts(0, 15))
    expect(computed).toEqual([10, 11, 12, 13, 14])
  })

  test('is read back: the state of a page', async () => {
    const store = onDisk()
    const jump = vi.fn((n: number) => n)
    const sequence = defineSequence<number>({
      id: 'naturals',
      start: () => 0,
      next: (n) => n + 1,
      jump,
      encode: (n) => Buffer.from(`${n}`.padStart(1_000_000, ' ')),
      decode: (bytes) => Number(Buffer.from(bytes).toString()),
      cost: () => ({ bytes: 1, time: 5 }),
    })
    await termsOf(keepTerms(sequence, { store, ...options }), 5, 8)
    // It is written behind the answer.
    const key = 'sequence ["naturals","1"] tail 7'
    await expect.poll(async () => (await store.get(key)) !== undefined).toBe(true)
    expect(await termsOf(keepTerms(sequence, { store, ...options }), 8, 10)).toEqual(['8', '9'])
    expect(jump).toHaveBeenCalledTimes(1)
  })

  test.each<[string, StoredBody['open']]>([
    ['is gone', async () => undefined],
    ['cannot be opened', () => Promise.reject(new Error('No file'))],
    ['breaks off', async () => ({ read: breakingOff, close: () => {} })],
  ])('is computed anew where it %s', async (_, open) => {
    const store = onDisk()
    await termsOf(keepTerms(steps().sequence, { store, ...options }), 0, 5)
    const { sequence, computed } = steps()
    const damaged = { ...methodsOf(store), streams: { get: brokenBy(open), renew: async () => {} } }
    expect(await termsOf(keepTerms(sequence, { store: damaged, ...options }), 0, 5)).toEqual(texts(0, 5))
    expect(computed).toEqual([0, 1, 2, 3, 4])
  })
})

// biome-ignore lint/correctness/useYield: it fails before there is anything.
async function* breakingOff(): AsyncGenerator<Buffer, void, void> {
  throw new Error('No disk')
}

/** Finds each item with a body that is kept apart. */
function brokenBy(open: StoredBody['open']): StoreStreams['get'] {
  return async () => ({ meta: {}, body: { length: 1_000_000, open } })
}

function methodsOf(store: Store): Store {
  const { name, near, maxEntrySize } = store
  return {
    name,
    near,
    maxEntrySize,
    get: (key) => store.get(key),
    set: (...given) => store.set(...given),
    delete: (key) => store.delete(key),
    clear: () => store.clear(),
    reserve: (bytes) => store.reserve(bytes),
    release: (bytes) => store.release(bytes),
  }
}

test('primes are kept', async () => {
  const store = memoryStore()
  const { sequence, begun } = watched(primes)
  const first = await termsOf(keepTerms(sequence, { store }), 1_000, 1_100)
  expect(first).toEqual(await textsOf(primes, { start: 1_000, count: 100 }))
  await termsOf(keepTerms(sequence, { store }), 900, 1_050)
  expect(begun()).toBe(1)
})
