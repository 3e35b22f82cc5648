import { parseHttpDate } from './date.ts'
import { parseDeltaSeconds } from './delta-seconds.ts'
import { type FieldValue, firstLine } from './message.ts'

/**
 * How long the sender of a Retry-After wants to be left alone, in ms from `now` on, at least 0; undefined where it says
 * nothing that can be understood (RFC 9110 section 10.2.3).
 *
 * @param now epoch ms
 */
export function parseRetryAfter(field: FieldValue, now: number): number | undefined {
  const value = firstLine(field)?.trim()
  if (value === undefined) return undefined
  const seconds = parseDeltaSeconds(value)
  if (seconds !== undefined) return seconds * 1000
  const at = parseHttpDate(value, now)
  return at === undefined ? undefined : Math.max(0, at - now)
}
