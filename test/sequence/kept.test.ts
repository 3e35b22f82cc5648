import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { keepTerms } from '../../src/core/sequence/keep-terms.ts'
import { walk } from '../../src/core/sequence/walk.ts'
import { defineSequence, fibonacci, memoryStore, type Sequence } from '../../src/index.ts'
import { expected, never, squares, termsOf } from './kept-squares.ts'

describe('terms kept in blocks', () => {
  test('any ranges in any order are right, and no term is computed twice', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 9 }),
        fc.array(fc.tuple(fc.nat(60), fc.nat(30)), { minLength: 1, maxLength: 12 }),
        fc.boolean(),
        async (blockSize, ranges, areTogether) => {
          const { sequence, computed } = squares()
          const source = keepTerms(sequence, { store: memoryStore(), blockSize })
          const ask = async ([start, count]: [number, number]) =>
            expect(await termsOf(source, start, start + count)).toEqual(expected(start, start + count))
          if (areTogether) await Promise.all(ranges.map(ask))
          else for (const range of ranges) await ask(range)
          expect(computed.length).toBe(new Set(computed).size)
        },
      ),
      { numRuns: 150 },
    )
  })

  test('a second source on the same store computes nothing', async () => {
    const store = memoryStore()
    await termsOf(keepTerms(squares().sequence, { store, blockSize: 10 }), 0, 95)
    const { sequence, computed } = squares()
    expect(await termsOf(keepTerms(sequence, { store, blockSize: 10 }), 20, 90)).toEqual(expected(20, 90))
    expect(computed).toEqual([])
  })

  test('it goes on from the last block', async () => {
    const store = memoryStore()
    await termsOf(keepTerms(squares().sequence, { store, blockSize: 10 }), 0, 30)
    const { sequence, computed } = squares()
    expect(await termsOf(keepTerms(sequence, { store, blockSize: 10 }), 44, 46)).toEqual(expected(44, 46))
    expect(Math.min(...computed)).toBe(30)
  })

  test.each([1, 9, 10, 11, 30])('a sequence of %i terms ends, each time', async (length) => {
    const { sequence } = squares({ length })
    const source = keepTerms(sequence, { store: memoryStore(), blockSize: 10 })
    for (let round = 0; round < 2; round++) {
      expect(await termsOf(source, 0, 1_000)).toEqual(expected(0, length))
      expect(await termsOf(source, length, length + 5)).toEqual([])
      expect(await termsOf(source, length + 25, length + 30)).toEqual([])
    }
  })

  test.each([0, 5, 10, 25])(
    'an error at term %i comes after the terms before it, and to all who wait',
    async (failsAt) => {
      const { sequence } = squares({ failsAt })
      const source = keepTerms(sequence, { store: memoryStore(), blockSize: 10 })
      const read = async (start: number) => {
        const texts: string[] = []
        const reading = (async () => {
          for await (const terms of source.read(start, 60, never)) texts.push(...terms.texts)
        })()
        await expect(reading).rejects.toThrow(`No term ${failsAt}`)
        return texts
      }
      const [from0, from3, from30] = await Promise.all([read(0), read(3), read(30)])
      expect(from0).toEqual(expected(0, failsAt))
      expect(from3).toEqual(expected(3, Math.max(3, failsAt)))
      expect(from30).toEqual([])
    },
  )

  test('what nobody waits for any more is not computed', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const [begun, returned] = [vi.fn(), vi.fn()]
    const sequence: Sequence<number> = defineSequence<number, number>({
      id: 'slow',
      states: async function* () {
        begun()
        try {
          yield 1
          await promise
        } finally {
          returned()
        }
      },
    })
    const source = keepTerms(sequence, { store: memoryStore(), blockSize: 10 })
    const [one, other] = [new AbortController(), new AbortController()]
    const readings = [one, other].map(({ signal }) => termsOf(source, 0, 10, signal))
    await expect.poll(() => begun.mock.calls.length).toBe(1)
    one.abort(new Error('gone'))
    await expect(readings[0]).rejects.toThrow('gone')
    expect(returned).not.toHaveBeenCalled()
    other.abort(new Error('gone, too'))
    await expect(readings[1]).rejects.toThrow('gone, too')
    resolve()
    await expect.poll(() => returned.mock.calls.length).toBe(1)
  })

  test('blocks that are gone or damaged are made anew', async () => {
    const store = memoryStore()
    await termsOf(keepTerms(squares().sequence, { store, blockSize: 10 }), 0, 60)
    const prefix = 'sequence ["squares","1",10]'
    store.delete(`${prefix} block 2`)
    store.set(`${prefix} block 4`, { meta: {}, body: Buffer.from('nonsense') }, 60_000)
    const { sequence, computed } = squares()
    expect(await termsOf(keepTerms(sequence, { store, blockSize: 10 }), 0, 60)).toEqual(expected(0, 60))
    expect(computed).toEqual([...expected(20, 30), ...expected(40, 50)].map(Number).map(Math.sqrt))
  })
})

describe('terms of a sequence that can be entered anywhere', () => {
  test('the next page goes on from the state that was kept', async () => {
    const jump = vi.fn(fibonacci.jump)
    const sequence = { ...fibonacci, jump }
    const source = keepTerms(sequence, { store: memoryStore() })
    const first = await termsOf(source, 60_000, 60_010)
    const next = await termsOf(source, 60_010, 60_020)
    expect(jump).toHaveBeenCalledTimes(1)
    const all: string[] = []
    for await (const { texts } of walk(fibonacci, { start: 60_000, count: 20 })) all.push(...texts)
    expect([...first, ...next]).toEqual(all)
  })

  test('a state that is damaged is not used', async () => {
    const store = memoryStore()
    store.set('sequence ["fibonacci","1"] tail 59999', { meta: {}, body: Buffer.from('x') }, 60_000)
    const [text] = await termsOf(keepTerms(fibonacci, { store }), 60_000, 60_001)
    const { value: batch } = await walk(fibonacci, { start: 60_000, count: 1 }).next()
    expect(text).toBe(batch?.texts[0])
  })
})

test('terms that may be others each time are not kept', async () => {
  let calls = 0
  const sequence = defineSequence<number, number>({
    id: 'dice',
    deterministic: false,
    start: () => ++calls,
    next: () => ++calls,
  })
  const source = keepTerms(sequence, { store: memoryStore() })
  expect(await termsOf(source, 0, 2)).toEqual(['1', '2'])
  expect(await termsOf(source, 0, 2)).toEqual(['3', '4'])
})
