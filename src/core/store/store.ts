import type { StoreCapabilities } from './capabilities.ts'

/** What a store keeps under a key: a description that survives JSON, and bytes. */
export interface StoreItem {
  /** Plain data. A near store keeps the very object; a far one writes it as JSON. */
  readonly meta: object
  /** The content; empty where there is none. Never changed once stored. */
  readonly body: Buffer
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
