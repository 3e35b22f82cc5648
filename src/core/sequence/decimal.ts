/**
 * Decimal integers for much adding and writing, and for nothing else: eight digits a limb, the lowest first, the highest
 * not 0 unless it is the only one. To turn a long bigint into digits costs far more than to compute it; two decimals are
 * added, and written, in little more than the time that it takes to copy them.
 */
export type Decimal = Int32Array

const BASE = 100_000_000
const DIGITS = 8
/** Limbs are written by halves. */
const HALF_BASE = 10_000
const HALF_DIGITS = 4
const ZERO = 48
const QUOTE = 34
/** Words: 1 MiB, for numbers of a million digits. */
const LARGEST_SCRATCH = 2 ** 18

/** The digits of each half, as one number that lies in memory in the order in which they are read. */
const written: Uint32Array = writtenHalves()

function writtenHalves(): Uint32Array {
  const digits = Array.from({ length: HALF_BASE }, (_, half) => `${half}`.padStart(HALF_DIGITS, '0')).join('')
  return new Uint32Array(Uint8Array.from(Buffer.from(digits)).buffer)
}

/** Takes decimal digits, without a sign. */
export function decimalOf(digits: string): Decimal {
  const bytes = Buffer.from(digits, 'latin1')
  const decimal = new Int32Array(Math.ceil(bytes.length / DIGITS))
  let end = bytes.length
  for (let i = 0; i < decimal.length; i++) {
    let limb = 0
    for (let at = Math.max(end - DIGITS, 0); at < end; at++) limb = limb * 10 + (bytes[at] as number) - ZERO
    decimal[i] = limb
    end -= DIGITS
  }
  return decimal
}

/** The sum, in limbs of its own. */
export function add(a: Decimal, b: Decimal): Decimal {
  const [long, short] = a.length < b.length ? [b, a] : [a, b]
  const sum = new Int32Array(long.length)
  let carry = 0
  for (let i = 0; i < long.length; i++) {
    const other = i < short.length ? (short[i] as number) : 0
    const rest = (long[i] as number) + other + carry - BASE
    // All ones where nothing is carried: nobody can foretell a branch here, so there is none.
    const isBelow = rest >> 31
    sum[i] = rest + (BASE & isBelow)
    carry = 1 + isBelow
  }
  return carry === 0 ? sum : withHighest(sum, carry)
}

function withHighest(lower: Decimal, limb: number): Decimal {
  const decimal = new Int32Array(lower.length + 1)
  decimal.set(lower)
  decimal[lower.length] = limb
  return decimal
}

/** The digits, without leading zeros. */
export function digitsOf(decimal: Decimal): string {
  return jsonOf(decimal).slice(1, -1)
}

/** The digits as a JSON string. */
export function jsonOf(decimal: Decimal): string {
  // A word for each half, and one before and after them for the quotes.
  const words = wordsFor(2 * decimal.length + 2)
  for (let i = 1, at = decimal.length - 1; at >= 0; i += 2, at--) {
    const limb = decimal[at] as number
    const upper = Math.trunc(limb / HALF_BASE)
    words[i] = written[upper] as number
    words[i + 1] = written[limb - upper * HALF_BASE] as number
  }
  const bytes = Buffer.from(words.buffer)
  const highest = decimal[decimal.length - 1] as number
  const opening = HALF_DIGITS + DIGITS - `${highest}`.length - 1
  const closing = HALF_DIGITS + decimal.length * DIGITS
  bytes[opening] = QUOTE
  bytes[closing] = QUOTE
  return bytes.toString('latin1', opening, closing + 1)
}

/** Where terms are written, one after another: fresh memory for each would cost as much as the writing. */
let scratch = new Uint32Array(0)

function wordsFor(length: number): Uint32Array<ArrayBuffer> {
  if (length > LARGEST_SCRATCH) return new Uint32Array(length)
  if (scratch.length < length) scratch = new Uint32Array(Math.min(2 * length, LARGEST_SCRATCH))
  return scratch
}
