import type { Clock } from '../clock.ts'
import type { Ban } from '../events.ts'
import type { StoreCapabilities } from '../store/capabilities.ts'
import { StoreError, storeError } from '../store/errors.ts'
import { type Outcome, type StoreBudget, waitAtMost, withDeadline } from '../store/guard.ts'
import { withLists } from '../store/lists.ts'
import { type LogNews, SharedLog } from '../store/shared-log.ts'
import type { Store } from '../store/store.ts'
import { isTiered } from '../store/tiered.ts'
import { type BanLog, bansOf } from './bans.ts'

/** A purge as the log holds it; `at` in epoch ms. */
interface BanRecord {
  readonly ban: Ban
  readonly soft: boolean
  readonly at: number
}

/** Told by a mirror. */
export interface BanListener {
  /** A purge was read, or may have been missed. */
  purged(): void
  /** The log could not be read; undefined where that took too long. */
  failed(error: unknown): void
}

const channel = 'bans'
/** Purges on their way to the store at most. */
const mostAdding = 256
/** How long a purge may take to reach the store, ms. */
const writeTimeout = 2_000
/** How long a store that failed is left alone, ms. */
const retryAfter = 1_000

/**
 * Mirrors the purges of all processes that share a store. Where the store can push, a purge is read as soon as it is
 * made; a push is a hint, so the log is read every `interval` ms as well, while there are lookups.
 */
export class SharedBans {
  readonly #bans: BanLog
  readonly #capabilities: StoreCapabilities
  readonly #log: SharedLog
  readonly #clock: Clock
  readonly #interval: number
  readonly #timeout: number
  readonly #isDown: () => boolean
  /** Weak, as a mirror lives as long as its store, and a cache that nobody holds need not. */
  readonly #listeners = new Set<WeakRef<BanListener>>()
  #last: Promise<unknown> = Promise.resolve()
  #reading: Promise<void> | undefined
  /** The one that waits for its turn. */
  #next: Promise<void> | undefined
  /** The latest call of the log, which may outlast the time it is given. Never rejects. */
  #underWay: Promise<unknown> = Promise.resolve()
  #readAt = Number.NEGATIVE_INFINITY
  #failedAt = Number.NEGATIVE_INFINITY
  #subscription: 'none' | 'asked' | 'standing' = 'none'

  #adding = 0

  /** `interval` ms between readings at most; `timeout` ms for one reading; `isDown`: whether the store is skipped. */
  constructor(
    bans: BanLog,
    capabilities: StoreCapabilities,
    { clock, interval, timeout, isDown }: { clock: Clock; interval: number; timeout: number; isDown: () => boolean },
  ) {
    this.#bans = bans
    this.#capabilities = capabilities
    this.#log = new SharedLog(withLists(capabilities), 'bans')
    this.#clock = clock
    this.#interval = interval
    this.#timeout = timeout
    this.#isDown = isDown
  }

  /** Tells `listener` for as long as somebody else holds it. */
  listen(listener: BanListener): void {
    // Those who are gone make room for those who come, also where there is never anything to tell.
    this.#tell(() => {})
    this.#listeners.add(new WeakRef(listener))
  }

  /**
   * For a lookup: undefined where the mirror is recent enough, else a promise that resolves when it has been read or
   * time is up. Never rejects.
   */
  refresh(budget: StoreBudget | undefined, signal: AbortSignal | undefined): Promise<void> | undefined {
    const now = this.#clock.monotonic()
    const age = now - this.#readAt
    if (age <= this.#interval / 2 || this.#hasFailed) return undefined
    const reading = this.#reading ?? this.#read()
    if (age <= this.#interval || this.#isDown()) return undefined
    budget?.begin()
    return waitAtMost(reading, budget?.remaining() ?? this.#timeout, signal).finally(() => budget?.end())
  }

  /** Adds a purge for all processes; resolves when the store has it and this process has read it. @throws StoreError. */
  async add(ban: Ban, soft: boolean): Promise<void> {
    if (this.#isLeftAlone || this.#adding >= mostAdding) {
      const why = this.#isLeftAlone ? 'the store is down' : `${mostAdding} purges are on their way already`
      throw new StoreError(`The purge could not be written, because ${why}; try again later`)
    }
    const record: BanRecord = { ban, soft, at: this.#clock.now() }
    this.#adding++
    const outcome = await this.#inTurn(() => this.#append(record), writeTimeout, false)
    this.#adding--
    if (outcome.type !== 'value' && this.#isDown()) this.#failedAt = this.#clock.monotonic()
    if (outcome.type === 'error') throw storeError('The purge could not be written; try again', outcome.error)
    if (outcome.type === 'late') {
      throw new StoreError(`The purge did not reach the store within ${writeTimeout} ms; it may still, or try again`)
    }
    await Promise.all([this.#readOwn(), this.#hint()])
  }

  async #append(record: BanRecord): Promise<void> {
    // One that came before in the queue has found out.
    if (this.#isLeftAlone) throw new StoreError('the store is down')
    await this.#log.append(Buffer.from(JSON.stringify(record)))
  }

  /** Whether the log failed a moment ago. */
  get #hasFailed(): boolean {
    return this.#clock.monotonic() - this.#failedAt < retryAfter
  }

  /** A store that is down is tried now and then: it may be back, and nobody but who purges asks it anything. */
  get #isLeftAlone(): boolean {
    return this.#hasFailed && this.#isDown()
  }

  /** Tells the other processes, if the store can and does so in time. Never rejects. */
  async #hint(): Promise<void> {
    const { publish } = this.#capabilities
    if (publish !== undefined)
      await withDeadline(() => publish.call(this.#capabilities, channel, ''), this.#timeout, true)
  }

  /** Reads what this process has just written, and has patience if that is late. */
  async #readOwn(): Promise<void> {
    const writtenAt = this.#clock.monotonic()
    await this.#read()
    if (this.#readAt < writtenAt) await waitAtMost(this.#underWay, writeTimeout)
  }

  /** Reads what is new. Never rejects. One reading that is still to begin does for all who want one. */
  #read(): Promise<void> {
    if (this.#next !== undefined) return this.#next
    const reading = this.#readNow().finally(() => {
      if (this.#reading === reading) this.#reading = undefined
    })
    this.#reading = reading
    this.#next = reading
    return reading
  }

  async #readNow(): Promise<void> {
    const read = (): Promise<void> => {
      this.#next = undefined
      const startedAt = this.#clock.monotonic()
      const reading = this.#log.read().then((news) => this.#heed(news, startedAt))
      this.#underWay = reading.catch(() => {})
      return reading
    }
    const outcome = await this.#inTurn(read, this.#timeout, true)
    if (outcome.type === 'value') return
    this.#failedAt = this.#clock.monotonic()
    const error = outcome.type === 'error' ? outcome.error : undefined
    this.#tell((listener) => listener.failed(error))
  }

  /** Takes in what a reading brought, be it late: the next one goes on from there. */
  #heed({ log, records, latest, floor }: LogNews, startedAt: number): void {
    this.#readAt = Math.max(this.#readAt, startedAt)
    this.#failedAt = Number.NEGATIVE_INFINITY
    const now = this.#clock.now()
    const isLost = this.#bans.follow(log)
    for (const { sequence, value } of records) {
      const { ban, soft, at } = parsed(value)
      // Whose clock is ahead of this one's made no purge of the future.
      this.#bans.note(ban, soft, Math.min(at, now), sequence)
    }
    const isMissing = this.#bans.raise(floor, latest)
    if (records.length > 0 || isLost || isMissing) this.#tell((listener) => listener.purged())
    void this.#subscribe()
  }

  #tell(news: (listener: BanListener) => void): void {
    for (const reference of this.#listeners) {
      const listener = reference.deref()
      if (listener === undefined) this.#listeners.delete(reference)
      else news(listener)
    }
  }

  async #subscribe(): Promise<void> {
    if (this.#subscription !== 'none' || this.#capabilities.subscribe === undefined) return
    this.#subscription = 'asked'
    const read = (): void => void this.#read()
    try {
      await this.#capabilities.subscribe(channel, { message: read, connected: read, lost() {} })
      this.#subscription = 'standing'
    } catch {
      // Tried again with the next reading.
      this.#subscription = 'none'
    }
  }

  /** The log's calls, one after the other; one that hangs does not hold up the next. */
  #inTurn<T>(call: () => Promise<T>, timeout: number, background: boolean): Promise<Outcome<T>> {
    const turn = this.#last.then(() => withDeadline(call, timeout, background))
    this.#last = turn
    return turn
  }
}

const known = new WeakMap<Store, SharedBans>()
/** Between two readings of the log where no tier says otherwise, ms. */
const usualInterval = 5_000

/** The mirror of a store's purges: one for all caches on it in this process. */
export function sharedBansOf(
  store: Store,
  capabilities: StoreCapabilities,
  settings: { clock: Clock; timeout: number; isDown: () => boolean },
): SharedBans {
  let mirror = known.get(store)
  if (mirror === undefined) {
    const interval = isTiered(store) ? store.nearTtl : usualInterval
    mirror = new SharedBans(bansOf(store), capabilities, { ...settings, interval })
    known.set(store, mirror)
  }
  return mirror
}

/** What cannot be read may have been any purge. */
function parsed(value: Buffer): BanRecord {
  try {
    const { ban, soft, at } = JSON.parse(value.toString()) as Partial<BanRecord>
    if (isBan(ban) && typeof soft === 'boolean' && typeof at === 'number') return { ban, soft, at }
  } catch {
    // A later version may write what this one does not know.
  }
  return { ban: { kind: 'all' }, soft: false, at: 0 }
}

function isBan(value: unknown): value is Ban {
  if (typeof value !== 'object' || value === null) return false
  const { kind, authority, target, prefix, group } = value as Record<string, unknown>
  if (kind === 'all') return true
  if (authority !== undefined && typeof authority !== 'string') return false
  const named = { target, prefix, group }[kind as 'target' | 'prefix' | 'group']
  return typeof named === 'string'
}
