import { quote } from '../options.ts'
import type { LargeItem, Store, StoreItem } from './store.ts'

const methods = ['get', 'set', 'delete', 'clear', 'reserve', 'release'] as const

/**
 * Throws a TypeError that says what is missing where `value` is no Store.
 * `name` is the option as the user wrote it.
 */
export function checkStore(name: string, value: unknown): asserts value is Store {
  if (typeof value !== 'object' || value === null) throw new TypeError(`${name} must be a Store, not ${quote(value)}`)
  const store = value as Partial<Store>
  for (const method of methods) {
    if (typeof store[method] !== 'function')
      throw new TypeError(`${name} must be a Store; it lacks the method ${method}`)
  }
  if (typeof store.name !== 'string') throw new TypeError(`${name}.name must be a string, not ${quote(store.name)}`)
  if (typeof store.near !== 'boolean') {
    throw new TypeError(`${name}.near must be true (answers at once) or false (promises), not ${quote(store.near)}`)
  }
  if (typeof store.maxEntrySize !== 'number' || !(store.maxEntrySize > 0)) {
    throw new TypeError(`${name}.maxEntrySize must be bytes above 0, not ${quote(store.maxEntrySize)}`)
  }
}

/** Whether what a store handed out has the shape of an item. */
export function isStoreItem(value: unknown): value is StoreItem {
  if (typeof value !== 'object' || value === null) return false
  const { meta, body } = value as Partial<StoreItem>
  return typeof meta === 'object' && meta !== null && Buffer.isBuffer(body)
}

/** Whether what a store handed out has the shape of an item whose body is read from where it lies. */
export function isLargeItem(value: unknown): value is LargeItem {
  if (typeof value !== 'object' || value === null) return false
  const { meta, body } = value as Partial<LargeItem>
  if (typeof meta !== 'object' || meta === null || typeof body !== 'object' || body === null) return false
  return typeof body.open === 'function' && Number.isSafeInteger(body.length)
}
