import { parseAge } from '../../http/age.ts'
import { parseHttpDate } from '../../http/date.ts'
import { combined, type Fields, firstLine } from '../../http/message.ts'
import type { ResponseDirectives } from './directives.ts'
import { MAX_HEURISTIC_LIFETIME, type Profile } from './profile.ts'

/** Where a freshness lifetime comes from. */
type FreshnessSource = 's-maxage' | 'max-age' | 'expires' | 'rule' | 'heuristic' | 'none'

export interface Lifetime {
  /** ms */
  readonly lifetime: number
  readonly source: FreshnessSource
}

/** When a request went out and its response head came back, epoch ms. */
export interface Exchanged {
  readonly requestTime: number
  readonly responseTime: number
}

/** Statuses whose responses may be reused without explicit freshness (RFC 9110 section 15.1). */
const HEURISTICALLY_CACHEABLE = new Set([200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501])

/** Freshness that the response states itself (RFC 9111 section 4.2.1); undefined if it states none. */
export function explicitLifetime(
  fields: Fields,
  { control, targeted }: ResponseDirectives,
  profile: Profile,
  responseTime: number,
): Lifetime | undefined {
  if (profile.shared && control.sMaxage !== undefined) {
    return { lifetime: control.sMaxage * 1000, source: 's-maxage' }
  }
  if (control.maxAge !== undefined) return { lifetime: control.maxAge * 1000, source: 'max-age' }
  if (targeted || fields.expires === undefined) return undefined
  // An invalid Expires, or more than one, is a time in the past (RFC 9111 section 5.3).
  const expires = typeof fields.expires === 'string' ? parseHttpDate(fields.expires) : undefined
  if (expires === undefined) return { lifetime: 0, source: 'expires' }
  const date = dateValue(fields) ?? responseTime
  return { lifetime: Math.max(0, expires - date), source: 'expires' }
}

/** A lifetime guessed from Last-Modified: a tenth of its age, at most 24 h (RFC 9111 section 4.2.2). */
export function heuristicLifetime(
  status: number,
  fields: Fields,
  { control }: ResponseDirectives,
  responseTime: number,
): number {
  if (!HEURISTICALLY_CACHEABLE.has(status) && !control.public) return 0
  if (fields['set-cookie'] !== undefined) return 0
  if (fields['cache-control'] === undefined && /no-cache/i.test(combined(fields.pragma) ?? '')) return 0
  const modified = parseHttpDate(firstLine(fields['last-modified']) ?? '')
  if (modified === undefined) return 0
  const date = dateValue(fields) ?? responseTime
  return Math.min(MAX_HEURISTIC_LIFETIME, Math.max(0, (date - modified) / 10))
}

/** Whether the status alone makes a response cacheable without explicit freshness (RFC 9111 section 3). */
export function isHeuristicallyCacheable(status: number): boolean {
  return HEURISTICALLY_CACHEABLE.has(status)
}

/**
 * The age of a response when it arrived, ms (RFC 9111 section 4.2.3, corrected_initial_age). An answer that is made
 * in this process and carries no Age has not travelled, so the handler's own time does not age it.
 */
export function initialAge(fields: Fields, { requestTime, responseTime }: Exchanged, direction: 'in' | 'out'): number {
  const date = dateValue(fields)
  const apparentAge = date === undefined ? 0 : Math.max(0, Math.floor((responseTime - date) / 1000) * 1000)
  const ageValue = parseAge(fields.age)
  if (direction === 'in' && ageValue === undefined) return apparentAge
  const responseDelay = Math.max(0, responseTime - requestTime)
  return Math.max(apparentAge, (ageValue ?? 0) * 1000 + responseDelay)
}

function dateValue(fields: Fields): number | undefined {
  return parseHttpDate(firstLine(fields.date) ?? '')
}
