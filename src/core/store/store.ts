import type { StoreCapabilities } from './capabilities.ts'

/** What a store keeps under a key: a description that survives JSON, and bytes. */
export interface StoreItem {
  /** Plain data. A near store keeps the very object; a far one writes it as JSON. */
  readonly meta: object
  /** The content; empty where there is none. Never changed once stored. */
  readonly body: Buffer
}

/** A stored body that is not in memory. It costs nothing until it is opened. */
export interface StoredBody {
  /** Bytes. */
  readonly length: number
  /**
   * Makes sure that the body is there, of this length, and that what stands at `start` can be read and is undamaged.
   * Undefined where it is not. What was opened must be closed. `start` and `end`, exclusive: what is going to be read.
   */
  open(start: number, end: number): Promise<OpenBody | undefined>
}

/** A stored body that can be read, by several at a time. Where the store can, it stays whole while others replace it. */
export interface OpenBody {
  /**
   * The bytes from `start` up to `end`, exclusive, in pieces, each verified before it is handed out. Throws where one is
   * damaged, is gone, or does not come.
   */
  read(start: number, end: number): AsyncGenerator<Buffer, void, void>
  /** Gives back what is held for it; reads under way end with an error. May be called again. */
  close(): void
}

/** An item whose body is read from where it lies. */
export interface LargeItem {
  readonly meta: object
  readonly body: StoredBody
}

/** What a store can do that need not have a large body in memory. */
export interface StoreStreams {
  /** As the store's own `get`, but a large body stays where it is. */
  get(key: string): Promise<StoreItem | LargeItem | undefined>
  /** Keeps an item that `get` gave under other metadata and for another lifetime, with the body that is there. */
  renew(key: string, item: LargeItem, lifetime: number): Promise<void>
}

/**
 * A place for items by key. Keys are strings of any length and characters.
 * A near store (`near: true`) answers at once and never with a promise; a far one always with a promise.
 */
export interface Store {
  /** A word for events and errors: `memory`, `keyv` … */
  readonly name: string
  /** Whether every call answers synchronously. */
  readonly near: boolean
  /** Bytes: a body above this is never handed to `set`. */
  readonly maxEntrySize: number
  /** What it can do in one step beyond get and set; absent where it cannot. */
  readonly capabilities?: StoreCapabilities
  /** Reads large bodies piece by piece; absent where bodies are read whole. Far stores only. */
  readonly streams?: StoreStreams
  get(key: string): StoreItem | undefined | Promise<StoreItem | undefined>
  /** Keeps `item` for at most `lifetime` ms, replacing what was there. */
  set(key: string, item: StoreItem, lifetime: number): void | Promise<void>
  delete(key: string): void | Promise<void> | Promise<boolean>
  /** Removes everything this store keeps. */
  clear(): void | Promise<void>
  /** Memory for recordings in flight: false when the share for them is used up. */
  reserve(bytes: number): boolean
  /** Gives back what `reserve` granted. */
  release(bytes: number): void
}
