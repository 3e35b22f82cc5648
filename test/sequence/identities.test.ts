import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fibonacci, lucas, type Sequence } from '../../src/index.ts'
import { textsOf } from './texts.ts'

async function terms(sequence: Sequence, start: number, count = 1): Promise<bigint[]> {
  return (await textsOf(sequence, { start, count })).map((text) => BigInt(JSON.parse(text)))
}

async function term(sequence: Sequence, n: number): Promise<bigint> {
  return (await terms(sequence, n))[0]!
}

const index = fc.oneof(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1_900, max: 2_100 }), fc.nat(20_000))
const rule = (holds: (n: number) => Promise<void>): Promise<void> =>
  fc.assert(
    fc.asyncProperty(index, (n) => holds(Math.max(n, 1))),
    { numRuns: 60 },
  )

test('Cassini: F(n-1) F(n+1) - F(n)^2 = (-1)^n', () =>
  rule(async (n) => {
    const [before, at, after] = await terms(fibonacci, n - 1, 3)
    expect(before! * after! - at! ** 2n).toBe(n % 2 === 0 ? 1n : -1n)
  }))

test('doubling: F(2n) = F(n) (F(n-1) + F(n+1)), F(2n+1) = F(n)^2 + F(n+1)^2', () =>
  rule(async (n) => {
    const [before, at, after] = await terms(fibonacci, n - 1, 3)
    expect(await terms(fibonacci, 2 * n, 2)).toEqual([at! * (before! + after!), at! ** 2n + after! ** 2n])
  }))

test('L(n) = F(n-1) + F(n+1)', () =>
  rule(async (n) => {
    const [before, , after] = await terms(fibonacci, n - 1, 3)
    expect(await term(lucas, n)).toBe(before! + after!)
  }))

test('L(n)^2 - 5 F(n)^2 = 4 (-1)^n', () =>
  rule(async (n) => {
    expect((await term(lucas, n)) ** 2n - 5n * (await term(fibonacci, n)) ** 2n).toBe(n % 2 === 0 ? 4n : -4n)
  }))
