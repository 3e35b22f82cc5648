/** More about a failure. */
export interface FailureDetails {
  /** What the upstream asked for by Retry-After, ms. Lengthens the open period where this failure opens the circuit. */
  readonly retryAfter?: number | undefined
  /** Who caused it. Default: told from the reason, see `failureOrigin`. */
  readonly origin?: 'upstream' | 'local' | undefined
}

/**
 * Leave to call the upstream once. Exactly one of `succeed`, `fail`, `rateLimited` and `release` has to be called when
 * the outcome is known; the first wins, what comes after it does nothing. None of them throws.
 */
export interface Permit {
  /** The circuit's generation when it was admitted. */
  readonly generation: number
  /** A probe decides whether the circuit closes; one after another while it is half-open. */
  readonly kind: 'call' | 'probe'
  /** Monotonic ms. */
  readonly startedAt: number
  /**
   * The answer's head arrived and is good so far: whether the call is slow is measured until now. A probe gets another
   * `probeTimeout` for the rest, and has succeeded when that ends without an outcome; if it was slow it has failed. Where the head is a failure
   * already, call `fail` instead.
   */
  responded(): void
  /**
   * From now on the call waits for its own caller, such as a client that does not read as fast as the answer is made:
   * that is not the upstream's time, and makes no call slow. Ends with `resume` or with the outcome; does nothing
   * after `responded`.
   */
  pause(): void
  /** The call goes on. */
  resume(): void
  succeed(): void
  /** @param reason The error, or whatever tells what went wrong. */
  fail(reason?: unknown, details?: FailureDetails): void
  /** The upstream asked for fewer calls (429): neutral, unless `openOnRateLimit`. @param retryAfter ms, if it said so. */
  rateLimited(retryAfter?: number): void
  /** Neutral: the call was broken off by its caller, or says nothing about the upstream. */
  release(): void
}

/** What a permit reports to. */
export interface PermitOwner {
  responded(permit: CallPermit): void
  paused(permit: CallPermit): void
  resumed(permit: CallPermit): void
  succeeded(permit: CallPermit): void
  failed(permit: CallPermit, reason: unknown, details: FailureDetails | undefined): void
  rateLimited(permit: CallPermit, retryAfter: number): void
  released(permit: CallPermit): void
}

/** The slot of a permit that is no probe. */
export const NO_SLOT = -1

export class CallPermit implements Permit {
  readonly generation: number
  readonly startedAt: number
  /** Which probe it is, or NO_SLOT. */
  readonly slot: number
  /** When the head arrived. Monotonic ms. */
  respondedAt: number | undefined
  /** Since when it waits for its own caller. Monotonic ms. */
  pausedAt: number | undefined
  /** How long it has waited so before, ms. */
  waited: number
  /** Neighbours in the list of what is under way. */
  older: CallPermit | undefined
  newer: CallPermit | undefined
  isListed = true
  #owner: PermitOwner | undefined

  constructor(owner: PermitOwner | undefined, generation: number, startedAt: number, slot: number) {
    this.#owner = owner
    this.generation = generation
    this.startedAt = startedAt
    this.slot = slot
    this.respondedAt = undefined
    this.pausedAt = undefined
    this.waited = 0
    this.older = undefined
    this.newer = undefined
  }

  get kind(): 'call' | 'probe' {
    return this.slot === NO_SLOT ? 'call' : 'probe'
  }

  responded(): void {
    this.#owner?.responded(this)
  }

  pause(): void {
    this.#owner?.paused(this)
  }

  resume(): void {
    this.#owner?.resumed(this)
  }

  succeed(): void {
    this.#settle()?.succeeded(this)
  }

  fail(reason?: unknown, details?: FailureDetails): void {
    this.#settle()?.failed(this, reason, details)
  }

  rateLimited(retryAfter = 0): void {
    this.#settle()?.rateLimited(this, retryAfter)
  }

  release(): void {
    this.#settle()?.released(this)
  }

  /** The owner, once. */
  #settle(): PermitOwner | undefined {
    const owner = this.#owner
    this.#owner = undefined
    return owner
  }
}

/**
 * Stands for no permit at all, and is never lost. It has to live as long as the module: without any permit alive, a
 * garbage collection in a quiet moment would drop the shape of permits together with the code compiled for it, and the
 * next thousands of calls would take two to three times as long.
 */
const NO_PERMIT = new CallPermit(undefined, 0, Infinity, NO_SLOT)

/** Permits under way in the order in which they were given, so that the one that may be lost is always the first. */
export class PermitList {
  size = 0
  #oldest: CallPermit | undefined
  #newest: CallPermit | undefined

  /** The one that may be lost; where none is under way, one that started at no time. */
  get oldest(): CallPermit {
    return this.#oldest ?? NO_PERMIT
  }

  add(permit: CallPermit): void {
    const newest = this.#newest
    permit.older = newest
    if (newest === undefined) this.#oldest = permit
    else newest.newer = permit
    this.#newest = permit
    this.size++
  }

  remove(permit: CallPermit): void {
    if (!permit.isListed) return
    const { older, newer } = permit
    if (older === undefined) this.#oldest = newer
    else older.newer = newer
    if (newer === undefined) this.#newest = older
    else newer.older = older
    // A permit that somebody keeps must not keep its neighbours.
    permit.older = undefined
    permit.newer = undefined
    permit.isListed = false
    this.size--
  }
}
