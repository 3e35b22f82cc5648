import type { Clock } from '../clock.ts'
import { eventChannel } from '../events.ts'
import { knownOptions, positiveInteger } from '../options.ts'
import { breakerAround, type CircuitBreaker, isIdle } from './breaker.ts'
import { BreakerCore } from './breaker-core.ts'
import { BREAKER_OPTIONS, type BreakerSettings, breakerSettings, type CircuitBreakerOptions } from './options.ts'

/** Options of a registry: those of each of its breakers, whose name is its key, and of the registry itself. */
export interface BreakerRegistryOptions extends Omit<CircuitBreakerOptions, 'name'> {
  /** How many breakers it holds. Default 10,000. */
  readonly maxBreakers?: number | undefined
}

/** What hears of the breakers that a registry makes and drops. Called synchronously; must not throw. */
export interface RegistryWatcher {
  created(breaker: CircuitBreaker): void
  evicted(breaker: CircuitBreaker): void
}

const changes = eventChannel('breakwater:breaker:registry')

/** How many breakers one new key looks at, to find one to drop. */
const lookedAt = 64

/** Set by the class itself: who may watch is for this room only. */
let watch: (registry: BreakerRegistry, watcher: RegistryWatcher) => void

/**
 * Breakers by key, such as an origin, made when first asked for. When it is full, an idle one is dropped for a new key:
 * closed, without override, nothing under way, no fault in its window and no attempt, so nothing is forgotten that
 * matters. Where none is found, the new key gets a breaker that is not listed and lets everything through: new keys
 * never push out a circuit that is open, and never fail. Each new key looks at 64 breakers at most, in turn.
 */
export class BreakerRegistry {
  readonly maxBreakers: number
  readonly #settings: BreakerSettings
  readonly #breakers = new Map<string, CircuitBreaker>()
  readonly #watchers: RegistryWatcher[] = []
  /** Goes round and round: a Map's iterator goes on after deletions and with what was added meanwhile. */
  #candidates: Iterator<[string, CircuitBreaker]> = this.#breakers.entries()
  #unlisted: CircuitBreaker | undefined

  /** @throws TypeError or RangeError, with the value quoted, where an option is wrong. */
  constructor(options: BreakerRegistryOptions = {}) {
    knownOptions('BreakerRegistry', options, [...BREAKER_OPTIONS, 'maxBreakers'])
    this.maxBreakers = positiveInteger('maxBreakers', options.maxBreakers, 10_000)
    this.#settings = breakerSettings(options)
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
      if (!isIdle(breaker)) continue
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

/** Hears of every breaker of a registry, those that are there included. For this room only. */
export function watchRegistry(registry: BreakerRegistry, watcher: RegistryWatcher): void {
  watch(registry, watcher)
}
