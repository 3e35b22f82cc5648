import { isStoreItem } from '../check.ts'
import type { Store, StoreItem } from '../store.ts'
import { GuardedBody } from './guarded-body.ts'
import type { GuardedItem, GuardedStore, Report, StoreOperation } from './guarded-store.ts'

/** Before a store that answers at once: what it throws, and what is no item, is a miss. */
export class NearGuard implements GuardedStore {
  readonly name: string
  readonly near = true
  readonly maxEntrySize: number
  readonly #store: Store
  readonly #report: Report

  constructor(store: Store, report: Report) {
    this.name = store.name
    this.maxEntrySize = store.maxEntrySize
    this.#store = store
    this.#report = report
  }

  get(key: string): StoreItem | undefined {
    try {
      const item = this.#store.get(key)
      if (item === undefined || isStoreItem(item)) return item
      this.#refuse('get', item)
    } catch (error) {
      this.#report('error', 'get', error)
    }
    return undefined
  }

  latest(key: string): StoreItem | undefined {
    return this.get(key)
  }

  set(key: string, item: GuardedItem, lifetime: number): boolean {
    // Far stores alone have bodies that are not in memory.
    if (item.body instanceof GuardedBody) return this.delete(key)
    return this.#write('set', () => this.#store.set(key, item as StoreItem, lifetime))
  }

  delete(key: string): boolean {
    return this.#write('delete', () => this.#store.delete(key))
  }

  clear(): boolean {
    return this.#write('clear', () => this.#store.clear())
  }

  reserve(bytes: number): boolean {
    try {
      return this.#store.reserve(bytes) === true
    } catch (error) {
      this.#report('error', 'reserve', error)
      return false
    }
  }

  release(bytes: number): void {
    this.#write('release', () => this.#store.release(bytes))
  }

  #write(operation: StoreOperation, call: () => unknown): boolean {
    try {
      const answer = call()
      if (!isThenable(answer)) return true
      this.#refuse(operation, answer)
    } catch (error) {
      this.#report('error', operation, error)
    }
    return false
  }

  #refuse(operation: StoreOperation, answer: unknown): void {
    if (!isThenable(answer)) {
      this.#report('error', operation, new TypeError(`The store ${this.name} answered with something that is no item`))
      return
    }
    // Whatever it settles to, nobody else will look at it.
    answer.then(undefined, () => {})
    this.#report(
      'error',
      operation,
      new TypeError(`The store ${this.name} says near: true but answered with a promise`),
    )
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as PromiseLike<unknown>).then === 'function'
}
