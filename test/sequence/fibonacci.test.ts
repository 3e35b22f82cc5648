import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fibonacci, lucas, type Sequence, walk } from '../../src/index.ts'
import { textsOf } from './texts.ts'

/** Sums of digits, as done on paper. */
function addDigits(a: string, b: string): string {
  let sum = ''
  let carry = 0
  for (let i = 1; i <= Math.max(a.length, b.length) || carry > 0; i++) {
    const column = Number(a.at(-i) ?? 0) + Number(b.at(-i) ?? 0) + carry
    sum = `${column % 10}${sum}`
    carry = column >= 10 ? 1 : 0
  }
  return sum
}

function onPaper(first: string, second: string, count: number): string[] {
  const terms = [first, second]
  while (terms.length < count) terms.push(addDigits(terms.at(-2)!, terms.at(-1)!))
  return terms.slice(0, count)
}

const quoted = (digits: string): string => `"${digits}"`

async function termAt(sequence: Sequence, n: number): Promise<bigint> {
  const [text] = await textsOf(sequence, { start: n, count: 1 })
  return BigInt(JSON.parse(text!))
}

test.each([
  [fibonacci, '0', '1'],
  [lucas, '2', '1'],
])('the first 2,100 terms, across where decimals begin, are those added on paper', async (sequence, first, second) => {
  expect(await textsOf(sequence, { count: 2_100 })).toEqual(onPaper(first, second, 2_100).map(quoted))
})

test.each([
  [fibonacci, '0', '1'],
  [lucas, '2', '1'],
])('a page anywhere is the part of the walk', async (sequence, first, second) => {
  const all = onPaper(first, second, 2_200).map(quoted)
  await fc.assert(
    fc.asyncProperty(fc.nat(2_150), fc.nat(50), async (start, count) => {
      expect(await textsOf(sequence, { start, count })).toEqual(all.slice(start, start + count))
    }),
    { numRuns: 60 },
  )
})

test('a kept state gives the same terms as a jump', async () => {
  for (const start of [1, 1_999, 2_000, 2_001, 30_000]) {
    for await (const { last } of walk(fibonacci, { start: start - 1, count: 1 })) {
      const kept = { index: last.index, state: fibonacci.decode(fibonacci.encode(last.state)) }
      const jumped = await textsOf(fibonacci, { start, count: 5 })
      expect(await textsOf(fibonacci, { start, count: 5, kept: last })).toEqual(jumped)
      expect(await textsOf(fibonacci, { start, count: 5, kept })).toEqual(jumped)
    }
  }
})

test('Cassini: F(n-1) F(n+1) - F(n)^2 = (-1)^n', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 20_000 }), async (n) => {
      const [before, at, after] = (await textsOf(fibonacci, { start: n - 1, count: 3 })).map((t) =>
        BigInt(JSON.parse(t)),
      )
      expect(before! * after! - at! * at!).toBe(n % 2 === 0 ? 1n : -1n)
    }),
    { numRuns: 50 },
  )
})
