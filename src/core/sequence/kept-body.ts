import type { GuardedItem } from '../store/guard.ts'
import { wholeBody } from '../store/large.ts'

/** The bytes of what a store has, wherever they lie; undefined where there are none or they cannot be read. */
export async function keptBody(item: GuardedItem | undefined): Promise<Buffer | undefined> {
  if (item === undefined) return undefined
  const { body } = item
  try {
    return Buffer.isBuffer(body) ? body : await wholeBody(body)
  } catch {
    return undefined
  }
}
