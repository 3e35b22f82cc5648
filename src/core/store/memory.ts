import { type Clock, systemClock } from '../clock.ts'
import { clockOption, knownOptions, limit, oneOf, positiveInteger } from '../options.ts'
import { EarliestExpiry } from './eviction/earliest-expiry.ts'
import type { Eviction } from './eviction/eviction.ts'
import { Lfu } from './eviction/lfu.ts'
import { Lru } from './eviction/lru.ts'
import { Slot } from './eviction/queue.ts'
import { S3Fifo } from './eviction/s3-fifo.ts'
import { healthOf, type StoreHealth } from './health.ts'
import type { Store, StoreItem } from './store.ts'
import { weigh } from './weight.ts'

export type EvictionPolicy = 's3-fifo' | 'lru' | 'lfu' | 'ttl'

const policies: Record<EvictionPolicy, () => Eviction> = {
  's3-fifo': () => new S3Fifo(),
  lru: () => new Lru(),
  lfu: () => new Lfu(),
  ttl: () => new EarliestExpiry(),
}

export interface MemoryStoreOptions {
  /** Bytes that items, what holds them, and recordings in flight take together. Default 64 MiB. */
  readonly maxBytes?: number | undefined
  /** Items at most. Default Infinity: bytes alone decide. */
  readonly maxEntries?: number | undefined
  /** Bytes: a larger body is not kept. Default a sixteenth of `maxBytes`. */
  readonly maxEntrySize?: number | undefined
  /**
   * Who goes when room is needed. `s3-fifo`, the default: what was not asked for again soon, so that a scan through
   * many keys leaves the rest. `lru`: what was not asked for longest. `lfu`: what was asked for least, where old
   * questions count less and less. `ttl`: what would end soonest.
   */
  readonly eviction?: EvictionPolicy | undefined
  /** Milliseconds that anything is kept at most. Default: as long as it is asked for. */
  readonly maxLifetime?: number | undefined
  /** Default `systemClock`. */
  readonly clock?: Clock | undefined
}

/** A near store whose bytes can be watched. */
export interface MemoryStore extends Store {
  readonly near: true
  /** Accounted bytes now, recordings in flight included; never above `maxBytes`. */
  readonly size: number
  /** Items now, those whose lifetime ended since they were last looked at included. */
  readonly entries: number
  readonly maxBytes: number
  get(key: string): StoreItem | undefined
  set(key: string, item: StoreItem, lifetime: number): void
  delete(key: string): void
  clear(): void
  /** Always `up`: it is there for code that takes any store. */
  health(): StoreHealth
}

const defaultMaxBytes = 64 * 1024 * 1024
/** The part of `maxBytes` that recordings in flight may hold. */
const recordingShare = 1 / 4
/** Items looked at on each `set` for an ended lifetime. */
const sweepSteps = 2

/**
 * Keeps items in this process, within a fixed number of bytes.
 *
 * @throws TypeError or RangeError for an option it cannot use.
 */
export function memoryStore(options: MemoryStoreOptions = {}): MemoryStore {
  knownOptions('memoryStore', options, ['maxBytes', 'maxEntries', 'maxEntrySize', 'eviction', 'maxLifetime', 'clock'])
  return new Memory(options)
}

class Memory implements MemoryStore {
  readonly name = 'memory'
  readonly near = true
  readonly maxBytes: number
  readonly maxEntrySize: number
  readonly #maxEntries: number
  readonly #maxLifetime: number
  readonly #clock: Clock
  readonly #newEviction: () => Eviction
  readonly #index = new Map<string, Slot>()
  #eviction: Eviction
  #sweeper = this.#index.values()
  #held = 0
  #reserved = 0

  constructor(options: MemoryStoreOptions) {
    this.maxBytes = positiveInteger('maxBytes', options.maxBytes, defaultMaxBytes)
    this.maxEntrySize = positiveInteger('maxEntrySize', options.maxEntrySize, Math.ceil(this.maxBytes / 16))
    this.#maxEntries = limit('maxEntries', options.maxEntries, Infinity)
    this.#maxLifetime = limit('maxLifetime', options.maxLifetime, Infinity)
    this.#clock = clockOption('clock', options.clock, systemClock)
    const choices = Object.keys(policies) as EvictionPolicy[]
    this.#newEviction = policies[oneOf('eviction', options.eviction, choices, 's3-fifo')]
    this.#eviction = this.#newEviction()
  }

  get size(): number {
    return this.#held + this.#reserved
  }

  get entries(): number {
    return this.#index.size
  }

  get(key: string): StoreItem | undefined {
    const slot = this.#index.get(key)
    if (slot === undefined) return undefined
    if (slot.expires <= this.#clock.monotonic()) {
      this.#remove(slot)
      return undefined
    }
    this.#eviction.touch(slot)
    return slot.item
  }

  set(key: string, item: StoreItem, lifetime: number): void {
    const now = this.#clock.monotonic()
    this.#sweep(now)
    const weight = weigh(key, item)
    const slot = this.#index.get(key)
    const expires = now + Math.min(lifetime, this.#maxLifetime)
    if (!this.#isKept(item, weight, lifetime)) this.delete(key)
    else if (slot === undefined) this.#insert(new Slot(key, item, weight, expires))
    else this.#replace(slot, item, weight, expires)
  }

  delete(key: string): void {
    const slot = this.#index.get(key)
    if (slot !== undefined) this.#remove(slot)
  }

  clear(): void {
    this.#index.clear()
    this.#eviction = this.#newEviction()
    this.#held = 0
  }

  reserve(bytes: number): boolean {
    if (!(bytes >= 0) || this.#reserved + bytes > this.maxBytes * recordingShare) return false
    this.#reserved += bytes
    this.#makeRoom(0, 0)
    return true
  }

  release(bytes: number): void {
    this.#reserved = Math.max(0, this.#reserved - bytes)
  }

  health(): StoreHealth {
    return healthOf(this)
  }

  #isKept(item: StoreItem, weight: number, lifetime: number): boolean {
    return lifetime > 0 && item.body.length <= this.maxEntrySize && weight <= this.maxBytes - this.#reserved
  }

  #insert(slot: Slot): void {
    this.#makeRoom(slot.weight, 1)
    this.#index.set(slot.key, slot)
    this.#eviction.add(slot)
    this.#held += slot.weight
  }

  /** The slot keeps its place: who replaces an item wants it, and what it earned so far stands. */
  #replace(slot: Slot, item: StoreItem, weight: number, expires: number): void {
    this.#held += weight - slot.weight
    slot.reweigh(weight)
    slot.item = item
    slot.expires = expires
    this.#eviction.touch(slot)
    this.#makeRoom(0, 0)
  }

  #makeRoom(bytes: number, entries: number): void {
    while (this.size + bytes > this.maxBytes || this.entries + entries > this.#maxEntries) {
      const slot = this.#eviction.evict()
      if (slot === undefined) return
      this.#index.delete(slot.key)
      this.#held -= slot.weight
    }
  }

  #remove(slot: Slot): void {
    this.#index.delete(slot.key)
    this.#eviction.remove(slot)
    this.#held -= slot.weight
  }

  /** Lets go of items whose lifetime ended and nobody asks for, a few on each call, over and over. */
  #sweep(now: number): void {
    for (let step = 0; step < sweepSteps; step++) {
      const { done, value } = this.#sweeper.next()
      if (done) {
        this.#sweeper = this.#index.values()
        return
      }
      if (value.expires <= now) this.#remove(value)
    }
  }
}
