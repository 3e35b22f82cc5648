import { combined, type FieldValue } from './message.ts'
import { trimWhitespace } from './syntax.ts'

export { parseContentRange } from './content-range.ts'
export { rangeApplies } from './if-range.ts'

/** One range of bytes, both ends included. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/** One range as it was asked for: from `first` to `last` or the end, or the last `suffix` bytes or items. */
export interface RequestedRange {
  readonly first?: number
  readonly last?: number
  readonly suffix?: number
}

const SINGLE_RANGE = /^([a-z]+)=(\d*)-(\d*)$/i

/**
 * A Range field that asks for one range of `unit`; undefined for several ranges, other units and what is malformed:
 * then the field is to be ignored (RFC 9110 section 14.2).
 */
export function requestedRange(value: FieldValue, unit: 'bytes' | 'items' = 'bytes'): RequestedRange | undefined {
  const text = combined(value)
  const m = text === undefined ? null : SINGLE_RANGE.exec(trimWhitespace(text))
  if (m === null || m[1]?.toLowerCase() !== unit) return undefined
  const first = position(m[2])
  const last = position(m[3])
  if (first === undefined) return last === undefined ? undefined : { suffix: last }
  if (last === undefined) return { first }
  return first <= last ? { first, last } : undefined
}

/**
 * The bytes that a Range field asks for of a representation of `size` bytes (RFC 9110 section 14.1.2); undefined if the
 * field is to be ignored.
 */
export function parseRange(value: FieldValue, size: number): ByteRange | 'unsatisfiable' | undefined {
  const range = requestedRange(value)
  if (range === undefined) return undefined
  if (range.suffix !== undefined) return lastBytes(range.suffix, size)
  const start = range.first as number
  if (start >= size) return 'unsatisfiable'
  return { start, end: Math.min(range.last ?? size - 1, size - 1) }
}

function lastBytes(suffix: number, size: number): ByteRange | 'unsatisfiable' | undefined {
  if (suffix === 0) return 'unsatisfiable'
  // Satisfiable, but no Content-Range can say "none of zero bytes": the whole, empty representation is the answer.
  if (size === 0) return undefined
  return { start: Math.max(0, size - suffix), end: size - 1 }
}

function position(digits: string | undefined): number | undefined {
  return digits === undefined || digits === '' ? undefined : Math.min(Number(digits), Number.MAX_SAFE_INTEGER)
}
