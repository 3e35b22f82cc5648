import { checkStore } from './check.ts'
import { defaultStore } from './default-store.ts'
import { checkKeyv, type KeyvLike, keyvStore } from './keyv.ts'
import type { Store } from './store.ts'

/** Members that a Store has and a Keyv has not. */
const marks = ['near', 'maxEntrySize', 'reserve', 'release']

/**
 * What the option `store` means everywhere: a Store as it is, a Keyv as a far store,
 * and without one the store that this process shares.
 *
 * @throws TypeError where it is neither.
 */
export function asStore(value: Store | KeyvLike | undefined): Store {
  if (value === undefined) return defaultStore()
  if (typeof value === 'object' && value !== null && marks.some((mark) => mark in value)) {
    checkStore('store', value)
    return value
  }
  checkKeyv('store', value)
  return keyvStore(value)
}
