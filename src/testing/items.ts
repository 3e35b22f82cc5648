import { randomUUID } from 'node:crypto'
import type { StoreItem } from '../core/store/store.ts'

export const minute = 60_000
export const KiB = 1024

/** An item with a body of so many bytes, the same for the same seed and of every byte value. */
export function itemOf(bytes: number, meta: object = {}, seed = 1): StoreItem {
  const body = Buffer.allocUnsafeSlow(bytes)
  for (let i = 0, state = seed; i < bytes; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    body[i] = state >>> 24
  }
  return { meta, body }
}

export function newKey(): string {
  return `key ${randomUUID()}`
}

/** Keys that servers, file systems and objects are known to stumble over. */
export const keys: readonly (readonly [description: string, key: string])[] = [
  ['empty', ''],
  ['short', 'a'],
  ['with spaces and line breaks', 'GET https://example.org/ a\r\nb\tc'],
  ['with a zero character', 'a\0b'],
  ['with separators of key-value stores', 'a:b::c:*?[x]{y}/../%00'],
  ['beyond ASCII', 'Grüße 你好 🙂 e\u0301'],
  ['with half a surrogate pair', 'x\ud83d'],
  ['of 300 characters', 'k'.repeat(300)],
  ['of 100,000 characters', 'long/'.repeat(20_000)],
  ['like a property of every object', '__proto__'],
]
