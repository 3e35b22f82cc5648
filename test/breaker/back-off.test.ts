import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type BackOff, lastingAttempt, openPeriod } from '../../src/core/breaker/back-off.ts'

const steady: BackOff = {
  openDuration: 1_000,
  backoffFactor: 2,
  maxOpenDuration: 10_000,
  jitter: 0,
  random: () => 0.5,
}

test('each opening in a row is longer, up to the cap', () => {
  expect([1, 2, 3, 4, 5, 2_000].map((attempt) => openPeriod(steady, attempt, 0))).toEqual([
    1_000, 2_000, 4_000, 8_000, 10_000, 10_000,
  ])
})

test.each([
  [0, 4_000, 4_000],
  [0.5, 2_000, 4_000],
  [1, 0, 4_000],
])('jitter %d draws between %d and %d', (jitter, least, most) => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (drawn) => {
      const period = openPeriod({ ...steady, jitter, random: () => drawn }, 3, 0)
      expect(period).toBeGreaterThanOrEqual(least)
      expect(period).toBeLessThanOrEqual(most)
    }),
  )
})

describe('Retry-After', () => {
  test('lengthens the period, up to the cap', () => {
    expect([500, 3_000, 99_000, Infinity].map((ms) => openPeriod(steady, 1, ms))).toEqual([
      1_000, 3_000, 10_000, 10_000,
    ])
  })
})

test.each([
  [{ openDuration: 5_000, backoffFactor: 2, maxOpenDuration: 60_000 }, 5],
  [{ openDuration: 1_000, backoffFactor: 1, maxOpenDuration: 60_000 }, 1],
  [{ openDuration: 1_000, backoffFactor: 3, maxOpenDuration: 1_000 }, 1],
])('%o is longest from attempt %d on', (backOff, attempt) => {
  expect(lastingAttempt(backOff)).toBe(attempt)
})
