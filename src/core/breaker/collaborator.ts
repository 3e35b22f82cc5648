import type { BreakerOverride, TransitionReason } from './events.ts'
import type { FailureOrigin } from './origin.ts'
import type { BreakerState } from './state.ts'

/** A transition as processes tell each other of it. Plain: it can be written as JSON. */
export interface BreakerRecord {
  readonly generation: number
  readonly state: BreakerState
  /** The operator's override that holds with it. */
  readonly override: BreakerOverride | undefined
  /** When it happened, epoch ms. */
  readonly at: number
  /** How long it is open from `at` on; 0 where it is not open. */
  readonly openForMs: number
  readonly attempt: number
  /** The process that decided. */
  readonly by: string
  /** Who caused an opening. */
  readonly origin: FailureOrigin | undefined
  readonly reason: TransitionReason
}

/** What shares a breaker's state with other processes. Its methods are called synchronously and must not throw. */
export interface BreakerCollaborator {
  /** The name of this process in records. */
  readonly holder: string
  /**
   * This breaker changed by its own decision or by a command given to it; never by what it adopted. While the override
   * is `observe-only`, transitions are told as well: others must not act on them.
   */
  changed(record: BreakerRecord): void
  /**
   * Whether a probe may be sent for the opening of this generation. While it says no, calls are refused; asked anew on
   * each call that could be a probe.
   */
  mayProbe(generation: number): boolean
}

/** What a collaborator may do with its breaker. */
export interface BreakerLink {
  /** The record of how the breaker stands now, for whoever comes later. */
  record(): BreakerRecord
  /**
   * Takes over the state of a record with a higher generation; false where it is not higher, or where an override
   * (isolated, forced closed) stands above the circuit. Its `override` is not looked at. An open period longer than
   * this breaker's `maxOpenDuration` is cut to it; a record from the future counts as made now.
   */
  adopt(record: BreakerRecord): boolean
  /**
   * Another process opened because of its own network: until that period is over, the first failure here opens this
   * circuit. False where it is not closed or the record is of no higher generation.
   */
  hint(record: BreakerRecord): boolean
  /** Takes over an operator's command, whatever the generations: afterwards this one's is at least `generation`. */
  adoptOverride(override: BreakerOverride | undefined, generation: number, by: string): void
  unlink(): void
}
