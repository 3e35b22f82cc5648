import { combined, type FieldValue } from './message.ts'
import { trimWhitespace } from './syntax.ts'

const CONTENT_RANGE = /^bytes (\d+)-(\d+)\/(\d+|\*)$/i

/**
 * Which bytes a 206 carries (RFC 9110 section 14.4); `size` is undefined if the server did not know it. Undefined for
 * an unsatisfied range, for other units and for anything that cannot be: it decides where bytes go, so it is strict.
 */
export function parseContentRange(
  value: FieldValue,
): { readonly start: number; readonly end: number; readonly size: number | undefined } | undefined {
  const text = combined(value)
  const m = text === undefined ? null : CONTENT_RANGE.exec(trimWhitespace(text))
  if (m === null) return undefined
  const start = Number(m[1])
  const end = Number(m[2])
  const size = m[3] === '*' ? undefined : Number(m[3])
  if (start > end || end >= (size ?? Number.MAX_SAFE_INTEGER) || (size ?? 0) > Number.MAX_SAFE_INTEGER) return undefined
  return { start, end, size }
}
