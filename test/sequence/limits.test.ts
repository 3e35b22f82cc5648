import fc from 'fast-check'
import { expect, test } from 'vitest'
import { defineSequence, fibonacci, judgeCost, primes } from '../../src/index.ts'
import { textsOf } from './texts.ts'

const limits = { bytes: 8 * 1024 ** 2, time: 2_000 }

test('what is within the limits is affordable', () => {
  expect(judgeCost(fibonacci, { start: 0, count: 100 }, limits)).toEqual({
    type: 'affordable',
    cost: fibonacci.cost(0, 100),
  })
})

test('what is not is excessive, and the most that would do is told', () => {
  fc.assert(
    fc.property(fc.nat(3_000_000), fc.integer({ min: 1, max: 1e9 }), (start, count) => {
      const verdict = judgeCost(fibonacci, { start, count }, limits)
      if (verdict.type === 'affordable') return
      const { largestCount } = verdict
      expect(largestCount).toBeLessThan(count)
      expect(judgeCost(fibonacci, { start, count: largestCount + 1 }, limits).type).toBe('excessive')
      if (largestCount > 0) {
        expect(judgeCost(fibonacci, { start, count: largestCount }, limits).type).toBe('affordable')
      }
    }),
  )
})

test('100,000 terms from the first on are a gigabyte', () => {
  expect(fibonacci.cost(0, 100_000).bytes).toBeGreaterThan(1e9)
  expect(judgeCost(fibonacci, { start: 0, count: 100_000 }, limits)).toMatchObject({ type: 'excessive' })
})

test('an index far out affords nothing, at once', () => {
  for (const sequence of [fibonacci, primes]) {
    const range = { start: Number.MAX_SAFE_INTEGER - 10, count: 10 }
    expect(judgeCost(sequence, range, limits)).toMatchObject({ type: 'excessive', largestCount: 0 })
  }
})

test('without an end the most that would do is told, too', () => {
  const { largestCount } = judgeCost(fibonacci, { start: 0, count: Infinity }, limits) as { largestCount: number }
  expect(judgeCost(fibonacci, { start: 0, count: largestCount }, limits).type).toBe('affordable')
  expect(judgeCost(fibonacci, { start: 0, count: largestCount + 1 }, limits).type).toBe('excessive')
})

test('a kept state makes affordable what is not from the first term', () => {
  const range = { start: 1e9, count: 10 }
  expect(judgeCost(primes, range, limits).type).toBe('excessive')
  expect(judgeCost(primes, { ...range, kept: 1e9 - 1 }, limits).type).toBe('affordable')
})

test.each([
  [0, 10],
  [0, 3_000],
  [99_000, 1_000],
])('from index %i on the bytes of %i primes are known', async (start, count) => {
  const bytes = (await textsOf(primes, { start, count })).join('').length
  expect(primes.cost(start, count).bytes).toBe(bytes)
})

test('of a sequence that says nothing, terms before the start cost unless there is a jump', () => {
  const plain = { id: 'plain', start: () => 0, next: (n: number) => n + 1 }
  const jumping = { ...plain, jump: (n: number) => n }
  expect(defineSequence(plain).cost(1e6, 10).time).toBeGreaterThan(100 * defineSequence(jumping).cost(1e6, 10).time)
  expect(defineSequence(plain).cost(1e6, 10, 999_999)).toEqual(defineSequence(jumping).cost(1e6, 10))
})

test('terms beyond the end cost nothing', () => {
  const short = defineSequence({ id: 'short', start: () => 0, next: (n: number) => n + 1, length: 10 })
  expect(judgeCost(short, { start: 4, count: 1e12 }, limits)).toEqual({ type: 'affordable', cost: short.cost(4, 6) })
  expect(judgeCost(short, { start: 20, count: 5 }, limits)).toMatchObject({ type: 'affordable', cost: { bytes: 0 } })
})
