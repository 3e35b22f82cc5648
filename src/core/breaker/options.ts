import { type Clock, systemClock } from '../clock.ts'
import {
  clockOption,
  duration,
  flag,
  knownOptions,
  limit,
  numberBetween,
  optionalFunction,
  positiveInteger,
  quote,
  rate,
  text,
} from '../options.ts'
import { lastingAttempt, openPeriod } from './back-off.ts'
import type { CircuitRules } from './state.ts'

/** How a call ended, as `isFailure` is asked about it. */
export type CallOutcome =
  | { readonly type: 'error'; readonly error: unknown }
  | { readonly type: 'result'; readonly result: unknown }

/** Options of a circuit breaker. Durations in ms, rates above 0 and at most 1. */
export interface CircuitBreakerOptions {
  /** What it is called in errors and events. Default `circuit`. */
  readonly name?: string | undefined
  /** Opens when this part of the calls in the window failed, and `minimumThroughput` is reached. Default 0.5. */
  readonly failureRate?: number | undefined
  /** Rates are not looked at below this many calls in the window; Infinity: never. Default 20. */
  readonly minimumThroughput?: number | undefined
  /** How long an outcome counts. Default 10,000. */
  readonly failureWindow?: number | undefined
  /** Opens after this many failures in a row, whatever the rate. Default: off. */
  readonly consecutiveFailures?: number | undefined
  /** Opens when this part of the calls in the window was slow; with `slowCallDuration`. Default: off. */
  readonly slowCallRate?: number | undefined
  /** A call that takes as long as this is slow. No default: it has to be given with `slowCallRate`. */
  readonly slowCallDuration?: number | undefined
  /** How many calls try whether the upstream is back. The first that fails opens, so many successes close. Default 1. */
  readonly probes?: number | undefined
  /** A probe without an outcome after this long has failed. Default 10,000. */
  readonly probeTimeout?: number | undefined
  /** How long the circuit is open the first time. Default 5,000. */
  readonly openDuration?: number | undefined
  /** Each opening in a row is this many times longer, at least 1. Default 2. */
  readonly backoffFactor?: number | undefined
  /** The longest that it is open, Retry-After included. Default 60,000, or `openDuration` where that is longer. */
  readonly maxOpenDuration?: number | undefined
  /** The part of the open period that is drawn, 0 to 1: 0 none, 0.5 the second half, 1 all of it. Default 0.5. */
  readonly jitter?: number | undefined
  /** A call without an outcome after this long gives its place back. Default 60,000. */
  readonly permitTimeout?: number | undefined
  /** More calls at once than this are refused. Default: off. */
  readonly maxConcurrent?: number | undefined
  /** Whether a 429 opens the circuit for its Retry-After. Default false: it does not count. */
  readonly openOnRateLimit?: boolean | undefined
  /**
   * Whether what a call of `execute` ended with is a failure. An error that is none is neutral, a result that is none
   * a success. Default: every error is a failure, except another breaker's refusal; no result is.
   */
  readonly isFailure?: ((outcome: CallOutcome) => boolean) | undefined
  /** Default: the machine's own. */
  readonly clock?: Clock | undefined
  /** 0 up to, but not, 1; draws the jitter. Default `Math.random`. */
  readonly random?: (() => number) | undefined
}

/** Options checked and complete. What is off is Infinity. Shared by all breakers of a registry. */
export interface BreakerSettings extends CircuitRules {
  readonly failureRate: number
  readonly minimumThroughput: number
  readonly consecutiveFailures: number
  readonly slowCallRate: number
  readonly slowCallDuration: number
  readonly maxOpenDuration: number
  /** The shortest that it is open, ms. */
  readonly shortestOpening: number
  readonly permitTimeout: number
  readonly maxConcurrent: number
  readonly openOnRateLimit: boolean
  readonly isFailure: ((outcome: CallOutcome) => boolean) | undefined
  readonly clock: Clock
}

const DEFAULT_NAME = 'circuit'

/** The names of all options but `name`. */
export const BREAKER_OPTIONS = [
  'failureRate',
  'minimumThroughput',
  'failureWindow',
  'consecutiveFailures',
  'slowCallRate',
  'slowCallDuration',
  'probes',
  'probeTimeout',
  'openDuration',
  'backoffFactor',
  'maxOpenDuration',
  'jitter',
  'permitTimeout',
  'maxConcurrent',
  'openOnRateLimit',
  'isFailure',
  'clock',
  'random',
] as const

/** @throws TypeError where `options` holds a name that a breaker does not know, or `name` is no string. */
export function breakerName(options: CircuitBreakerOptions): string {
  knownOptions('CircuitBreaker', options, ['name', ...BREAKER_OPTIONS])
  return text('name', options.name, DEFAULT_NAME)
}

/**
 * Checks the options and fills in the defaults.
 *
 * @throws TypeError or RangeError with the value quoted.
 */
export function breakerSettings(options: Omit<CircuitBreakerOptions, 'name'>): BreakerSettings {
  const openDuration = duration('openDuration', options.openDuration, 5_000)
  const maxOpenDuration = duration('maxOpenDuration', options.maxOpenDuration, Math.max(60_000, openDuration))
  if (maxOpenDuration < openDuration) {
    throw new RangeError(`maxOpenDuration must be at least openDuration (${openDuration}), not ${maxOpenDuration}`)
  }
  const backoffFactor = numberBetween('backoffFactor', options.backoffFactor, 1, 1_000, 2)
  const jitter = numberBetween('jitter', options.jitter, 0, 1, 0.5)
  const random = optionalFunction('random', options.random) ?? Math.random
  const backOff = { openDuration, backoffFactor, maxOpenDuration, jitter, random }
  return {
    failureRate: rate('failureRate', options.failureRate, 0.5),
    minimumThroughput: limit('minimumThroughput', options.minimumThroughput, 20),
    failureWindow: duration('failureWindow', options.failureWindow, 10_000),
    consecutiveFailures: limit('consecutiveFailures', options.consecutiveFailures, Infinity),
    ...slowCalls(options),
    probes: positiveInteger('probes', options.probes, 1),
    probeTimeout: duration('probeTimeout', options.probeTimeout, 10_000),
    maxOpenDuration,
    shortestOpening: openDuration * (1 - jitter),
    permitTimeout: duration('permitTimeout', options.permitTimeout, 60_000),
    maxConcurrent: limit('maxConcurrent', options.maxConcurrent, Infinity),
    openOnRateLimit: flag('openOnRateLimit', options.openOnRateLimit, false),
    isFailure: optionalFunction('isFailure', options.isFailure),
    clock: clockOption('clock', options.clock, systemClock),
    lastingAttempt: lastingAttempt(backOff),
    openFor: (attempt, retryAfter) => openPeriod(backOff, attempt, retryAfter),
  }
}

function slowCalls(options: CircuitBreakerOptions): Pick<BreakerSettings, 'slowCallRate' | 'slowCallDuration'> {
  const { slowCallRate, slowCallDuration } = options
  if ((slowCallRate === undefined) !== (slowCallDuration === undefined)) {
    const given = `${quote(slowCallRate)} and ${quote(slowCallDuration)}`
    throw new TypeError(`slowCallRate and slowCallDuration have to be given together, not ${given}`)
  }
  return {
    slowCallRate: slowCallRate === undefined ? Infinity : rate('slowCallRate', slowCallRate, 1),
    slowCallDuration: slowCallDuration === undefined ? Infinity : duration('slowCallDuration', slowCallDuration, 1),
  }
}
