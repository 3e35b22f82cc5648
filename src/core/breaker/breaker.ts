import { quote } from '../options.ts'
import { BreakerCore } from './breaker-core.ts'
import type { BreakerCollaborator, BreakerLink, SharingMode } from './collaborator.ts'
import { CircuitOpenError } from './errors.ts'
import type { BreakerCounts, BreakerOverride } from './events.ts'
import { breakerName, breakerSettings, type CallOutcome, type CircuitBreakerOptions } from './options.ts'
import { isTimeout } from './origin.ts'
import type { Permit } from './permit.ts'
import type { BreakerState } from './state.ts'

/** Options of one call. */
export interface ExecuteOptions<T> {
  /**
   * Handed to the function. Once it is aborted, an error is neutral: the caller went away. Except where its reason is a
   * TimeoutError, as of `AbortSignal.timeout`: then the upstream was too slow, which is a failure.
   */
  readonly signal?: AbortSignal | undefined
  /** Answers in place of a refused or failed call; neutral errors are thrown on. What it throws is thrown. */
  readonly fallback?: ((error: unknown) => T | PromiseLike<T>) | undefined
}

/** How a breaker stands, as a plain value that can be written as JSON. */
export interface BreakerStatus {
  readonly name: string
  readonly state: BreakerState
  readonly override: BreakerOverride | undefined
  readonly generation: number
  readonly attempt: number
  readonly counts: BreakerCounts
  readonly timeSinceFault: number | undefined
  readonly nextProbe: number | undefined
  readonly mode: SharingMode | undefined
}

/** Set by the class itself: what it wraps is for this room only. */
let coreOf: (breaker: CircuitBreaker) => BreakerCore

const NO_OPTIONS: ExecuteOptions<never> = {}

/**
 * A circuit breaker. Closed, it lets calls through and counts how they end; where too many fail or are slow it opens
 * and refuses them for a time that doubles with each opening in a row; then half-open, it lets `probes` calls through:
 * the first that fails opens it again, `probes` successes close it.
 *
 * It has no timers and makes no calls of its own. State changes on its own only by the clock: a probe whose
 * `probeTimeout` ended counts as failed from then on, seen at the next call or reading; an open circuit stays `open`
 * after its period until a call comes, which is the probe.
 */
export class CircuitBreaker {
  readonly #core: BreakerCore

  /** @throws TypeError or RangeError, with the value quoted, where an option is wrong. */
  constructor(options?: CircuitBreakerOptions)
  constructor(options: CircuitBreakerOptions | BreakerCore = {}) {
    this.#core = options instanceof BreakerCore ? options : coreFrom(options)
  }

  get name(): string {
    return this.#core.name
  }

  get state(): BreakerState {
    return this.#core.circuit().type
  }

  /** What an operator put above the circuit; undefined: nothing, the circuit decides. */
  get override(): BreakerOverride | undefined {
    return this.#core.override
  }

  /** Raised by every transition and every command. */
  get generation(): number {
    return this.#core.circuit().generation
  }

  /** Which opening in a row this is. While closed, the number falls by one for each `failureWindow`. */
  get attempt(): number {
    return this.#core.attempt()
  }

  /** What the window holds; cleared when the circuit closes. */
  get counts(): BreakerCounts {
    return this.#core.counts()
  }

  /** ms since the last failure that counted, or probe that was slow or had no outcome; undefined: there was none. */
  get timeSinceFault(): number | undefined {
    return this.#core.timeSinceFault()
  }

  /** When the circuit lets a probe through, epoch ms; past where it only waits for a call. undefined: it is not open. */
  get nextProbe(): number | undefined {
    return this.#core.nextProbe()
  }

  /** How its state is shared with other processes; undefined: it is not. */
  get mode(): SharingMode | undefined {
    return this.#core.mode
  }

  /** All of this at once. */
  status(): BreakerStatus {
    const { name, state, override, generation, attempt, counts, timeSinceFault, nextProbe, mode } = this
    return { name, state, override, generation, attempt, counts, timeSinceFault, nextProbe, mode }
  }

  /**
   * Leave to call the upstream once; the permit has to be told how the call ended. Synchronous.
   *
   * @throws CircuitOpenError where the circuit is open, half-open with its probes under way, isolated, or
   * `maxConcurrent` calls are under way. There is no queue.
   */
  enter(): Permit {
    const entered = this.#core.enter()
    if (entered instanceof CircuitOpenError) throw entered
    return entered
  }

  /**
   * Calls the function through the circuit. How long it takes until its promise settles decides whether it was slow.
   *
   * @throws by the promise: TypeError where `call` is no function; CircuitOpenError where the call is refused; what the function throws; what `isFailure` throws, and then the
   * call is neutral; the signal's reason where it is aborted already, and then the function is not called.
   */
  execute<T>(
    call: (signal: AbortSignal | undefined) => T | PromiseLike<T>,
    options: ExecuteOptions<T> = NO_OPTIONS,
  ): Promise<T> {
    const { signal, fallback } = options
    if (typeof call !== 'function') return Promise.reject(new TypeError(`execute takes a function, not ${quote(call)}`))
    if (signal?.aborted) return Promise.reject(signal.reason)
    const entered = this.#core.enter()
    if (entered instanceof CircuitOpenError) {
      return fallback === undefined ? rejectLater(entered) : answerRefused(entered, fallback)
    }
    return this.#run(entered, call, signal, fallback)
  }

  /**
   * Refuses every call until `reset`.
   *
   * Every override, and its end, starts the circuit anew: closed, nothing counted, no attempts. What is under way then
   * ends late and counts for nothing, probes too. An override replaces the one before it; the same again does nothing.
   */
  isolate(): void {
    this.#core.command('isolated')
  }

  /** Lets every call through until `reset`, up to `maxConcurrent`. Outcomes are counted, but never open the circuit. */
  forceClosed(): void {
    this.#core.command('forced-closed')
  }

  /**
   * Refuses nothing until `reset`, not even above `maxConcurrent`. The circuit counts, opens and closes as it would, with
   * events for what it would have refused; what an open or half-open circuit would have refused counts for nothing.
   */
  observeOnly(): void {
    this.#core.command('observe-only')
  }

  /** Closed, nothing counted, no attempts, no override. */
  reset(): void {
    this.#core.command(undefined)
  }

  /** By `then`: an async function that waits for a promise takes an eighth longer for all of it. */
  #run<T>(
    permit: Permit,
    call: (signal: AbortSignal | undefined) => T | PromiseLike<T>,
    signal: AbortSignal | undefined,
    fallback: ExecuteOptions<T>['fallback'],
  ): Promise<T> {
    const succeeded = (result: T): T => {
      if (this.#core.settings.isFailure === undefined) permit.succeed()
      else this.#settleResult(permit, result)
      return result
    }
    const failed = (error: unknown): T | PromiseLike<T> => {
      if (!this.#settleError(permit, error, signal) || fallback === undefined) throw error
      return fallback(error)
    }
    return promiseOf(call, signal).then(succeeded, failed)
  }

  /** True where the error is a failure. Whatever `isFailure` does, the permit is settled. */
  #settleError(permit: Permit, error: unknown, signal: AbortSignal | undefined): boolean {
    let isFailure = false
    try {
      isFailure = isFailedCall(error, signal, this.#core.settings.isFailure)
    } finally {
      if (isFailure) permit.fail(error)
      else permit.release()
    }
    return isFailure
  }

  #settleResult(permit: Permit, result: unknown): void {
    let isFailure: boolean
    try {
      isFailure = this.#core.settings.isFailure?.({ type: 'result', result }) === true
    } catch (error) {
      permit.release()
      throw error
    }
    if (isFailure) permit.fail(result)
    else permit.succeed()
  }

  static {
    coreOf = (breaker) => breaker.#core
  }
}

function promiseOf<T>(
  call: (signal: AbortSignal | undefined) => T | PromiseLike<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  try {
    return Promise.resolve(call(signal))
  } catch (error) {
    return Promise.reject(error)
  }
}

/**
 * Rejects one microtask from now, when whoever awaits it is listening. A promise that is rejected from the start counts
 * as unhandled until then, and telling Node of that and taking it back costs a third of the whole refusal.
 */
async function rejectLater(error: CircuitOpenError): Promise<never> {
  await undefined
  throw error
}

async function answerRefused<T>(error: CircuitOpenError, fallback: (error: unknown) => T | PromiseLike<T>): Promise<T> {
  return fallback(error)
}

function isFailedCall(
  error: unknown,
  signal: AbortSignal | undefined,
  isFailure: ((outcome: CallOutcome) => boolean) | undefined,
): boolean {
  if (signal?.aborted && !isTimeout(signal.reason)) return false
  if (isFailure !== undefined) return isFailure({ type: 'error', error })
  return !(error instanceof CircuitOpenError)
}

function coreFrom(options: CircuitBreakerOptions): BreakerCore {
  // Tells first whether these are options at all.
  const name = breakerName(options)
  return new BreakerCore(breakerSettings(options), name)
}

/** A breaker around a core: settings that are checked already, shared among many. For this room only. */
export function breakerAround(core: BreakerCore): CircuitBreaker {
  const Breaker = CircuitBreaker as unknown as new (core: BreakerCore) => CircuitBreaker
  return new Breaker(core)
}

/** Lets a collaborator share the state of this breaker with other processes; one at a time. For this room only. */
export function linkBreaker(breaker: CircuitBreaker, collaborator: BreakerCollaborator): BreakerLink {
  return coreOf(breaker).link(collaborator)
}

/** `enter` for many calls a second: gives the refusal in place of throwing it, which takes longer than all the rest. */
export function tryEnter(breaker: CircuitBreaker): Permit | CircuitOpenError {
  return coreOf(breaker).enter()
}

/**
 * Whether nothing would be lost with it: no override, nothing under way, and closed without a fault in its window and
 * without attempts, or open and not called within `openFor` ms after its period ended, or half-open for so long.
 */
export function isIdle(breaker: CircuitBreaker, openFor: number): boolean {
  return coreOf(breaker).isIdle(openFor)
}
