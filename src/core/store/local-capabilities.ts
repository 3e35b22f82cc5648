import { type Clock, systemClock } from '../clock.ts'
import { eventChannel } from '../events.ts'
import type { ListCapabilities, StoreCapabilities, Subscriber } from './capabilities.ts'
import { StoreError } from './errors.ts'
import type { Store } from './store.ts'

/** Capabilities that hold within this process, whatever the store: lists and messages included. */
export type LocalCapabilities = ListCapabilities & Required<StoreCapabilities> & { readonly scope: 'process' }

interface Fallback {
  readonly capabilities: LocalCapabilities
  isAnnounced: boolean
}

const fallbacks = new WeakMap<Store, Fallback>()

/**
 * What a store can do in one step: its own capabilities, or where it has none, a stand-in in this process that all
 * who ask for the same store share. For a store that other processes may use as well the stand-in is announced once,
 * as soon as somebody listens: a `local-capabilities` event on `breakwater:store`.
 *
 * `clock` is what the lifetimes of a stand-in are measured with; the first to ask decides. Default `systemClock`.
 */
export function capabilitiesOf(store: Store, clock: Clock = systemClock): StoreCapabilities {
  if (store.capabilities !== undefined) return store.capabilities
  let fallback = fallbacks.get(store)
  if (fallback === undefined) {
    fallback = { capabilities: localCapabilities({ clock }), isAnnounced: false }
    fallbacks.set(store, fallback)
  }
  if (!store.near) announce(store, fallback)
  return fallback.capabilities
}

function announce(store: Store, fallback: Fallback): void {
  const channel = eventChannel('breakwater:store')
  if (fallback.isAnnounced || !channel.hasSubscribers) return
  fallback.isAnnounced = true
  const reason = `${store.name} has no increment, compare-and-swap or locks: they hold within this process only`
  channel.publish({ store: store.name, type: 'local-capabilities', reason })
}

interface LocalOptions {
  readonly clock?: Clock
  /** Bytes of keys, values and what holds them. Default 16 MiB. */
  readonly maxBytes?: number
}

/**
 * Capabilities in the memory of this process. Where `maxBytes` are used up, what has ended goes first, then what was
 * written longest ago.
 *
 * Calls reject with a StoreError where a single value is larger than that, and where a key of one kind (a value, a
 * list) is used as another.
 */
export function localCapabilities(options: LocalOptions = {}): LocalCapabilities {
  return new InProcess(options.clock ?? systemClock, options.maxBytes ?? 16 * 1024 * 1024)
}

interface Slot {
  readonly content: Buffer | readonly Buffer[]
  readonly bytes: number
  /** Monotonic ms. */
  readonly ends: number
}

/** Roughly what a Map's entry, a slot and a Buffer take, in bytes. */
const overhead = 200
/** Ms between two looks at everything for what has ended, while there is no room. */
const sweepEvery = 1000

class InProcess implements LocalCapabilities {
  readonly scope = 'process'
  readonly #clock: Clock
  readonly #maxBytes: number
  /** In the order of writing. */
  readonly #slots = new Map<string, Slot>()
  readonly #channels = new Map<string, Set<{ readonly subscriber: Subscriber }>>()
  #bytes = 0
  #swept = -Infinity

  constructor(clock: Clock, maxBytes: number) {
    this.#clock = clock
    this.#maxBytes = maxBytes
  }

  async read(key: string): Promise<Buffer | undefined> {
    const value = this.#value(key)
    return value && Buffer.from(value)
  }

  async increment(key: string, by: number, lifetime: number): Promise<number> {
    const value = this.#value(key)
    const sum = (value === undefined ? 0 : numberIn(value)) + by
    this.#write(key, Buffer.from(String(sum)), lifetime)
    return sum
  }

  async setIfAbsent(key: string, value: Buffer, lifetime: number): Promise<boolean> {
    if (this.#find(key) !== undefined) return false
    this.#write(key, Buffer.from(value), lifetime)
    return true
  }

  async compareAndSwap(key: string, expected: Buffer, next: Buffer | undefined, lifetime: number): Promise<boolean> {
    if (this.#value(key)?.equals(expected) !== true) return false
    if (next === undefined) this.#remove(key)
    else this.#write(key, Buffer.from(next), lifetime)
    return true
  }

  async append(key: string, value: Buffer, lifetime: number): Promise<number> {
    const list = [...this.#list(key), Buffer.from(value)]
    this.#write(key, list, lifetime)
    return list.length
  }

  async slice(key: string, from: number): Promise<readonly Buffer[]> {
    return this.#list(key)
      .slice(Math.max(0, from))
      .map((value) => Buffer.from(value))
  }

  async publish(channel: string, text: string): Promise<void> {
    for (const { subscriber } of this.#channels.get(channel) ?? []) subscriber.message(text)
  }

  async subscribe(channel: string, subscriber: Subscriber): Promise<() => Promise<void>> {
    const subscription = { subscriber }
    const all = this.#channels.get(channel) ?? new Set()
    this.#channels.set(channel, all.add(subscription))
    subscriber.connected()
    return async () => {
      all.delete(subscription)
      if (all.size === 0 && this.#channels.get(channel) === all) this.#channels.delete(channel)
    }
  }

  #value(key: string): Buffer | undefined {
    const content = this.#find(key)?.content
    if (content === undefined || Buffer.isBuffer(content)) return content
    throw new StoreError('A key that a list is kept under was used for a value')
  }

  #list(key: string): readonly Buffer[] {
    const content = this.#find(key)?.content ?? []
    if (!Buffer.isBuffer(content)) return content
    throw new StoreError('A key that a value is kept under was used for a list')
  }

  #find(key: string): Slot | undefined {
    const slot = this.#slots.get(key)
    if (slot === undefined || slot.ends > this.#clock.monotonic()) return slot
    this.#remove(key)
    return undefined
  }

  #write(key: string, content: Slot['content'], lifetime: number): void {
    const bytes = overhead + 2 * key.length + weightOf(content)
    if (bytes > this.#maxBytes) throw new StoreError(`A value of ${bytes} bytes is more than this process keeps`)
    this.#remove(key)
    if (!(lifetime > 0)) return
    this.#makeRoom(bytes)
    this.#slots.set(key, { content, bytes, ends: this.#clock.monotonic() + lifetime })
    this.#bytes += bytes
  }

  #makeRoom(bytes: number): void {
    if (this.#bytes + bytes <= this.#maxBytes) return
    this.#sweep()
    for (const key of this.#slots.keys()) {
      if (this.#bytes + bytes <= this.#maxBytes) return
      this.#remove(key)
    }
  }

  /** Not at every write: looking at everything each time would make a full store slow. */
  #sweep(): void {
    const now = this.#clock.monotonic()
    if (now - this.#swept < sweepEvery) return
    this.#swept = now
    for (const [key, { ends }] of this.#slots) if (ends <= now) this.#remove(key)
  }

  #remove(key: string): void {
    const slot = this.#slots.get(key)
    if (slot === undefined) return
    this.#slots.delete(key)
    this.#bytes -= slot.bytes
  }
}

function weightOf(content: Slot['content']): number {
  if (Buffer.isBuffer(content)) return content.length
  return content.reduce((sum, value) => sum + overhead / 2 + value.length, 0)
}

function numberIn(value: Buffer): number {
  const text = value.toString()
  if (/^-?\d{1,16}$/.test(text)) return Number(text)
  throw new StoreError('What is kept under the key of a counter is not a whole number')
}
