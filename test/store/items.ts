import type { StoreItem } from '../../src/core/store/store.ts'

/** An item with a body of so many bytes, the same for the same seed and of every byte value. */
export function itemOf(bytes: number, meta: object = {}, seed = 1): StoreItem {
  const body = Buffer.allocUnsafeSlow(bytes)
  for (let i = 0, state = seed; i < bytes; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    body[i] = state >>> 24
  }
  return { meta, body }
}
