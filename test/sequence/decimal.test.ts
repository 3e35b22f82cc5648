import fc from 'fast-check'
import { expect, test } from 'vitest'
import { add, decimalOf, digitsOf, jsonOf } from '../../src/core/sequence/decimal.ts'

/** Also those where a carry runs through all limbs, and those beside the ends of limbs. */
const natural = fc.oneof(
  fc.bigInt({ min: 0n, max: 10n ** 60n }),
  fc.tuple(fc.nat(70), fc.integer({ min: -1, max: 1 })).map(([zeros, more]) => 10n ** BigInt(zeros) + BigInt(more)),
)

test('digits come back as they were', () => {
  fc.assert(
    fc.property(natural, (n) => {
      expect(digitsOf(decimalOf(`${n}`))).toBe(`${n}`)
      expect(jsonOf(decimalOf(`${n}`))).toBe(`"${n}"`)
    }),
  )
})

test('a sum is that of bigints, and leaves its parts alone', () => {
  fc.assert(
    fc.property(natural, natural, (a, b) => {
      const [left, right] = [decimalOf(`${a}`), decimalOf(`${b}`)]
      expect(digitsOf(add(left, right))).toBe(`${a + b}`)
      expect([digitsOf(left), digitsOf(right)]).toEqual([`${a}`, `${b}`])
    }),
    { numRuns: 1_000 },
  )
})

test('numbers of any length are written, a short one after a long one too', () => {
  for (const length of [3, 1_000_000, 2_500_000, 8, 1_100_000, 1]) {
    const digits = '9'.repeat(length)
    expect(jsonOf(decimalOf(digits)) === `"${digits}"`).toBe(true)
    expect(digitsOf(add(decimalOf(digits), decimalOf('1'))) === `1${'0'.repeat(length)}`).toBe(true)
  }
})
