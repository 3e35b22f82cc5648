import { setTimeout as wait } from 'node:timers/promises'
import type { Clock } from '../../core/clock.ts'
import type { StoreCapabilities } from '../../core/store/capabilities.ts'
import { StoreError } from '../../core/store/errors.ts'
import { type ObjectClient, timedValue, type WriteCondition, withExpiry } from './s3-objects.ts'

/** How often a call begins anew because another caller came between; and how long it waits then, in ms. */
const attempts = 200
const longestPause = 100

/** What is under a key: a value, or nothing that lives, and what to replace it by. */
type Current =
  | { readonly kind: 'value'; readonly value: Buffer; readonly replace: WriteCondition }
  | { readonly kind: 'nothing'; readonly replace: WriteCondition }

/**
 * Steps that no other caller comes between, made of conditional writes. Nothing is ever deleted here, as not every
 * endpoint deletes on a condition: what is removed is replaced by an object that has ended, and whoever finds one that
 * has ended replaces it in the same way.
 */
export function s3Capabilities(
  objects: ObjectClient,
  nameOf: (key: string) => string,
  clock: Clock,
): StoreCapabilities {
  const current = async (key: string): Promise<Current> => {
    const found = await objects.get(nameOf(key))
    if (found === undefined) return { kind: 'nothing', replace: 'absent' }
    const timed = timedValue(found.bytes)
    const replace = { etag: found.etag }
    if (timed === undefined || timed.expires <= clock.now()) return { kind: 'nothing', replace }
    return { kind: 'value', value: timed.value, replace }
  }

  const write = async (
    key: string,
    value: Buffer | undefined,
    lifetime: number,
    condition: WriteCondition,
  ): Promise<boolean> => {
    const expires = value === undefined || !(lifetime > 0) ? 0 : clock.now() + lifetime
    const bytes = withExpiry({ expires, value: value ?? Buffer.alloc(0) })
    return (await objects.put(nameOf(key), bytes, expires, condition)) === 'written'
  }

  /** Runs `step` until it answers; undefined from it means that another caller came between. */
  const untilAlone = async <T>(step: () => Promise<T | undefined>): Promise<T> => {
    for (let attempt = 1; attempt <= attempts; attempt++) {
      const answer = await step()
      if (answer !== undefined) return answer
      // Callers that were refused together must not come back together.
      await wait(Math.random() * Math.min(2 * attempt, longestPause))
    }
    throw new StoreError(`An object in S3 is written by too many at once: others were quicker ${attempts} times`)
  }

  return {
    scope: 'cluster',
    read: async (key) => {
      const now = await current(key)
      return now.kind === 'value' ? now.value : undefined
    },
    increment: (key, by, lifetime) =>
      untilAlone(async () => {
        const now = await current(key)
        const sum = (now.kind === 'value' ? numberIn(now.value) : 0) + by
        return (await write(key, Buffer.from(String(sum)), lifetime, now.replace)) ? sum : undefined
      }),
    setIfAbsent: (key, value, lifetime) =>
      untilAlone(async () => {
        const now = await current(key)
        if (now.kind === 'value') return false
        return (await write(key, value, lifetime, now.replace)) || undefined
      }),
    compareAndSwap: (key, expected, next, lifetime) =>
      untilAlone(async () => {
        const now = await current(key)
        if (now.kind === 'nothing' || !now.value.equals(expected)) return false
        return (await write(key, next, lifetime, now.replace)) || undefined
      }),
  }
}

function numberIn(value: Buffer): number {
  const text = value.toString()
  if (/^-?\d{1,16}$/.test(text)) return Number(text)
  throw new StoreError('What is kept under the key of a counter is not a whole number')
}
