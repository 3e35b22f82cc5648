import { defineSequence } from 'breakwater'

/** A fraction that is brought nearer to pi until its first digit is sure (Gibbons, Unbounded Spigot Algorithms). */
interface Fraction {
  readonly q: bigint
  readonly r: bigint
  readonly t: bigint
  readonly k: bigint
  readonly digit: bigint
}

/** The digits of pi. Each needs all before it, and takes longer than they did. */
export const sequence = defineSequence<Fraction, number>({
  id: 'pi',
  // Workers import this module: it defines, and starts nothing.
  module: import.meta.url,
  start: () => settled({ q: 1n, r: 0n, t: 1n, k: 1n, digit: 3n }),
  next: ({ q, r, t, k, digit }) =>
    settled({ q: 10n * q, r: 10n * (r - digit * t), t, k, digit: (10n * (3n * q + r)) / t - 10n * digit }),
  term: ({ digit }) => Number(digit),
  cost: (start, count, kept = -1) => ({ bytes: count, time: ((start + count) ** 2 - (kept + 1) ** 2) * 1.8e-4 }),
})

function settled({ q, r, t, k, digit }: Fraction): Fraction {
  while (4n * q + r - t >= digit * t) {
    const odd = 2n * k + 1n
    const next = (q * (7n * k + 2n) + r * odd) / (t * odd)
    ;[q, r, t, k, digit] = [q * k, (2n * q + r) * odd, t * odd, k + 1n, next]
  }
  return { q, r, t, k, digit }
}
