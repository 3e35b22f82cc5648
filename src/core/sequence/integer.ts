/** As many digits as every safe integer below 10^15 has: beyond it counting by numbers ends. */
const MOST_DIGITS = 15

/**
 * A whole number as it is written in a query: digits without sign, without a leading zero and without anything else;
 * undefined for all other texts. Longer ones than `digits` (15, or less) are not read at all.
 */
export function plainInteger(text: string, digits: number = MOST_DIGITS): number | undefined {
  if (text.length > Math.min(digits, MOST_DIGITS)) return undefined
  return PLAIN.test(text) ? Number(text) : undefined
}

const PLAIN = /^(?:0|[1-9][0-9]*)$/
