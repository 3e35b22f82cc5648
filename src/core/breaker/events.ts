import type { SharingMode } from './collaborator.ts'
import type { RefusalReason } from './errors.ts'
import type { FailureOrigin } from './origin.ts'
import type { BreakerState } from './state.ts'

/** What an operator put above a circuit. */
export type BreakerOverride = 'isolated' | 'forced-closed' | 'observe-only'

/** Why a circuit changed. */
export type TransitionReason =
  | 'failure-rate'
  | 'slow-rate'
  | 'consecutive-failures'
  | 'rate-limit'
  | 'hint'
  | 'open-period-over'
  | 'probes-succeeded'
  | 'probe-failed'
  | 'probe-slow'
  | 'probe-timeout'
  | BreakerOverride
  | 'reset'
  | 'adopted'

/** What the window of a breaker holds. */
export interface BreakerCounts {
  /** Calls that ended within the window with a success or a failure. */
  readonly total: number
  readonly failed: number
  readonly slow: number
  /** Failures since the last success. */
  readonly consecutiveFailures: number
  /** Calls under way, probes included. */
  readonly inFlight: number
}

interface BreakerEvent {
  /** The breaker's name; in a registry, its key. */
  readonly breaker: string
  readonly generation: number
  readonly override: BreakerOverride | undefined
}

/** Events of circuit breakers, by channel name. */
export interface BreakerEvents {
  /** A circuit changed, or an operator's override did; with the numbers from before. */
  'breakwater:breaker:transition': BreakerEvent & {
    readonly from: BreakerState
    readonly to: BreakerState
    readonly reason: TransitionReason
    /** Who caused an opening. */
    readonly origin: FailureOrigin | undefined
    /** The process or person that decided, where it was not this breaker. */
    readonly by: string | undefined
    readonly attempt: number
    /** How long it is open; 0 where it is not. */
    readonly openForMs: number
    readonly counts: BreakerCounts
    /** What the counts are compared with; Infinity: off. */
    readonly thresholds: {
      readonly failureRate: number
      readonly minimumThroughput: number
      readonly consecutiveFailures: number
      readonly slowCallRate: number
      readonly slowCallDuration: number
    }
  }
  /** A call was refused; with the override `observe-only` it would have been, and went on. */
  'breakwater:breaker:rejected': BreakerEvent & {
    readonly reason: RefusalReason
    readonly state: BreakerState
    readonly retryAfter: number
    readonly inFlight: number
  }
  /** An outcome came after its circuit had changed: it decides nothing. */
  'breakwater:breaker:late': BreakerEvent & {
    readonly kind: 'call' | 'probe'
    readonly outcome: 'success' | 'failure' | 'rate-limited'
    /** The generation in which the call was admitted. */
    readonly admitted: number
    readonly duration: number
  }
  /** A call had no outcome within `permitTimeout`: its place was given back. */
  'breakwater:breaker:lost': BreakerEvent & {
    readonly kind: 'call' | 'probe'
    readonly admitted: number
    readonly age: number
    readonly inFlight: number
  }
  /** A function of a mount's options threw: the request passed by the circuit, or its outcome was neutral. */
  'breakwater:breaker:fault': {
    /** The mount's name. */
    readonly breaker: string
    readonly option: string
    readonly error: unknown
  }
  /** The store of a registry with shared state went down (`local`) or came back; `reason`: what it failed with last. */
  'breakwater:breaker:mode': {
    readonly store: string
    readonly namespace: string
    readonly from: SharingMode
    readonly to: SharingMode
    /** Calls of the store that failed in a row; 0 where it came back. */
    readonly failures: number
    readonly reason: string | undefined
  }
  /** A registry made or dropped a breaker, or had no room for one: `unlisted` calls pass without a circuit. */
  'breakwater:breaker:registry': {
    readonly change: 'created' | 'evicted' | 'unlisted'
    readonly breaker: string
    readonly size: number
  }
}
