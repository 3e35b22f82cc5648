import { quote } from '../options.ts'
import { asStore } from './as-store.ts'
import type { StoreCapabilities } from './capabilities.ts'
import { type StoreHealth, watchedHealth } from './health.ts'
import type { KeyvLike } from './keyv.ts'
import type { Store, StoreItem } from './store.ts'
import { isTiered } from './tiered.ts'

/** A store before another one, as near or far as that is. */
export interface WrappedStore extends Store {
  /** The store that keeps what this one hands on. */
  readonly inner: Store
  /** Connects the inner store, where it has anything to connect. */
  ready(): Promise<void>
  /** Ends the inner store's connections, where it has any. */
  close(): Promise<void>
  health(): StoreHealth
}

/** What a remote store has and a Store need not have. */
interface Connected {
  ready?(): Promise<void>
  close?(): Promise<void>
  health?(): StoreHealth
}

export type Answer<T> = T | Promise<T>

/** What wrappers have in common; they differ in what they do to keys and items. */
export abstract class Wrapper implements WrappedStore {
  readonly name: string
  readonly near: boolean
  readonly maxEntrySize: number
  readonly capabilities?: StoreCapabilities
  readonly inner: Store

  constructor(kind: string, inner: Store, capabilities: StoreCapabilities | undefined) {
    this.inner = inner
    this.name = `${kind}(${inner.name})`
    this.near = inner.near
    this.maxEntrySize = inner.maxEntrySize
    if (capabilities !== undefined) this.capabilities = capabilities
  }

  abstract get(key: string): Answer<StoreItem | undefined>
  abstract set(key: string, item: StoreItem, lifetime: number): Answer<void>
  abstract delete(key: string): void | Promise<void> | Promise<boolean>

  clear(): Answer<void> {
    return this.inner.clear()
  }

  reserve(bytes: number): boolean {
    return this.inner.reserve(bytes)
  }

  release(bytes: number): void {
    this.inner.release(bytes)
  }

  async ready(): Promise<void> {
    await (this.inner as Connected).ready?.()
  }

  async close(): Promise<void> {
    await (this.inner as Connected).close?.()
  }

  /** What was found out about this store, or else about the inner one. */
  health(): StoreHealth {
    const own = watchedHealth(this)
    return own.state === 'up' ? ((this.inner as Connected).health?.() ?? own) : own
  }

  /** Whether an item is worth handing on; otherwise what is there must go. */
  protected isKept(item: StoreItem, lifetime: number): boolean {
    return lifetime > 0 && item.body.length <= this.maxEntrySize
  }
}

/**
 * The store that a wrapper was given: a Store, or a Keyv.
 *
 * @throws TypeError where it is neither, or has tiers, which are wrapped one by one.
 */
export function storeToWrap(owner: string, value: Store | KeyvLike): Store {
  if (value === undefined) throw new TypeError(`${owner} needs a Store or a Keyv, not ${quote(value)}`)
  const store = asStore(value)
  if (isTiered(store)) {
    throw new TypeError(`${owner} takes a tier, not a tiered store: tieredStore(near, ${owner}(far, ...))`)
  }
  return store
}

/** Goes on with an answer: at once where it is there. */
export function after<T, R>(answer: Answer<T>, next: (value: T) => Answer<R>): Answer<R> {
  return answer instanceof Promise ? answer.then(next) : next(answer)
}
