import type { StoreBudget } from './budget.ts'
import type { GuardedBody } from './guarded-body.ts'

/** The body of an item: here, or to be read from where it lies. */
export type ItemBody = Buffer | GuardedBody

/** What a guarded store has under a key. */
export interface GuardedItem {
  readonly meta: object
  readonly body: ItemBody
}

/**
 * A store that cannot hurt: no call throws, rejects or lasts. A near store's calls answer at once, a far one's with a
 * promise, and of two tiers either way. Writes tell whether they arrived; nobody has to wait for that.
 */
export interface GuardedStore {
  readonly name: string
  /** Whether every call answers at once. */
  readonly near: boolean
  /** Bytes: a body above this is never handed to `set`. */
  readonly maxEntrySize: number
  /**
   * Undefined where the store has nothing, failed, was late or was skipped, where `budget` is spent,
   * or when `signal` aborts.
   */
  get(
    key: string,
    budget?: StoreBudget,
    signal?: AbortSignal,
  ): GuardedItem | undefined | Promise<GuardedItem | undefined>
  /** What all processes agree on: past a near tier, which may be behind. */
  latest(
    key: string,
    budget?: StoreBudget,
    signal?: AbortSignal,
  ): GuardedItem | undefined | Promise<GuardedItem | undefined>
  /**
   * Keeps `item` for at most `lifetime` ms; a large one that was found under this key stays where it is. Writes under one
   * key arrive in the order they were made.
   */
  set(key: string, item: GuardedItem, lifetime: number): boolean | Promise<boolean>
  delete(key: string): boolean | Promise<boolean>
  /** Removes everything, writes in flight included. */
  clear(): boolean | Promise<boolean>
  /** Memory for recordings in flight: false when the share for them is used up. */
  reserve(bytes: number): boolean
  /** Gives back what `reserve` granted. */
  release(bytes: number): void
}

export type StoreOperation = 'get' | 'set' | 'delete' | 'clear' | 'read' | 'reserve' | 'release' | 'lease' | 'purge'

/** Something a store did, or was kept from doing, that its caller does not see. */
export interface StoreEvent {
  /**
   * `timeout`: no answer in time, or no time left to ask · `error`: it threw, rejected or answered with something that
   * is no item · `skipped`: not asked, its gate is open · `dropped`: a write not made, too many are in flight ·
   * `gate-open`: it is skipped from now on · `gate-closed`: it is back.
   */
  readonly type: 'timeout' | 'error' | 'skipped' | 'dropped' | 'gate-open' | 'gate-closed'
  /** The store's name. */
  readonly store: string
  /** What was called; absent for the gate. */
  readonly operation?: StoreOperation
  readonly error?: unknown
}

/** Tells of an event; never throws. */
export type Report = (type: StoreEvent['type'], operation?: StoreOperation, error?: unknown) => void
