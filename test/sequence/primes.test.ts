import { expect, test } from 'vitest'
import { primes, walk } from '../../src/index.ts'
import { textsOf } from './texts.ts'

function naivePrimes(below: number): number[] {
  const found: number[] = []
  for (let n = 2; n < below; n++) {
    if (found.every((prime) => prime * prime > n || n % prime !== 0)) found.push(n)
  }
  return found
}

function byTrialDivision(n: number): boolean {
  for (let divisor = 2; divisor * divisor <= n; divisor++) if (n % divisor === 0) return false
  return n >= 2
}

test('are those that a sieve of Eratosthenes in one piece leaves, over many segments', async () => {
  const limit = 3_000_000
  const isComposite = new Uint8Array(limit)
  for (let n = 2; n * n < limit; n++) {
    if (isComposite[n] === 0) for (let multiple = n * n; multiple < limit; multiple += n) isComposite[multiple] = 1
  }
  const expected: string[] = []
  for (let n = 2; n < limit; n++) if (isComposite[n] === 0) expected.push(`${n}`)
  expect(await textsOf(primes, { count: expected.length })).toEqual(expected)
})

test('go on after any of the first of them', async () => {
  const expected = naivePrimes(3_000).map(String)
  for (let index = 0; index < 200; index++) {
    const kept = { index, state: primes.decode(primes.encode(Number(expected[index]))) }
    expect(await textsOf(primes, { start: index + 1, count: 100, kept })).toEqual(
      expected.slice(index + 1, index + 101),
    )
  }
})

test('go on after a large one', async () => {
  const last = 1_000_000_000_039
  const expected: string[] = []
  for (let n = last + 1; expected.length < 5; n++) if (byTrialDivision(n)) expected.push(`${n}`)
  expect(await textsOf(primes, { start: 101, count: 5, kept: { index: 100, state: last } })).toEqual(expected)
})

test('skip to the hundred thousandth', async () => {
  expect(await textsOf(primes, { start: 99_999, count: 1 })).toEqual(['1299709'])
})

test('the state of the last one is the last one', async () => {
  for await (const { last } of walk(primes, { start: 3, count: 2 })) expect(last).toEqual({ index: 4, state: 11 })
})

test.each(['', '"7"', '1', '4', '7.5', '[7]', 'null'])('a state is not read from %s', (text) => {
  expect(() => primes.decode(Buffer.from(text))).toThrow()
})
