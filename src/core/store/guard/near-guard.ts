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
    try {
      return this.#isDone('set', this.#store.set(key, item as StoreItem, lifetime))
    } catch (error) {
      return this.#failed('set', error)
    }
  }

  delete(key: string): boolean {
    try {
      return this.#isDone('delete', this.#store.delete(key))
    } catch (error) {
      return this.#failed('delete', error)
    }
  }

  clear(): boolean {
    try {
      return this.#isDone('clear', this.#store.clear())
    } catch (error) {
      return this.#failed('clear', error)
    }
  }

  reserve(bytes: number): boolean {
    try {
      return this.#store.reserve(bytes) === true
    } catch (error) {
      return this.#failed('reserve', error)
    }
  }

  release(bytes: number): void {
    try {
      this.#isDone('release', this.#store.release(bytes))
    } catch (error) {
      this.#failed('release', error)
    }
  }

  #isDone(operation: StoreOperation, answer: unknown): boolean {
    if (!isThenable(answer)) return true
    this.#refuse(operation, answer)
    return false
  }

  #failed(operation: StoreOperation, error: unknown): false {
    this.#report('error', operation, error)
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
