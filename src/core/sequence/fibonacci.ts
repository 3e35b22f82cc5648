import type { Cost, Rest, Sequence } from './contract.ts'
import { defineSequence } from './define.ts'
import { Long } from './long.ts'

/** A term and the one after it: what all that follow can be added from. */
export interface FibonacciState {
  /** The index of `current`. */
  readonly index: number
  readonly current: Long
  readonly following: Long
}

/** Terms before this index are computed as bigints, which are faster up to some 400 digits. */
const DECIMAL_FROM = 2_000
/** Beyond, a term has more than the 2^30 bits of V8's bigints. */
const LARGEST_INDEX = 1_500_000_000

/** Digits of term n, by and by: log10 of the golden ratio. */
const DIGITS_PER_INDEX = 0.20898764

/** The Fibonacci numbers: 0, 1, 1, 2, 3, ... */
export const fibonacci: Sequence<FibonacciState, bigint> = additive('fibonacci', { first: 0n, second: 1n })

/** The Lucas numbers: 2, 1, 3, 4, 7, ... */
export const lucas: Sequence<FibonacciState, bigint> = additive('lucas', { first: 2n, second: 1n })

interface Seeds {
  readonly first: bigint
  readonly second: bigint
}

/** Each term is the sum of the two before it. */
function additive(id: string, seeds: Seeds): Sequence<FibonacciState, bigint> {
  const { first, second } = seeds
  return defineSequence<FibonacciState, bigint>({
    id,
    start: () => ({ index: 0, current: new Long(first), following: new Long(second) }),
    next,
    jump: (n, _signal, rest) => jump(seeds, n, rest),
    term: ({ current }) => current.toBigInt(),
    text: ({ index, current }) => (index < DECIMAL_FROM ? `"${current}"` : current.toDecimalJson()),
    encode,
    decode,
    cost,
    module: { url: import.meta.url, name: id },
  })
}

function next({ index, current, following }: FibonacciState): FibonacciState {
  const sum = index < DECIMAL_FROM ? current.plus(following) : current.plusInDecimal(following)
  return { index: index + 1, current: following, following: sum }
}

async function jump({ first, second }: Seeds, n: number, rest: Rest): Promise<FibonacciState> {
  if (n > LARGEST_INDEX) throw new RangeError(`Terms are computed up to index ${LARGEST_INDEX}, not ${n}`)
  const [before, at] = await fibonacciPair(n, rest)
  // G(n) = first F(n - 1) + second F(n), and G(n + 1) = first F(n) + second F(n + 1).
  const current = first * before + second * at
  const following = first * at + second * (before + at)
  return { index: n, current: new Long(current), following: new Long(following) }
}

/**
 * F(n - 1) and F(n), by two squarings for each bit of n: F(2k - 1) = F(k)^2 + F(k - 1)^2,
 * F(2k + 1) = 4 F(k)^2 - F(k - 1)^2 + 2 (-1)^k, and F(2k) is their difference.
 */
async function fibonacciPair(n: number, rest: Rest): Promise<readonly [bigint, bigint]> {
  let [before, at, isOdd] = [1n, 0n, false]
  for (const bit of n.toString(2)) {
    const square = at * at
    await rest()
    const squareBefore = before * before
    await rest()
    const lower = square + squareBefore
    const upper = 4n * square - squareBefore + (isOdd ? -2n : 2n)
    isOdd = bit === '1'
    if (isOdd) [before, at] = [upper - lower, upper]
    else [before, at] = [lower, upper - lower]
  }
  return [before, at]
}

/** `index:digits,digits` */
function encode({ index, current, following }: FibonacciState): Uint8Array {
  return Buffer.from(`${index}:${current},${following}`, 'latin1')
}

function decode(bytes: Uint8Array): FibonacciState {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
  const [, index, current, following] = /^(\d{1,15}):(\d+),(\d+)$/.exec(text) ?? []
  if (index === undefined || current === undefined || following === undefined) {
    throw new TypeError('These bytes are no state of a sequence of sums')
  }
  return { index: Number(index), current: Long.ofDigits(current), following: Long.ofDigits(following) }
}

function cost(start: number, count: number, kept?: number): Cost {
  const bytes = textBytes(start, count)
  if (kept === undefined) return { bytes, time: jumpTime(start, count) + addTime(bytes, count) }
  const skipped = start - kept - 1
  return { bytes, time: addTime(bytes + textBytes(kept + 1, skipped), count + skipped) }
}

/** Digits and quotes. */
function textBytes(start: number, count: number): number {
  const digits = count * (DIGITS_PER_INDEX * (start + (count - 1) / 2) + 0.15)
  return Math.ceil(Math.max(digits, count) + 2 * count)
}

/** ms to compute two terms at `start` and to make digits of them. */
function jumpTime(start: number, count: number): number {
  return Math.min(count, 2) * 90 * (start / 1e6) ** 1.28
}

function addTime(bytes: number, count: number): number {
  return bytes * 5e-6 + count * 1e-3
}
