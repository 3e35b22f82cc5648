/** Who shares a store: this process, all processes of one machine, or all machines that reach it. */
export type StoreScope = 'process' | 'host' | 'cluster'

/** Told by a subscription. None of the three may throw. */
export interface Subscriber {
  message(text: string): void
  /** The subscription stands, first or again: what was published before may have been missed. */
  connected(): void
  /** The connection broke: nothing is heard until `connected`. */
  lost(): void
}

/**
 * What a store can do beyond get and set, in one step that no other caller comes between. Keys are strings of any
 * length and characters, apart from those of items. Lifetimes are ms; a call that writes starts the lifetime anew.
 * Every method rejects where the store fails; what was asked for may have happened all the same.
 */
export interface StoreCapabilities {
  readonly scope: StoreScope
  /** The bytes under a key; undefined where there are none. */
  read(key: string): Promise<Buffer | undefined>
  /** Adds `by`, a whole number, to a counter that starts at 0, and resolves with the sum. */
  increment(key: string, by: number, lifetime: number): Promise<number>
  /** Writes where there is nothing; false where there is something. */
  setIfAbsent(key: string, value: Buffer, lifetime: number): Promise<boolean>
  /** Writes `next`, or removes where it is undefined, if `expected` is what is there; false where it is not. */
  compareAndSwap(key: string, expected: Buffer, next: Buffer | undefined, lifetime: number): Promise<boolean>
  /** Adds a value to the end of a list and resolves with the list's length. */
  append?(key: string, value: Buffer, lifetime: number): Promise<number>
  /** The values of a list from an index on; empty where there are none. */
  slice?(key: string, from: number): Promise<readonly Buffer[]>
  /** Hands a short text to whoever subscribes to the channel now. A hint: it may be lost. */
  publish?(channel: string, text: string): Promise<void>
  /** Resolves with a function that ends the subscription. */
  subscribe?(channel: string, subscriber: Subscriber): Promise<() => Promise<void>>
}

/** Capabilities with lists: the store's own, or made of compare-and-swap. */
export type ListCapabilities = StoreCapabilities & Required<Pick<StoreCapabilities, 'append' | 'slice'>>
