import { quote } from '../options.ts'
import type { Cost, Sequence } from './contract.ts'
import { defineSequence } from './define.ts'
import { jsonState, stateJson } from './json.ts'

/** Numbers sieved at once; small at first, so that a short page is cheap. */
const FIRST_SEGMENT = 2 ** 12
const LARGEST_SEGMENT = 2 ** 18

/** How many primes are below 10, 100, ... up to 10^15. */
const PRIMES_BELOW_TENS = [
  4, 25, 168, 1_229, 9_592, 78_498, 664_579, 5_761_455, 50_847_534, 455_052_511, 4_118_054_813, 37_607_912_018,
  346_065_536_839, 3_204_941_750_802, 29_844_570_422_669,
]

/** The prime numbers: 2, 3, 5, 7, ... A state is the prime itself; there is no jump. */
export const primes: Sequence<number, number> = defineSequence<number>({
  id: 'primes',
  states: (after) => primesAfter(after ?? 1),
  text: (prime) => `${prime}`,
  encode: stateJson,
  decode: (bytes) => {
    const prime = jsonState(bytes)
    if (isState(prime)) return prime
    throw new TypeError(`These bytes are no prime: ${quote(prime)}`)
  },
  cost,
  module: { url: import.meta.url, name: 'primes' },
})

/** Whether it can be one: 2 or odd. */
function isState(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value === 2 || ((value as number) > 2 && (value as number) % 2 === 1))
}

/** By a segmented sieve of Eratosthenes: memory for one segment, and for the primes up to its square root. */
function* primesAfter(last: number): Generator<number | undefined> {
  if (last < 2) yield 2
  // Odd from here on.
  let from = last < 3 ? 3 : last + 2
  let small = oddPrimesUpTo(64)
  for (let size = FIRST_SEGMENT; ; size = Math.min(size * 2, LARGEST_SEGMENT)) {
    const to = from + size
    if (small.limit ** 2 < to) small = oddPrimesUpTo(Math.ceil(Math.sqrt(to)) * 2)
    const isComposite = sieve(from, size, small.primes)
    // A place to rest: beyond 10^12 a segment takes longer than it has primes.
    yield undefined
    for (let i = isComposite.indexOf(0); i !== -1; i = isComposite.indexOf(0, i + 1)) yield from + 2 * i
    from = to
  }
}

/** For each odd number from `from`, which is odd, whether one of `primes` divides it; `primes` reach its square root. */
function sieve(from: number, size: number, primes: readonly number[]): Uint8Array {
  const isComposite = new Uint8Array(size / 2)
  for (const prime of primes) {
    const square = prime * prime
    if (square >= from + size) break
    for (let i = (Math.max(square, oddMultiple(prime, from)) - from) / 2; i < isComposite.length; i += prime) {
      isComposite[i] = 1
    }
  }
  return isComposite
}

/** The first odd multiple of an odd number that is not below `from`. */
function oddMultiple(odd: number, from: number): number {
  const multiple = Math.ceil(from / odd) * odd
  return multiple % 2 === 0 ? multiple + odd : multiple
}

function oddPrimesUpTo(limit: number): { readonly limit: number; readonly primes: readonly number[] } {
  const isComposite = new Uint8Array(limit + 1)
  const primes: number[] = []
  for (let n = 3; n <= limit; n += 2) {
    if (isComposite[n] === 1) continue
    primes.push(n)
    for (let multiple = n * n; multiple <= limit; multiple += 2 * n) isComposite[multiple] = 1
  }
  return { limit, primes }
}

function cost(start: number, count: number, kept = -1): Cost {
  const end = start + count
  const sieved = nthPrime(end) - nthPrime(kept + 1)
  const walked = end - kept - 1
  return { bytes: digitsOf(start, end), time: sieved * 1e-6 + walked * 1.8e-4 + count * 6e-4 }
}

/** About the n-th, counted from 0, by its asymptotic expansion. */
function nthPrime(index: number): number {
  const n = index + 1
  if (n < 6) return 2 * n + 1
  const log = Math.log(n)
  const logLog = Math.log(log)
  return n * (log + logLog - 1 + (logLog - 2) / log)
}

/** Those of each prime: one, and one more for each power of ten below it. */
function digitsOf(start: number, end: number): number {
  return PRIMES_BELOW_TENS.reduce((digits, below) => digits + Math.max(end - Math.max(start, below), 0), end - start)
}
