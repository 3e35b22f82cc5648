import { type Clock, systemClock } from '../clock.ts'
import { type Events, eventChannel } from '../events.ts'
import { clockOption, duration, knownOptions, quote } from '../options.ts'
import { asStore } from '../store/as-store.ts'
import { StoreError, tellsCredentials, withoutCredentials } from '../store/errors.ts'
import { type GuardedStore, guardStore, StoreBudget, type StoreEvent } from '../store/guard.ts'
import { healthOf } from '../store/health.ts'
import type { KeyvLike } from '../store/keyv.ts'
import { orAborted } from '../store/or-aborted.ts'
import type { Store } from '../store/store.ts'
import { isTiered } from '../store/tiered.ts'
import { type BanLog, bansOf } from './bans.ts'
import { BoundedMap } from './bounded-map.ts'
import { isEntryData } from './entry.ts'
import { Fleet } from './fleet.ts'
import { InFlight } from './in-flight.ts'
import { checkQuestion, type Inspection, type InspectionRequest, inspectMount } from './inspect.ts'
import { primaryKey, remembered } from './key.ts'
import type { Mount } from './mount.ts'
import type { RefusalReason } from './policy/storable.ts'
import { type Purge, type PurgeRequest, purgeBan } from './purge.ts'
import { type BanListener, type SharedBans, sharedBansOf } from './shared-bans.ts'
import { Shelf } from './shelf.ts'
import { type Runner, type WarmOptions, type WarmReport, warmAll } from './warm.ts'

export interface ResponseCacheOptions {
  /** Where responses are kept: a Store or a Keyv. Default: the memory store of 64 MiB of this process. */
  readonly store?: Store | KeyvLike | undefined
  /** What a request may spend waiting for the store, over all calls together, ms. Default 100. */
  readonly storeTimeout?: number | undefined
  /** Default `systemClock`. */
  readonly clock?: Clock | undefined
}

/** What a cache has done since it was made. */
export interface CacheStats {
  readonly hits: number
  readonly stale: number
  readonly misses: number
  /** Requests that are not for the cache: other methods, content, upgrades. */
  readonly bypasses: number
  readonly collapsed: number
  readonly stored: number
  readonly refused: number
  readonly freshened: number
  readonly refreshes: number
  /** Whatever went wrong with the store, dropped writes included. */
  readonly storeErrors: number
  /** Writes that were not made because too many were in flight. */
  readonly droppedWrites: number
}

/** How long an unshareable key is not waited for, ms (hit-for-miss). */
const UNSHARED_TIME = 120_000
const REMEMBERED_KEYS = 10_000

/**
 * A cache of HTTP responses (RFC 9111). One may serve any number of Express, Koa, node and undici mounts; without
 * one of their own, all mounts of a process share `defaultCache()`.
 *
 * @throws TypeError or RangeError for an option it cannot use.
 */
export class ResponseCache {
  /** @internal */
  readonly clock: Clock
  /** @internal */
  readonly store: GuardedStore
  /** @internal */
  readonly shelf: Shelf
  /** @internal */
  readonly bans: BanLog
  /** @internal The purges of all processes; undefined where nobody shares the store, or it cannot keep them. */
  readonly sharedBans: SharedBans | undefined
  /** @internal Hears of them; held here and nowhere else, so that it ends with this cache. */
  readonly banListener: BanListener | undefined
  /** @internal Who leads among all processes; undefined likewise. */
  readonly fleet: Fleet | undefined
  /** @internal */
  readonly inFlight: InFlight = new InFlight()
  /** @internal */
  readonly counts: { -readonly [K in keyof CacheStats]: CacheStats[K] } = {
    hits: 0,
    stale: 0,
    misses: 0,
    bypasses: 0,
    collapsed: 0,
    stored: 0,
    refused: 0,
    freshened: 0,
    refreshes: 0,
    storeErrors: 0,
    droppedWrites: 0,
  }
  readonly #storeTimeout: number
  readonly #unshared = new BoundedMap<string, number>(REMEMBERED_KEYS)
  readonly #shared = new BoundedMap<string, true>(REMEMBERED_KEYS)
  readonly #refusals = new BoundedMap<string, RefusalReason>(REMEMBERED_KEYS / 10)
  readonly #mounts = new Set<Mount>()
  readonly #runners = new Set<Runner>()

  constructor(options: ResponseCacheOptions = {}) {
    knownOptions('ResponseCache', options, ['store', 'storeTimeout', 'clock'])
    this.clock = clockOption('clock', options.clock, systemClock)
    this.#storeTimeout = duration('storeTimeout', options.storeTimeout, 100)
    const store = asStore(options.store)
    this.bans = bansOf(store)
    this.store = guardStore(store, {
      storeTimeout: this.#storeTimeout,
      clock: this.clock,
      isCurrent: ({ meta }) => !isEntryData(meta) || this.bans.check(meta) !== 'removed',
      onEvent: (event) => this.#tellStore(event),
    })
    this.shelf = new Shelf(this.store, this.bans)
    if (store.near || store.capabilities === undefined) return
    const shared = {
      clock: this.clock,
      timeout: this.#storeTimeout,
      isDown: watchOf(store),
    }
    const failed = (operation: 'lease' | 'purge', error: unknown): void =>
      this.#tellStore({ type: error === undefined ? 'timeout' : 'error', store: store.name, operation, error })
    this.sharedBans = sharedBansOf(store, store.capabilities, shared)
    this.banListener = { purged: () => this.inFlight.closeAll(), failed: (error) => failed('purge', error) }
    this.sharedBans.listen(this.banListener)
    this.fleet = new Fleet(store.capabilities, { ...shared, tell: (error) => failed('lease', error) })
  }

  /** Counts since the cache was made. */
  stats(): CacheStats {
    return { ...this.counts }
  }

  /**
   * Removes stored responses, or makes them stale (`soft`). Later lookups no longer see them, and answers already
   * under way are not stored. It resolves when the store has it.
   *
   * Where processes share a store with compare-and-swap, all of them see it: at once where the store can push, else
   * within a near tier's `nearTtl`, or 5 s.
   *
   * @throws TypeError for a request it cannot understand, or that the store cannot do: one outside this process without
   *   compare-and-swap, such as a Keyv, purges one absolute URL or everything. StoreError where it could not be written.
   *   The reason of `signal`: then it is not known whether the store has it.
   */
  async purge(request: PurgeRequest): Promise<void> {
    const purge = purgeBan(request)
    const { signal } = purge
    signal?.throwIfAborted()
    const purging = this.#purge(request, purge)
    await (signal === undefined ? purging : orAborted(purging, signal))
  }

  async #purge(request: PurgeRequest, { ban, respelt, soft }: Purge): Promise<void> {
    if (ban.kind === 'all' && !soft) this.inFlight.invalidateAll()
    if (this.store.near) {
      this.bans.add(ban, soft, this.clock.now())
      if (respelt !== undefined) this.bans.add(respelt, soft, this.clock.now())
      this.inFlight.closeAll()
    } else if (this.sharedBans !== undefined) {
      this.inFlight.closeAll()
      await this.sharedBans.add(ban, soft)
      if (respelt !== undefined) await this.sharedBans.add(respelt, soft)
    } else if (ban.kind === 'all' && !soft) this.#assertPurged(await this.store.clear())
    else if (ban.kind === 'target' && ban.authority !== undefined) {
      await this.#purgeFar(ban.authority, ban.target, soft)
      if (respelt?.kind === 'target') await this.#purgeFar(respelt.authority as string, respelt.target, soft)
    } else {
      throw new TypeError(
        `The store ${this.store.name} has no compare-and-swap, so it can purge one absolute URL or all, not ` +
          `${quote(request)}; groups, prefixes, paths on every authority and soft purges of all need a store that ` +
          'has it, such as redisStore, or one in this process',
      )
    }
    if (ban.kind === 'all' && !soft && this.store.near) await this.store.clear()
    const purged = eventChannel('breakwater:cache:purge')
    if (purged.hasSubscribers) purged.publish({ what: ban, soft })
  }

  /**
   * Runs requests through the mounts so that their answers are stored, `concurrency` at a time (default 4). URLs are
   * absolute; for a server the authority is the one its clients use.
   *
   * @throws TypeError where no mount can run requests yet: wrap the listener in `shield`, use the undici interceptor,
   *   or let the Express or Koa mount see its first request.
   */
  warm(urls: Iterable<string>, options: WarmOptions = {}): Promise<WarmReport> {
    return warmAll([...this.#runners], urls, options)
  }

  /**
   * Why a request is answered as it is: one report for each mount, with the key, whether a response is stored under
   * it, until when, and if not, why not.
   *
   * @throws TypeError with the value quoted, and the reason of `signal`.
   */
  async inspect(request: InspectionRequest): Promise<Inspection[]> {
    checkQuestion(request)
    return Promise.all([...this.#mounts].map((mount) => inspectMount(mount, request)))
  }

  /** @internal */
  register(mount: Mount): void {
    this.#mounts.add(mount)
  }

  /** @internal */
  attach(runner: Runner): void {
    this.#runners.add(runner)
  }

  /** @internal A budget for one request's waiting; none is needed before a near store. */
  newBudget(): StoreBudget | undefined {
    return this.store.near ? undefined : new StoreBudget(this.clock, this.#storeTimeout)
  }

  /** @internal Removes what stands under a key, and what is under way for it. */
  invalidate(primary: string): void {
    this.shelf.remove(primary)
    this.inFlight.invalidate(primary)
  }

  /**
   * @internal RFC 9875 section 3: on the same origin only. A far store without compare-and-swap knows no groups; its
   * entries go when their freshness ends.
   */
  invalidateGroup(authority: string, group: string): void {
    if (this.sharedBans !== undefined) {
      this.inFlight.closeAll()
      this.sharedBans.add({ kind: 'group', authority, group }, false).catch((error: unknown) => {
        this.#tellStore({ type: 'error', store: this.store.name, operation: 'purge', error })
      })
      return
    }
    if (!this.store.near) return this.#publishStore({ store: this.store.name, type: 'unsupported', operation: 'group' })
    this.bans.add({ kind: 'group', authority, group }, false, this.clock.now())
    this.inFlight.closeAll()
  }

  /** @internal */
  isUnshared(primary: string): boolean {
    const until = this.#unshared.get(remembered(primary))
    if (until === undefined) return false
    if (until > this.clock.now()) return true
    this.#unshared.delete(remembered(primary))
    return false
  }

  /** @internal */
  rememberUnshared(primary: string): void {
    this.#unshared.set(remembered(primary), this.clock.now() + UNSHARED_TIME)
    this.#shared.delete(remembered(primary))
  }

  /** @internal */
  isKnownShared(primary: string): boolean {
    return this.#shared.has(remembered(primary))
  }

  /** @internal */
  rememberShared(primary: string): void {
    this.#shared.set(remembered(primary), true)
    this.#unshared.delete(remembered(primary))
  }

  /** @internal */
  rememberRefusal(primary: string, reason: RefusalReason): void {
    this.#refusals.set(remembered(primary), reason)
  }

  /** @internal */
  forgetRefusal(primary: string): void {
    this.#refusals.delete(remembered(primary))
  }

  /** @internal */
  lastRefusal(primary: string): RefusalReason | undefined {
    return this.#refusals.get(remembered(primary))
  }

  async #purgeFar(authority: string, target: string, soft: boolean): Promise<void> {
    if (this.#mounts.size === 0) {
      throw new TypeError(
        `The store ${this.store.name} can purge a URL only where this cache has a mount, which knows its key; ` +
          'purge in a process that serves with it, or purge all',
      )
    }
    const keys = new Set<string>()
    for (const { settings } of this.#mounts) {
      if (settings.key !== undefined || settings.partition !== undefined) {
        throw new TypeError(
          `The store ${this.store.name} cannot tell which keys a mount's own key or partition gave to a URL; ` +
            'purge all, or use a store in this process',
        )
      }
      for (const scheme of ['http', 'https']) {
        const { direction, shared } = settings.profile
        keys.add(primaryKey({ direction, shared, partition: '', scheme, authority, target }))
      }
    }
    for (const key of keys) this.inFlight.invalidate(key)
    const now = this.clock.now()
    const done = await Promise.all(
      [...keys].map((key) => (soft ? this.shelf.expire(key, now) : this.shelf.removeNow(key))),
    )
    this.#assertPurged(!done.includes(false))
  }

  #assertPurged(isDone: boolean): void {
    if (isDone) return
    throw new StoreError(`The purge did not reach the store ${this.store.name}; try again when it answers`)
  }

  #tellStore({ type, operation, store, error }: StoreEvent): void {
    this.counts.storeErrors++
    if (type === 'dropped') this.counts.droppedWrites++
    this.#publishStore({ store, type, operation, error })
  }

  #publishStore(event: Events['breakwater:store']): void {
    const channel = eventChannel('breakwater:store')
    if (!channel.hasSubscribers) return
    channel.publish('error' in event ? { ...event, error: clean(event.error) } : event)
  }
}

/** Errors of clients that others wrote may hold their URL with its password. */
function clean(error: unknown): unknown {
  if (error === undefined || !tellsCredentials(error)) return error
  return new StoreError(withoutCredentials(error instanceof Error ? error.message : String(error)))
}

/** Whether a store is skipped. The mirror of its purges keeps this, which therefore knows nothing of any cache. */
function watchOf(store: Store): () => boolean {
  const far = isTiered(store) ? store.farTier : store
  return () => healthOf(far).state === 'down'
}

let shared: ResponseCache | undefined

/** The cache that all mounts without one of their own share, on the process-wide memory store. */
export function defaultCache(): ResponseCache {
  shared ??= new ResponseCache()
  return shared
}
