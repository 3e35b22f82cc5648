import { duration, knownOptions, quote } from '../options.ts'
import { asStore } from './as-store.ts'
import type { StoreCapabilities } from './capabilities.ts'
import { checkStore } from './check.ts'
import { type StoreHealth, watchedHealth } from './health.ts'
import type { KeyvLike } from './keyv.ts'
import type { Store, StoreItem } from './store.ts'

export interface TieredStoreOptions {
  /**
   * Milliseconds that the near tier keeps anything: how long a process may go on with what another has replaced or
   * purged where no push tells it. Default 5,000.
   */
  readonly nearTtl?: number | undefined
}

/** Two stores as one: what the near one has is answered at once, the rest with a promise. */
export interface TieredStore extends Store {
  readonly near: false
  readonly nearTier: Store
  readonly farTier: Store
  readonly nearTtl: number
  /** Connects the far tier, where it has anything to connect. */
  ready(): Promise<void>
  /** Ends the far tier's connections. */
  close(): Promise<void>
  /** The far tier's health. */
  health(): StoreHealth
}

/**
 * A store in this process before one that all processes share. Writes go to both, reads fill the near tier.
 *
 * @param near A store that answers at once, such as `memoryStore()`.
 * @param far A store outside this process, or a Keyv.
 * @throws TypeError or RangeError with the value quoted.
 */
export function tieredStore(near: Store, far: Store | KeyvLike, options: TieredStoreOptions = {}): TieredStore {
  knownOptions('tieredStore', options, ['nearTtl'])
  checkStore('near', near)
  if (!near.near)
    throw new TypeError(`tieredStore needs a near tier that answers at once, such as memoryStore(), not ${near.name}`)
  if (far === undefined) throw new TypeError(`tieredStore needs a far tier, a Store or a Keyv, not ${quote(far)}`)
  const farTier = asStore(far)
  if (farTier.near) throw new TypeError(`tieredStore needs a far tier outside this process, not ${farTier.name}`)
  return new Tiers(near, farTier, duration('nearTtl', options.nearTtl, 5_000))
}

export function isTiered(store: Store): store is TieredStore {
  return store instanceof Tiers
}

/** What a remote store has and a Store need not have. */
interface Connected {
  ready?(): Promise<void>
  close?(): Promise<void>
}

class Tiers implements TieredStore {
  readonly name: string
  readonly near = false
  readonly maxEntrySize: number
  readonly capabilities?: StoreCapabilities
  readonly nearTier: Store
  readonly farTier: Store
  readonly nearTtl: number

  constructor(near: Store, far: Store, nearTtl: number) {
    this.nearTier = near
    this.farTier = far
    this.nearTtl = nearTtl
    this.name = `${near.name}+${far.name}`
    this.maxEntrySize = far.maxEntrySize
    if (far.capabilities !== undefined) this.capabilities = far.capabilities
  }

  async get(key: string): Promise<StoreItem | undefined> {
    const held = await this.nearTier.get(key)
    if (held !== undefined) return held
    const found = await this.farTier.get(key)
    if (found !== undefined) void this.nearTier.set(key, found, this.nearTtl)
    return found
  }

  async set(key: string, item: StoreItem, lifetime: number): Promise<void> {
    void this.nearTier.set(key, item, Math.min(lifetime, this.nearTtl))
    await this.farTier.set(key, item, lifetime)
  }

  async delete(key: string): Promise<void> {
    void this.nearTier.delete(key)
    await this.farTier.delete(key)
  }

  async clear(): Promise<void> {
    void this.nearTier.clear()
    await this.farTier.clear()
  }

  reserve(bytes: number): boolean {
    return this.nearTier.reserve(bytes)
  }

  release(bytes: number): void {
    this.nearTier.release(bytes)
  }

  async ready(): Promise<void> {
    await (this.farTier as Connected).ready?.()
  }

  async close(): Promise<void> {
    await (this.farTier as Connected).close?.()
  }

  health(): StoreHealth {
    return watchedHealth(this.farTier)
  }
}
