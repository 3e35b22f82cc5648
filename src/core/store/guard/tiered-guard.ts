import type { StoreItem } from '../store.ts'
import type { StoreBudget } from './budget.ts'
import type { FarGuard } from './far-guard.ts'
import type { GuardedItem, GuardedStore } from './guarded-store.ts'
import type { NearGuard } from './near-guard.ts'

/** The reads of one key that are under way to the far tier. */
interface Reads {
  count: number
  /** The key was written meanwhile, so what they bring may be what was there before. */
  areOld: boolean
}

/** Before two tiers: a read answers at once where the near one has it. */
export class TieredGuard implements GuardedStore {
  readonly name: string
  readonly near = false
  readonly maxEntrySize: number
  readonly #near: NearGuard
  readonly #far: FarGuard
  readonly #nearTtl: number
  readonly #isCurrent: (item: StoreItem) => boolean
  readonly #reads = new Map<string, Reads>()
  /** Writes of each key, and removals of everything, that the far tier has not confirmed. */
  readonly #writing = new Map<string, number>()
  #clearing = 0

  /** `isCurrent`: whether what the near tier holds may still be used, or the far one must be asked. */
  constructor(near: NearGuard, far: FarGuard, nearTtl: number, isCurrent: (item: StoreItem) => boolean) {
    this.name = `${near.name}+${far.name}`
    this.maxEntrySize = far.maxEntrySize
    this.#near = near
    this.#far = far
    this.#nearTtl = nearTtl
    this.#isCurrent = isCurrent
  }

  get(key: string, budget?: StoreBudget, signal?: AbortSignal): StoreItem | Promise<GuardedItem | undefined> {
    const held = this.#near.get(key)
    if (held !== undefined && this.#isCurrent(held)) return held
    if (held !== undefined) this.#near.delete(key)
    return this.latest(key, budget, signal)
  }

  async latest(key: string, budget?: StoreBudget, signal?: AbortSignal): Promise<GuardedItem | undefined> {
    // What is read while a write is under way may be what was there before it.
    const areOld = this.#clearing > 0 || this.#writing.has(key)
    const reads = this.#reads.get(key) ?? { count: 0, areOld }
    this.#reads.set(key, reads)
    reads.count++
    const found = await this.#far.get(key, budget, signal)
    if (--reads.count === 0 && this.#reads.get(key) === reads) this.#reads.delete(key)
    if (found !== undefined && !reads.areOld) this.#keepNear(key, found, this.#nearTtl)
    return found
  }

  set(key: string, item: GuardedItem, lifetime: number): Promise<boolean> {
    this.#outdate(key)
    this.#keepNear(key, item, lifetime)
    return this.#write(key, () => this.#far.set(key, item, lifetime))
  }

  delete(key: string): Promise<boolean> {
    this.#outdate(key)
    this.#near.delete(key)
    return this.#write(key, () => this.#far.delete(key))
  }

  async clear(): Promise<boolean> {
    for (const key of this.#reads.keys()) this.#outdate(key)
    this.#near.clear()
    this.#clearing++
    try {
      return await this.#far.clear()
    } finally {
      this.#clearing--
    }
  }

  reserve(bytes: number): boolean {
    return this.#near.reserve(bytes)
  }

  release(bytes: number): void {
    this.#near.release(bytes)
  }

  /** A body that was not read is one that is too large. */
  #keepNear(key: string, item: GuardedItem, lifetime: number): void {
    if (item.body.length <= this.#near.maxEntrySize) this.#near.set(key, item, Math.min(lifetime, this.#nearTtl))
    else this.#near.delete(key)
  }

  async #write(key: string, write: () => Promise<boolean>): Promise<boolean> {
    this.#writing.set(key, (this.#writing.get(key) ?? 0) + 1)
    try {
      return await write()
    } finally {
      const left = (this.#writing.get(key) ?? 1) - 1
      if (left > 0) this.#writing.set(key, left)
      else this.#writing.delete(key)
    }
  }

  #outdate(key: string): void {
    const reads = this.#reads.get(key)
    if (reads !== undefined) reads.areOld = true
    this.#reads.delete(key)
  }
}
