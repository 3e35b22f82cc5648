import { parseHttpDate } from '../../core/http/date.ts'
import { parseDeltaSeconds } from '../../core/http/delta-seconds.ts'

/** What a Retry-After field says, in either form, as ms from `now` (epoch ms); 0 where it says nothing that can be used. */
export function retryAfterOf(value: unknown, now: number): number {
  const text = String(value ?? '').trim()
  const seconds = parseDeltaSeconds(text)
  if (seconds !== undefined) return seconds * 1000
  return Math.max(0, (parseHttpDate(text) ?? now) - now)
}
