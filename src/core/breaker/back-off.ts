/** How long a circuit stays open. */
export interface BackOff {
  /** The first period, ms. */
  readonly openDuration: number
  readonly backoffFactor: number
  /** The longest period, ms. */
  readonly maxOpenDuration: number
  /** The part of a period that is drawn: 0 none, 0.5 the second half (equal jitter), 1 all of it. */
  readonly jitter: number
  /** 0 up to, but not, 1. */
  readonly random: () => number
}

/**
 * Draws the open period of an attempt (1 is the first), ms: `openDuration * backoffFactor ** (attempt - 1)`, at most
 * `maxOpenDuration`, less up to `jitter` of it. At least `retryAfter`, as far as `maxOpenDuration` allows.
 */
export function openPeriod(backOff: BackOff, attempt: number, retryAfter: number): number {
  const { openDuration, backoffFactor, maxOpenDuration, jitter, random } = backOff
  const period = Math.min(maxOpenDuration, openDuration * backoffFactor ** (attempt - 1))
  const drawn = period * (1 - jitter * random())
  return Math.max(drawn, Math.min(retryAfter, maxOpenDuration))
}

/** The first attempt whose period is the longest there is. */
export function lastingAttempt({
  openDuration,
  backoffFactor,
  maxOpenDuration,
}: Omit<BackOff, 'jitter' | 'random'>): number {
  if (backoffFactor === 1 || openDuration === maxOpenDuration) return 1
  return 1 + Math.ceil(Math.log(maxOpenDuration / openDuration) / Math.log(backoffFactor))
}
