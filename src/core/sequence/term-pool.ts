import type { SequenceModule } from './contract.ts'

/** ms of predicted time above which a walk is worth a worker: less is over before one would have begun. */
export const WORTH_A_WORKER = 20

/** Computes terms beside the event loop, a slice at a time. */
export interface TermPool {
  /** ms of predicted time of a walk, above which it is given to the pool. */
  readonly threshold: number
  /**
   * The slice is short, so that nobody has a worker for long, and a reader who takes its time has none.
   *
   * @throws TermPoolError; the signal's reason, at once.
   */
  run(task: SliceTask, signal: AbortSignal): Promise<Slice>
}

/** Plain values: it goes to another thread. */
export interface SliceTask {
  /** What to walk over. */
  readonly sequence: SequenceModule & { readonly id: string; readonly version: string }
  /** As for `walk`. */
  readonly start: number
  readonly count: number
  readonly boundary: number
  /** What is gone on from. */
  readonly after: { readonly index: number; readonly state: Uint8Array } | undefined
  /** Whether part of the walk is done: it is not refused for others who came later. */
  readonly isContinued: boolean
}

/** The next terms of a walk. */
export interface Slice {
  /** In order; each but the last ends at a boundary. */
  readonly parts: readonly SlicePart[]
  /** Whether the sequence, or what is wanted of it, ends with them. */
  readonly isEnd: boolean
  /** What came instead of the next term. */
  readonly failure?: { readonly error: unknown } | undefined
}

/** Terms in a row; none where what was computed lies before the start. */
export interface SlicePart {
  /** How many. */
  readonly count: number
  /** Their JSON texts, a line each: one long string is handed over faster than many. */
  readonly lines: string
  /** Of the last term that was computed. */
  readonly last: { readonly index: number; readonly state: Uint8Array }
}

/**
 * `full`: too many wait already. `late`: not done within the deadline. `lost`: the worker ended, or could not load what it
 * was to compute. `unavailable`: there are no workers, so that work has to be done elsewhere.
 */
export type TermPoolReason = 'full' | 'late' | 'lost' | 'unavailable'

/** Terms that a pool has not computed, for no fault of the sequence's. */
export class TermPoolError extends Error {
  override readonly name = 'TermPoolError'
  readonly code = 'ERR_BREAKWATER_TERM_POOL'
  readonly reason: TermPoolReason
  /** ms after which trying again makes sense; undefined: nobody knows that it ever does. */
  readonly retryAfter: number | undefined

  constructor(
    reason: TermPoolReason,
    message: string,
    more: { readonly retryAfter?: number; readonly cause?: unknown } = {},
  ) {
    super(message, 'cause' in more ? { cause: more.cause } : {})
    this.reason = reason
    this.retryAfter = more.retryAfter
  }
}
