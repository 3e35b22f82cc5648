import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fibonacci, lucas, walk } from '../../src/index.ts'
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

test('a stored state is the same state, and other bytes are none', async () => {
  for (const start of [0, 1, 100, 1_999, 2_000, 5_000]) {
    for await (const { last } of walk(lucas, { start, count: 1 })) {
      const state = lucas.decode(lucas.encode(last.state))
      expect(state.index).toBe(start)
      expect(lucas.term(state)).toBe(lucas.term(last.state))
      expect(lucas.text(state)).toBe(lucas.text(last.state))
      expect(lucas.encode(state)).toEqual(lucas.encode(last.state))
    }
  }
  for (const text of ['', '{}', '1:2', '1:2,x', '-1:2,3', '1:2,3,']) {
    expect(() => fibonacci.decode(Buffer.from(text))).toThrow('no state of a sequence of sums')
  }
})

test('a state does not change when it is read or gone on from', async () => {
  for await (const { last } of walk(fibonacci, { start: 3_000, count: 1 })) {
    const before = Buffer.from(fibonacci.encode(last.state))
    await textsOf(fibonacci, { start: 3_001, count: 10, kept: last })
    fibonacci.text(last.state)
    expect(Buffer.from(fibonacci.encode(last.state))).toEqual(before)
  }
})

test.each([
  [0, 100],
  [0, 3_000],
  [50, 20],
  [10_000, 1],
  [10_000, 300],
  [300_000, 4],
])('from index %i on the bytes of %i terms are predicted within three parts in a hundred', async (start, count) => {
  for (const sequence of [fibonacci, lucas]) {
    const bytes = (await textsOf(sequence, { start, count })).join('').length
    const predicted = sequence.cost(start, count).bytes
    expect(Math.abs(predicted / bytes - 1)).toBeLessThan(0.03)
  }
})

test('cost grows with each term, and is less from a kept state', () => {
  for (const start of [0, 1, 100, 1e5, 1e6]) {
    for (let count = 1; count < 100; count++) {
      const [less, more] = [fibonacci.cost(start, count - 1), fibonacci.cost(start, count)]
      expect(more.bytes).toBeGreaterThan(less.bytes)
      expect(more.time).toBeGreaterThan(less.time)
    }
  }
  expect(fibonacci.cost(1e6, 10, 999_999).time).toBeLessThan(fibonacci.cost(1e6, 10).time / 5)
})

test('an index beyond what bigints can hold is refused before any work', async () => {
  await expect(textsOf(fibonacci, { start: 2e9, count: 1 })).rejects.toThrow('up to index 1500000000, not 2000000000')
})
