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

/**
 * How state is shared. `atomic`: the store decides who of several was first. `settled`: it cannot, so the last write
 * stands once all have arrived. `local`: the store is down, and each process is on its own.
 */
export type SharingMode = 'atomic' | 'settled' | 'local'

/** What shares a breaker's state with other processes. Its methods are called synchronously and must not throw. */
export interface BreakerCollaborator {
  /** The name of this process in records. */
  readonly holder: string
  readonly mode: SharingMode
  /**
   * This breaker changed by its own decision or by a command given to it; never by what it adopted. While the override
   * is `observe-only`, transitions are told as well: others must not act on them.
   */
  changed(record: BreakerRecord): void
  /** Whether a probe may be sent now. While it says no, calls are refused; asked anew on each that could be a probe. */
  mayProbe(): boolean
}

/** What a collaborator may do with its breaker. Which of two records is the later one is for the collaborator to say. */
export interface BreakerLink {
  /** The record of how the breaker stands now, as whoever decided would tell it. A lease that ended has decided. */
  record(): BreakerRecord
  /** Probes that this breaker admitted and whose outcome it waits for. */
  probesUnderWay(): number
  /** What this breaker decides from now on gets a generation above this one. */
  note(generation: number): void
  /**
   * Takes over the circuit of a record, under its generation or, where this breaker's own is as high, the one above
   * that; false where an override (isolated, forced closed) stands above the circuit. Its `override` is not looked at.
   * An open period longer than this breaker's `maxOpenDuration` is cut to it; a record from the future counts as made
   * now.
   */
  adopt(record: BreakerRecord): boolean
  /**
   * Another process opened, and that may be for reasons of its own: until that period is over, the first failure here
   * opens this circuit. False where it is not closed.
   */
  hint(record: BreakerRecord): boolean
  /** Takes over an operator's command; an override that holds already changes nothing. */
  adoptOverride(override: BreakerOverride | undefined, by: string): void
  unlink(): void
}
