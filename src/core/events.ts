import { type Channel, channel } from 'node:diagnostics_channel'
import type { BreakerEvents } from './breaker/events.ts'
import type { CompressionEvents } from './compression/events.ts'
import type { SequenceEvents } from './sequence/events.ts'

/** What every event about one request tells. */
interface RequestEvent {
  readonly method: string
  readonly authority: string
  readonly target: string
  /** `in`: a server mount; `out`: the undici interceptor. */
  readonly direction: 'in' | 'out'
}

/** What a purge names; where it has no authority, on every one. */
export type Ban =
  | { readonly kind: 'target'; readonly authority: string | undefined; readonly target: string }
  | { readonly kind: 'prefix'; readonly authority: string | undefined; readonly prefix: string }
  | { readonly kind: 'group'; readonly authority: string | undefined; readonly group: string }
  | { readonly kind: 'all' }

/**
 * Events on `node:diagnostics_channel`, by channel name. An event is built only while somebody listens.
 * Messages are plain values; times and durations are ms.
 */
export interface Events extends BreakerEvents, CompressionEvents, SequenceEvents {
  /** Answered from the store, fresh. */
  'breakwater:cache:hit': RequestEvent & { readonly age: number }
  /** Answered from the store, past its freshness; `reason` says what allowed it. */
  'breakwater:cache:stale': RequestEvent & { readonly reason: 'while-revalidate' | 'max-stale' | 'origin-failed' }
  /** Sent on; `reason` is the word of Cache-Status' `fwd`. */
  'breakwater:cache:miss': RequestEvent & { readonly reason: string }
  /** A 304 made a stored response fresh again. */
  'breakwater:cache:freshened': RequestEvent
  /** A response was stored. */
  'breakwater:cache:stored': RequestEvent & { readonly bytes: number; readonly lifetime: number }
  /** A response was not stored, and why. */
  'breakwater:cache:refused': RequestEvent & { readonly reason: string }
  /** A request was answered with another's response in flight. */
  'breakwater:cache:collapsed': RequestEvent
  /** A refresh behind a stale answer ended; `ok` is false when it left the entry as it was. */
  'breakwater:cache:refresh': RequestEvent & { readonly ok: boolean; readonly error?: unknown }
  /** What the handler read: it became an implied Vary, made the answer unshared, or is only reported. */
  'breakwater:cache:guard': RequestEvent & {
    readonly finding: 'implied-vary' | 'credentials' | 'headers-copied' | 'client-address'
    readonly names: readonly string[]
  }
  /** A function of a mount's options threw; the request passed by the cache, or its answer was not stored. */
  'breakwater:cache:fault': RequestEvent & { readonly error: unknown }
  /** Something was purged; `entries` are not counted, they go when they are next looked up. */
  'breakwater:cache:purge': { readonly what: Ban; readonly soft: boolean }
  /**
   * A store failed, was late, was skipped or had to drop a write: the request went on without it. `up`, `degraded`,
   * `down`: how it does has changed. `unsupported`: a response named a group to invalidate, which this store cannot.
   * `local-capabilities`: the store cannot count or lock, so that holds within this process only.
   */
  'breakwater:store': {
    readonly store: string
    readonly type: string
    readonly operation?: string | undefined
    readonly error?: unknown
    /** Why a store is not up, or what its type means for the user. */
    readonly reason?: string | undefined
  }
}

export type EventName = keyof Events

const channels = new Map<EventName, Channel>()

/** The channel of an event. Ask `hasSubscribers` before building the message. */
export function eventChannel<N extends EventName>(name: N): Channel<unknown, Events[N]> {
  let known = channels.get(name)
  if (known === undefined) {
    known = channel(name)
    channels.set(name, known)
  }
  return known as Channel<unknown, Events[N]>
}
