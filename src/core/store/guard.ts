import { type Clock, systemClock } from '../clock.ts'
import { clockOption, duration, knownOptions, optionalFunction, positiveInteger, quote } from '../options.ts'
import { checkStore } from './check.ts'
import { FarGuard } from './guard/far-guard.ts'
import { ConsecutiveFailureGate, type StoreGate } from './guard/gate.ts'
import type { GuardedStore, Report, StoreEvent } from './guard/guarded-store.ts'
import { NearGuard } from './guard/near-guard.ts'
import { TieredGuard } from './guard/tiered-guard.ts'
import { Writes } from './guard/writes.ts'
import { HealthLog } from './health.ts'
import type { Store, StoreItem } from './store.ts'
import { isTiered, type TieredStore } from './tiered.ts'

export { StoreBudget } from './guard/budget.ts'
export { type Outcome, waitAtMost, withDeadline } from './guard/deadline.ts'
export { GuardedBody } from './guard/guarded-body.ts'
export type { GuardedItem, GuardedStore, ItemBody, StoreEvent } from './guard/guarded-store.ts'

export interface StoreGuardOptions {
  /** Milliseconds until a read is given up and counts as a failure. Default 100. */
  readonly storeTimeout?: number | undefined
  /** Milliseconds until a write, which no request waits for, counts as a failure. Default 2,000. */
  readonly writeTimeout?: number | undefined
  /** Writes in flight at most; further ones are dropped. Default 256. */
  readonly maxWrites?: number | undefined
  /** Bytes of bodies in flight at most; a write beyond is dropped unless it is alone. Default 16 MiB. */
  readonly maxWriteBytes?: number | undefined
  /**
   * Decides whether the store is asked. Default: skips it after 5 failures in a row, of all calls or of reads, for 1 s
   * doubling to 30 s.
   */
  readonly gate?: StoreGate | undefined
  /** Default `systemClock`. */
  readonly clock?: Clock | undefined
  /** Of two tiers: whether what the near one holds may still be used, or the far one is asked. Default: always. */
  readonly isCurrent?: ((item: StoreItem) => boolean) | undefined
  /** Told of everything that went wrong. What it throws is ignored. */
  readonly onEvent?: ((event: StoreEvent) => void) | undefined
}

const optionNames = [
  'storeTimeout',
  'writeTimeout',
  'maxWrites',
  'maxWriteBytes',
  'gate',
  'clock',
  'isCurrent',
  'onEvent',
] as const

/**
 * Puts a guard before a store that somebody else may have written and that may be down.
 * Deadline, bounds and gate are for far stores; a near one answers or throws at once.
 *
 * @throws TypeError where `store` is no Store, TypeError or RangeError for an option it cannot use.
 */
export function guardStore(store: Store, options: StoreGuardOptions = {}): GuardedStore {
  checkStore('store', store)
  knownOptions('guardStore', options, optionNames)
  const clock = clockOption('clock', options.clock, systemClock)
  const report = reporter(store.name, optionalFunction('onEvent', options.onEvent))
  const health = new HealthLog(isTiered(store) ? store.farTier : store, clock)
  const far = {
    health,
    gate: gateOption(options.gate) ?? defaultGate(clock, report, health),
    writes: new Writes(
      positiveInteger('maxWrites', options.maxWrites, 256),
      positiveInteger('maxWriteBytes', options.maxWriteBytes, 16 * 1024 * 1024),
    ),
    report,
    readTimeout: duration('storeTimeout', options.storeTimeout, 100),
    writeTimeout: duration('writeTimeout', options.writeTimeout, 2_000),
  }
  const isCurrent = optionalFunction('isCurrent', options.isCurrent) ?? (() => true)
  if (store.near) return new NearGuard(store, report)
  return isTiered(store)
    ? tieredGuard(
        store,
        new FarGuard(store.farTier, { ...far, readWhole: store.nearTier.maxEntrySize }),
        report,
        isCurrent,
      )
    : new FarGuard(store, { ...far, readWhole: 0 })
}

function tieredGuard(
  { nearTier, nearTtl }: TieredStore,
  far: FarGuard,
  report: Report,
  isCurrent: (item: StoreItem) => boolean,
): GuardedStore {
  return new TieredGuard(new NearGuard(nearTier, report), far, nearTtl, isCurrent)
}

function reporter(store: string, onEvent: StoreGuardOptions['onEvent']): Report {
  return (type, operation, error) => {
    try {
      onEvent?.({ type, store, ...(operation && { operation }), ...(error !== undefined && { error }) })
    } catch {
      // A listener's fault is not the request's.
    }
  }
}

function gateOption(gate: StoreGate | undefined): StoreGate | undefined {
  if (gate === undefined || typeof gate?.enter === 'function') return gate
  throw new TypeError(`gate must have the method enter, not be ${quote(gate)}`)
}

function defaultGate(clock: Clock, report: Report, health: HealthLog): StoreGate {
  return new ConsecutiveFailureGate(clock, (state, error) => {
    report(`gate-${state}`)
    health.gate(state, error)
  })
}
