import { BreakerRegistry, type BreakerRegistryOptions } from '../../core/breaker/registry.ts'
import { optionalFunction, quote } from '../../core/options.ts'
import { type Fallback, type FallbackFunction, type FallbackResponse, fallbackFrom } from './breaker-fallback.ts'
import type { IsUpstreamFailure } from './breaker-verdict.ts'
import { Origins } from './origins.ts'
import type { DispatchOptions } from './types.ts'

/** Options of circuit breakers for outgoing requests: those of their registry, or a registry, and these. */
export interface UndiciBreakerOptions extends Omit<BreakerRegistryOptions, 'isFailure'> {
  /** The breakers to use, in place of options for new ones. */
  readonly registry?: BreakerRegistry | undefined
  /**
   * Names the breaker of a request; undefined: it is sent without one. Default: the origin, as in
   * `https://api.example`, without the scheme's own port.
   */
  readonly key?: ((request: DispatchOptions) => string | undefined) | undefined
  /**
   * Whether an answer's head or an error is a failure; other answers are successes once their body has ended, other
   * errors are neutral. Never asked about what the caller broke off. Default: the statuses 500, 502, 503 and 504, and
   * every error that is not the caller's own doing.
   */
  readonly isFailure?: IsUpstreamFailure | undefined
  /**
   * Answers requests that are refused, or that fail before a response head came. The answers of the upstream itself
   * are handed on, failures too. Default: the error.
   */
  readonly fallback?: FallbackResponse | FallbackFunction | undefined
  /** Only requests with these methods go through a breaker. Default: all. */
  readonly methods?: readonly string[] | undefined
  /** Only requests to these origins go through a breaker. Default: to all. */
  readonly origins?: readonly (string | RegExp)[] | undefined
}

/** Options checked and complete. */
export interface BreakerMount {
  readonly registry: BreakerRegistry
  readonly key: UndiciBreakerOptions['key']
  readonly isFailure: IsUpstreamFailure | undefined
  readonly fallback: Fallback | undefined
  readonly methods: ReadonlySet<string> | undefined
  readonly origins: Origins | undefined
}

/** @throws TypeError or RangeError for an option that cannot be used. */
export function breakerMount(options: UndiciBreakerOptions): BreakerMount {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new TypeError(`circuitBreaker takes an object of options, not ${quote(options)}`)
  }
  const { registry, key, isFailure, fallback, methods, origins, ...ofBreakers } = options
  return {
    registry: registryFrom(registry, ofBreakers),
    key: optionalFunction('key', key),
    isFailure: optionalFunction('isFailure', isFailure),
    fallback: fallbackFrom(fallback),
    methods: methods === undefined ? undefined : methodsFrom(methods),
    origins: origins && new Origins(origins),
  }
}

function registryFrom(registry: unknown, ofBreakers: BreakerRegistryOptions): BreakerRegistry {
  if (registry === undefined) return new BreakerRegistry(ofBreakers)
  if (!(registry instanceof BreakerRegistry)) {
    throw new TypeError(`registry must be a BreakerRegistry, not ${quote(registry)}`)
  }
  const [excess] = Object.entries(ofBreakers).filter(([, value]) => value !== undefined)
  if (excess !== undefined) {
    throw new TypeError(`registry and ${excess[0]} exclude each other: give ${excess[0]} to the BreakerRegistry`)
  }
  return registry
}

function methodsFrom(methods: unknown): ReadonlySet<string> {
  const isList = Array.isArray(methods) && methods.length > 0
  if (!isList || methods.some((method) => typeof method !== 'string' || !/^[A-Z-]+$/.test(method))) {
    throw new TypeError(`methods must be an array of methods such as 'GET', not ${quote(methods)}`)
  }
  return new Set(methods)
}
