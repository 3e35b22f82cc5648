import type { Clock } from '../clock.ts'
import { eventChannel } from '../events.ts'
import { withoutCredentials } from './errors.ts'

export type HealthState = 'up' | 'degraded' | 'down'

/** How a store does. */
export interface StoreHealth {
  /** `up`: it answers. `degraded`: it is asked, but failed or was late lately. `down`: it is skipped until a probe succeeds. */
  readonly state: HealthState
  /** Why it is not up. */
  readonly reason: string | undefined
  /** Epoch ms since when, or 0 where it has been so from the start. */
  readonly since: number
}

const unharmed: StoreHealth = { state: 'up', reason: undefined, since: 0 }
const known = new WeakMap<object, StoreHealth>()
/** How to find out whether a store that is not up is back, by the guard that saw it fail. */
const probes = new WeakMap<object, () => void>()

/** What guards have found out about a store in this process. */
export function healthOf(store: object): StoreHealth {
  return known.get(store) ?? unharmed
}

/**
 * The same for those who watch a store. One that is not up is tried behind the answer: where its health decides whether
 * this process gets any requests, nobody else would ask it.
 */
export function watchedHealth(store: object): StoreHealth {
  const health = healthOf(store)
  if (health.state !== 'up') probes.get(store)?.()
  return health
}

/** Notes a change, and tells `breakwater:store` of it. `now` in epoch ms. */
function noteHealth(store: { readonly name: string }, state: HealthState, now: number, error?: unknown): void {
  if (healthOf(store).state === state) return
  const reason =
    error === undefined ? undefined : withoutCredentials(error instanceof Error ? error.message : String(error))
  known.set(store, { state, reason, since: now })
  const channel = eventChannel('breakwater:store')
  if (channel.hasSubscribers) channel.publish({ store: store.name, type: state, reason })
}

/** A store is not called up again until it has not failed for so long, ms. */
const recovery = 5_000

/** When a store last failed, on the monotonic clock. */
const failures = new WeakMap<object, number>()

/** What a guard sees of one store's calls, as its health. */
export class HealthLog {
  /** Tries whether the store is back. */
  probe: (() => void) | undefined
  readonly #store: { readonly name: string }
  readonly #clock: Clock

  constructor(store: { readonly name: string }, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  succeeded(): void {
    if (healthOf(this.#store).state === 'up') return
    // Another guard before the same store may skip it for longer than it is down.
    if (this.isQuiet) this.#note('up')
  }

  /** Whether the store has not failed for so long that one success calls it up. */
  get isQuiet(): boolean {
    return this.#clock.monotonic() - (failures.get(this.#store) ?? Number.NEGATIVE_INFINITY) >= recovery
  }

  failed(error: unknown): void {
    failures.set(this.#store, this.#clock.monotonic())
    if (healthOf(this.#store).state === 'up') this.#note('degraded', error)
  }

  /** The gate before the store has changed. */
  gate(state: 'open' | 'closed', error?: unknown): void {
    this.#note(state === 'open' ? 'down' : 'up', error)
  }

  #note(state: HealthState, error?: unknown): void {
    if (state !== 'up' && this.probe !== undefined) probes.set(this.#store, this.probe)
    noteHealth(this.#store, state, this.#clock.now(), error)
  }
}
