/**
 * Decimal integers for much adding and writing, and for nothing else: four digits a limb, the lowest first, the highest
 * not 0 unless it is the only one. To turn a long bigint into digits costs far more than to compute it; two decimals are
 * added, and written, in little more than the time that it takes to copy them.
 */
export type Decimal = Uint16Array

const BASE = 10_000
const DIGITS = 4
const ZERO = 48

/** The digits of each limb, as one number that lies in memory in the order in which they are read. */
const written: Uint32Array = writtenLimbs()

function writtenLimbs(): Uint32Array {
  const bytes = Buffer.from(Array.from({ length: BASE }, (_, limb) => `${limb}`.padStart(DIGITS, '0')).join(''))
  return new Uint32Array(Uint8Array.from(bytes).buffer)
}

/** Takes decimal digits, without a sign. */
export function decimalOf(digits: string): Decimal {
  const bytes = Buffer.from(digits, 'latin1')
  const decimal = new Uint16Array(Math.ceil(bytes.length / DIGITS))
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
  const sum = new Uint16Array(long.length)
  let carry = 0
  for (let i = 0; i < short.length; i++) {
    const limb = (long[i] as number) + (short[i] as number) + carry
    carry = limb >= BASE ? 1 : 0
    sum[i] = carry === 1 ? limb - BASE : limb
  }
  for (let i = short.length; i < long.length; i++) {
    const limb = (long[i] as number) + carry
    carry = limb >= BASE ? 1 : 0
    sum[i] = carry === 1 ? 0 : limb
  }
  return carry === 0 ? sum : withHighest(sum, carry)
}

function withHighest(lower: Decimal, limb: number): Decimal {
  const decimal = new Uint16Array(lower.length + 1)
  decimal.set(lower)
  decimal[lower.length] = limb
  return decimal
}

/** The digits, without leading zeros. */
export function digitsOf(decimal: Decimal): string {
  const words = new Uint32Array(decimal.length)
  for (let i = 0, at = decimal.length - 1; at >= 0; i++, at--) words[i] = written[decimal[at] as number] as number
  const highest = decimal[decimal.length - 1] as number
  return Buffer.from(words.buffer).toString('latin1', DIGITS - `${highest}`.length)
}
