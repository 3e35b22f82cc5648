import { type Clock, systemClock } from '../clock.ts'
import { clockOption, quote } from '../options.ts'
import { type Batch, Batches, type Kept } from './batches.ts'
import type { Sequence } from './contract.ts'
import { Pace } from './pace.ts'

/** What to walk over. */
export interface WalkOptions<State> {
  /** Index of the first term. Default 0. */
  readonly start?: number | undefined
  /** How many terms at most. Default Infinity: to the end. */
  readonly count?: number | undefined
  /** The state of a term before `start` to go on from. Default: `jump` where there is one, else the first term. */
  readonly kept?: Kept<State> | undefined
  /** A batch ends where the index of the next term is a multiple of it. Default: batches end anywhere. */
  readonly boundary?: number | undefined
  /** Whether batches without terms tell of states before `start`, about every 5 ms. Default false. */
  readonly tellsSkipped?: boolean | undefined
  /** Ends the walk, which then throws its reason. */
  readonly signal?: AbortSignal | undefined
  /** Default: the machine's own. */
  readonly clock?: Clock | undefined
}

/**
 * The terms from `start` on, in batches, each as soon as it is there. Others have the event loop after each 5 ms of
 * work; what a sequence does between two of its states cannot be divided. It ends early where the sequence does, and an
 * error comes after the terms before it. An abort ends it at once where something is waited for, otherwise after the
 * term in work. However it ends, by the reader's leaving too, the source is closed.
 *
 * @throws RangeError for a start, count or kept index that is none; the signal's reason; what the sequence throws.
 */
export async function* walk<State>(
  sequence: Sequence<State>,
  options: WalkOptions<State> = {},
): AsyncGenerator<Batch<State>, void> {
  const { start = 0, count = Infinity, kept, boundary = Infinity, tellsSkipped = false } = options
  const { signal = new AbortController().signal } = options
  checkRange(start, count, kept?.index)
  const pace = new Pace(signal, clockOption('clock', options.clock, systemClock))
  signal.throwIfAborted()
  const end = Math.min(start + count, sequence.length ?? Infinity)
  if (start >= end) return
  const batches = new Batches(sequence, { start, end, boundary, tellsSkipped }, signal, pace)
  try {
    await batches.open(kept)
    for (let batch = await batches.next(); batch !== undefined; batch = await batches.next()) yield batch
  } finally {
    await batches.close()
  }
}

function checkRange(start: number, count: number, kept: number | undefined): void {
  if (!(Number.isSafeInteger(start) && start >= 0)) {
    throw new RangeError(`start must be a whole number of at least 0, not ${quote(start)}`)
  }
  if (!(count === Infinity || (Number.isSafeInteger(count) && count >= 0))) {
    throw new RangeError(`count must be a whole number of at least 0, or Infinity, not ${quote(count)}`)
  }
  if (kept !== undefined && !(Number.isSafeInteger(kept) && kept >= 0 && kept < start)) {
    throw new RangeError(`kept must be the state of a term before start (${start}), not of ${quote(kept)}`)
  }
}
