import type { CacheControl } from '../../http/cache-control.ts'
import type { Profile } from './profile.ts'

/** What evaluation needs of a stored response; times are epoch ms, durations ms. */
export interface Stored {
  /** When the response was made, by RFC 9111 section 4.2.3: arrival minus initial age. */
  readonly bornAt: number
  readonly lifetime: number
  readonly staleWhileRevalidate: number
  /** undefined: the response says nothing about errors. */
  readonly staleIfError: number | undefined
  /** must-revalidate and its kin: never served stale (RFC 9111 section 4.2.4). */
  readonly staleForbidden: boolean
  /** no-cache: never served without validation. */
  readonly noCache: boolean
  /** immutable: while it is fresh, a reload need not ask the origin (RFC 8246 section 2). */
  readonly immutable: boolean
  /** From when a soft purge makes it stale. */
  readonly expiredAt: number | undefined
}

/**
 * What may be done with a stored response for a request:
 * `fresh`: answer it; `stale`: answer it and refresh behind; `allowed-stale`: answer it, the client asked for it so;
 * `validate`: ask the origin first.
 */
export type Evaluation = 'fresh' | 'stale' | 'allowed-stale' | 'validate'

/** Clocks of a fleet may differ by this much, ms. */
const CLOCK_SKEW = 60_000

/** How long ago a response ceased to be fresh; negative while it is fresh. */
export function staleness(stored: Stored, now: number): number {
  const byAge = now - stored.bornAt - stored.lifetime
  return stored.expiredAt === undefined ? byAge : Math.max(byAge, now - stored.expiredAt)
}

/** Judges a stored response for a request (RFC 9111 section 4.2, RFC 5861 section 3, RFC 8246). Pure; `now` in epoch ms. */
export function evaluate(stored: Stored, request: CacheControl | undefined, profile: Profile, now: number): Evaluation {
  // An entry from the future: the clock was set back, so its age is not known.
  if (stored.noCache || stored.bornAt - now > CLOCK_SKEW) return 'validate'
  const stale = staleness(stored, now)
  const obeyed = profile.requestDirectives
  if (request !== undefined) {
    if (obeyed.noCache && request.noCache !== false) return 'validate'
    // A reload says max-age=0; only no-cache asks for what cannot have changed (RFC 8246 section 2.1).
    const maxAge = obeyed.maxAge && !(stored.immutable && stale < 0) ? request.maxAge : undefined
    if (maxAge !== undefined && now - stored.bornAt > maxAge * 1000) return 'validate'
    if (obeyed.minFresh && request.minFresh !== undefined && -stale < request.minFresh * 1000) return 'validate'
  }
  if (stale < 0) return 'fresh'
  if (stored.staleForbidden || stale > profile.maxStale) return 'validate'
  if (stale < stored.staleWhileRevalidate) return 'stale'
  const maxStale = obeyed.maxStale ? request?.maxStale : undefined
  if (maxStale !== undefined && stale <= maxStale * 1000) return 'allowed-stale'
  return 'validate'
}

/**
 * How the origin failed: `lost` when no origin answered (connection error, thrown error, 502, 504, an open breaker),
 * `error` when it answered 500 or 503.
 */
export type OriginFailure = 'lost' | 'error'

/** The kind of failure a status is; undefined if it is none. */
export function failureOf(status: number): OriginFailure | undefined {
  if (status === 502 || status === 504) return 'lost'
  return status === 500 || status === 503 ? 'error' : undefined
}

/** Whether a stale response may stand in for a failed origin (RFC 9111 section 4.2.4, RFC 5861 section 4). */
export function mayStandIn(
  stored: Stored,
  failure: OriginFailure,
  request: CacheControl | undefined,
  profile: Profile,
  now: number,
): boolean {
  if (stored.noCache || stored.staleForbidden) return false
  const obeyed = profile.requestDirectives
  if (obeyed.noCache && request !== undefined && request.noCache !== false) return false
  const stale = staleness(stored, now)
  if (stale > profile.maxStale) return false
  if (stored.staleIfError !== undefined) return stale <= stored.staleIfError
  return failure === 'lost'
}
