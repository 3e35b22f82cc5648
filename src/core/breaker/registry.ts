import type { Clock } from '../clock.ts'
import { eventChannel } from '../events.ts'
import { duration, knownOptions, limit, oneOf, positiveInteger, text } from '../options.ts'
import { asStore } from '../store/as-store.ts'
import type { KeyvLike } from '../store/keyv.ts'
import type { Store } from '../store/store.ts'
import { breakerAround, type CircuitBreaker, isIdle } from './breaker.ts'
import { BreakerCore } from './breaker-core.ts'
import type { SharingMode } from './collaborator.ts'
import { BREAKER_OPTIONS, type BreakerSettings, breakerSettings, type CircuitBreakerOptions } from './options.ts'
import type { BreakerSharing } from './shared-decision.ts'
import { SharedState } from './shared-state.ts'

/** Options of a registry: those of each of its breakers, whose name is its key, and of the registry itself. */
export interface BreakerRegistryOptions extends Omit<CircuitBreakerOptions, 'name'> {
  /** How many breakers it holds. Default 10,000. */
  readonly maxBreakers?: number | undefined
  /**
   * An open breaker that nobody called within so many ms after its period ended may be dropped too when room is needed,
   * and a half-open one so long after its first probe, where nothing is under way.
   * For keys without end, some of which are dead for good: nothing closes those, so they fill the registry. Default
   * Infinity: only idle closed breakers are dropped.
   */
  readonly forgetOpenAfter?: number | undefined
  /**
   * Where registries of several processes tell each other of openings, closings and operators' commands: a Keyv or a
   * Store. Default: none, the state is this registry's own.
   */
  readonly store?: Store | KeyvLike | undefined
  /**
   * What openings of other processes do here. `adopt`: those caused by the upstream's own answers open here as well,
   * one process probes for all, and its success closes all; those caused by another's network are a hint, upon which
   * the first failure here opens. `hint`: all are hints. `off`: nothing. Operators' commands hold everywhere in any
   * case. Default `adopt`; it should be the same in all processes.
   */
  readonly sharing?: BreakerSharing | undefined
  /** ms that one call of the store may take, in the background, until it has failed. Default 100. */
  readonly storeTimeout?: number | undefined
  /** Registries share with those of the same name. Default `default`. */
  readonly namespace?: string | undefined
}

/** What hears of the breakers that a registry makes and drops. Called synchronously; must not throw. */
export interface RegistryWatcher {
  created(breaker: CircuitBreaker): void
  evicted(breaker: CircuitBreaker): void
}

const OWN_OPTIONS = ['maxBreakers', 'forgetOpenAfter', 'store', 'sharing', 'storeTimeout', 'namespace'] as const
const sharings: readonly BreakerSharing[] = ['adopt', 'hint', 'off']

const changes = eventChannel('breakwater:breaker:registry')

/** How many breakers one new key looks at, to find one to drop. */
const lookedAt = 64

/** Set by the class itself: who may watch is for this room only. */
let watch: (registry: BreakerRegistry, watcher: RegistryWatcher) => void

/**
 * Breakers by key, such as an origin, made when first asked for. When it is full, an idle one is dropped for a new key:
 * closed, without override, nothing under way, no fault in its window and no attempt, so nothing is forgotten that
 * matters. Where none is found, the new key gets a breaker that is not listed and lets everything through: new keys
 * never push out a circuit that is open, unless `forgetOpenAfter` says so, and never fail. Each new key looks at 64
 * breakers at most, in turn.
 *
 * With a store it has a background loop, which keeps no process running and ends with `close`. No call ever waits for
 * the store: the first that could be the probe of a shared opening is refused while the store is asked who may probe.
 */
export class BreakerRegistry implements AsyncDisposable {
  readonly maxBreakers: number
  /** The name of those that it shares with, where it has a store. */
  readonly namespace: string
  readonly #settings: BreakerSettings
  readonly #forgetOpenAfter: number
  readonly #breakers = new Map<string, CircuitBreaker>()
  readonly #watchers: RegistryWatcher[] = []
  /** Goes round and round: a Map's iterator goes on after deletions and with what was added meanwhile. */
  #candidates: Iterator<[string, CircuitBreaker]> = this.#breakers.entries()
  #unlisted: CircuitBreaker | undefined
  readonly #shared: SharedState | undefined

  /** @throws TypeError or RangeError, with the value quoted, where an option is wrong. */
  constructor(options: BreakerRegistryOptions = {}) {
    knownOptions('BreakerRegistry', options, [...BREAKER_OPTIONS, ...OWN_OPTIONS])
    this.maxBreakers = positiveInteger('maxBreakers', options.maxBreakers, 10_000)
    this.#forgetOpenAfter = limit('forgetOpenAfter', options.forgetOpenAfter, Infinity)
    this.namespace = text('namespace', options.namespace, 'default')
    this.#settings = breakerSettings(options)
    this.#shared = sharedState(options, this.namespace, this.#settings)
    if (this.#shared !== undefined) this.#watchers.push(this.#shared)
  }

  /** How state is shared now; undefined: there is no store. */
  get mode(): SharingMode | undefined {
    return this.#shared?.mode
  }

  /** The clock of its breakers. */
  get clock(): Clock {
    return this.#settings.clock
  }

  get size(): number {
    return this.#breakers.size
  }

  /** The breaker of this key, made if there is none. Ask for each call: one that was idle may have been replaced. */
  of(key: string): CircuitBreaker {
    return this.#breakers.get(key) ?? this.#create(key)
  }

  /** The breaker of this key, if there is one. */
  get(key: string): CircuitBreaker | undefined {
    return this.#breakers.get(key)
  }

  /** All breakers; the name of each is its key. */
  list(): CircuitBreaker[] {
    return [...this.#breakers.values()]
  }

  /**
   * Ends the sharing, after what the store does not know yet is told to it, if it answers. The breakers go on, each on
   * its own. Without a store there is nothing to do. Never rejects.
   */
  async close(): Promise<void> {
    await this.#shared?.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #create(key: string): CircuitBreaker {
    if (this.#breakers.size >= this.maxBreakers && !this.#evict()) return this.#withoutRoom(key)
    const breaker = breakerAround(new BreakerCore(this.#settings, key))
    this.#breakers.set(key, breaker)
    this.#tell('created', key)
    for (const watcher of this.#watchers) watcher.created(breaker)
    return breaker
  }

  #evict(): boolean {
    for (let looked = 0; looked < Math.min(lookedAt, this.#breakers.size); looked++) {
      const [key, breaker] = this.#nextCandidate()
      if (!isIdle(breaker, this.#forgetOpenAfter)) continue
      this.#breakers.delete(key)
      this.#tell('evicted', key)
      for (const watcher of this.#watchers) watcher.evicted(breaker)
      return true
    }
    return false
  }

  #nextCandidate(): [string, CircuitBreaker] {
    let next = this.#candidates.next()
    if (next.done) {
      this.#candidates = this.#breakers.entries()
      next = this.#candidates.next()
    }
    return next.value
  }

  /** One for all: nothing is known about their keys, so neither a rate nor `maxConcurrent` would mean anything. */
  #withoutRoom(key: string): CircuitBreaker {
    this.#tell('unlisted', key)
    if (this.#unlisted === undefined) {
      this.#unlisted = breakerAround(new BreakerCore({ ...this.#settings, maxConcurrent: Infinity }, 'unlisted'))
      this.#unlisted.forceClosed()
    }
    return this.#unlisted
  }

  #tell(change: 'created' | 'evicted' | 'unlisted', breaker: string): void {
    if (changes.hasSubscribers) changes.publish({ change, breaker, size: this.size })
  }

  static {
    watch = (registry, watcher) => {
      registry.#watchers.push(watcher)
      for (const breaker of registry.list()) watcher.created(breaker)
    }
  }
}

function sharedState(
  options: BreakerRegistryOptions,
  namespace: string,
  { clock, shortestOpening }: BreakerSettings,
): SharedState | undefined {
  const sharing = oneOf('sharing', options.sharing, sharings, 'adopt')
  const storeTimeout = duration('storeTimeout', options.storeTimeout, 100)
  if (options.store === undefined) return undefined
  return new SharedState({ store: asStore(options.store), sharing, storeTimeout, namespace, clock, shortestOpening })
}

/** Hears of every breaker of a registry, those that are there included. For this room only. */
export function watchRegistry(registry: BreakerRegistry, watcher: RegistryWatcher): void {
  watch(registry, watcher)
}
