import type { CircuitBreaker } from '../../core/breaker/breaker.ts'
import { CircuitOpenError } from '../../core/breaker/errors.ts'
import type { Permit } from '../../core/breaker/permit.ts'
import { BreakerRegistry, type BreakerRegistryOptions } from '../../core/breaker/registry.ts'
import type { Clock } from '../../core/clock.ts'
import { eventChannel } from '../../core/events.ts'
import { flag, optionalFunction, quote, text } from '../../core/options.ts'
import { type Problem, refusal } from './problem.ts'
import { type Judge, type ServedOutcome, Serving } from './serving.ts'

/** Options of a mount; besides, either `registry` or the options of a BreakerRegistry of the mount's own. */
export interface CircuitMountOptions<Request, Fallback> extends Omit<BreakerRegistryOptions, 'isFailure'> {
  /** The breakers to use. Default: a registry of the mount's own, made of the other options. */
  readonly registry?: BreakerRegistry | undefined
  /** The name of the mount's breaker. Default `circuit`; has to be given, or `key`, with a `registry` or a `store`. */
  readonly name?: string | undefined
  /** A breaker for each key that this returns. Where it throws or returns no name, the request passes by. */
  readonly key?: ((request: Request) => string) | undefined
  /** Whether an answer, or none, is a failure. Default: the statuses 500, 502, 503 and 504, and every error. */
  readonly isFailure?: ((outcome: ServedOutcome) => boolean) | undefined
  /** Answers in place of a refused call. Default: 503 with Retry-After and problem+json. */
  readonly fallback?: Fallback | undefined
  /** Whether the 503 names the breaker. Default true. */
  readonly exposeName?: boolean | undefined
}

const FAILURES = new Set([500, 502, 503, 504])

const faults = eventChannel('breakwater:breaker:fault')

/** A circuit breaker as a mount uses it. Decides; bridges act. */
export class CircuitMount<Request, Fallback> implements Judge {
  readonly fallback: Fallback | undefined
  readonly clock: Clock
  readonly #name: string
  readonly #registry: BreakerRegistry
  readonly #key: ((request: Request) => string) | undefined
  readonly #isFailure: (outcome: ServedOutcome) => boolean
  readonly #exposesName: boolean

  /** @throws TypeError or RangeError with the value quoted. */
  constructor(options: CircuitMountOptions<Request, Fallback>) {
    if (typeof options !== 'object' || options === null || Array.isArray(options)) {
      throw new TypeError(`circuitBreaker takes an object of options, not ${quote(options)}`)
    }
    const { registry, name, key, isFailure, fallback, exposeName, ...own } = options
    this.#registry = registryOf(registry, own)
    if (name === undefined && key === undefined && (registry !== undefined || own.store !== undefined)) {
      throw new TypeError('circuitBreaker: with a registry or a store, name or key has to tell its breaker from others')
    }
    this.#name = text('name', name, 'circuit')
    this.#key = optionalFunction('key', key)
    this.#isFailure = optionalFunction('isFailure', isFailure) ?? isUsualFailure
    this.fallback = optionalFunction('fallback', fallback)
    this.#exposesName = flag('exposeName', exposeName, true)
    this.clock = this.#registry.clock
  }

  /** Leave to run the handler, or the refusal; undefined where the request passes by. */
  enter(native: Request): Serving | CircuitOpenError | undefined {
    const permit = this.#permit(native)
    return permit === undefined || permit instanceof CircuitOpenError ? permit : new Serving(permit, this)
  }

  problem(error: CircuitOpenError): Problem {
    return refusal(error, this.#exposesName)
  }

  /** undefined: the mount's own function failed, so nobody knows. */
  isFailure(outcome: ServedOutcome): boolean | undefined {
    try {
      return this.#isFailure(outcome) === true
    } catch (error) {
      this.#tellFault('isFailure', error)
      return undefined
    }
  }

  #permit(native: Request): Permit | CircuitOpenError | undefined {
    try {
      return this.#breakerOf(native)?.enter()
    } catch (error) {
      if (error instanceof CircuitOpenError) return error
      throw error
    }
  }

  #breakerOf(native: Request): CircuitBreaker | undefined {
    if (this.#key === undefined) return this.#registry.of(this.#name)
    let key: string
    try {
      key = text('key', this.#key(native) ?? '', '')
    } catch (error) {
      this.#tellFault('key', error)
      return undefined
    }
    return this.#registry.of(key)
  }

  #tellFault(option: string, error: unknown): void {
    if (faults.hasSubscribers) faults.publish({ breaker: this.#name, option, error })
  }
}

function isUsualFailure(outcome: ServedOutcome): boolean {
  return outcome.type === 'error' || FAILURES.has(outcome.status)
}

function registryOf(
  registry: BreakerRegistry | undefined,
  own: Omit<BreakerRegistryOptions, 'isFailure'>,
): BreakerRegistry {
  if (registry === undefined) return new BreakerRegistry(own)
  if (!(registry instanceof BreakerRegistry))
    throw new TypeError(`registry must be a BreakerRegistry, not ${quote(registry)}`)
  const [extra] = Object.entries(own).filter(([, value]) => value !== undefined)
  if (extra !== undefined) {
    throw new TypeError(
      `circuitBreaker: ${quote(extra[0])} is for a registry of its own; give it to the registry instead`,
    )
  }
  return registry
}
