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

/** What guards have found out about a store in this process. */
export function healthOf(store: object): StoreHealth {
  return known.get(store) ?? unharmed
}

/** Notes a change, and tells `breakwater:store` of it. `now` in epoch ms. */
export function noteHealth(store: { readonly name: string }, state: HealthState, now: number, error?: unknown): void {
  if (healthOf(store).state === state) return
  const reason =
    error === undefined ? undefined : withoutCredentials(error instanceof Error ? error.message : String(error))
  known.set(store, { state, reason, since: now })
  const channel = eventChannel('breakwater:store')
  if (channel.hasSubscribers) channel.publish({ store: store.name, type: state, reason })
}
