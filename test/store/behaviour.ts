import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Store } from '../../src/core/store/store.ts'
import { itemOf } from './items.ts'

export interface Subject {
  readonly store: Store
  /** Lets so much time pass for the store. */
  pass(ms: number): void | Promise<void>
  close?(): void | Promise<void>
}

const KiB = 1024
const minute = 60_000

const keys: [string, string][] = [
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

/** What every store does, near or far. */
export function describeStore(name: string, create: () => Subject | Promise<Subject>): void {
  describe(name, () => {
    let subject: Subject
    let store: Store
    const newKey = () => `key ${randomUUID()}`

    beforeAll(async () => {
      subject = await create()
      store = subject.store
    })
    afterAll(() => subject?.close?.())

    test('answers synchronously if near, with promises if far', async () => {
      const key = newKey()
      const answers = [
        store.set(key, itemOf(1), minute),
        store.get(key),
        store.get(newKey()),
        store.delete(key),
        store.clear(),
      ]
      for (const answer of answers) expect(answer instanceof Promise).toBe(!store.near)
      await Promise.all(answers)
    })

    test('has nothing under a key that was never set', async () => {
      expect(await store.get(newKey())).toBeUndefined()
    })

    test.each([0, 1, 64 * KiB, 2 * 1024 * KiB])('gives back a body of %i bytes as it was', async (bytes) => {
      const key = newKey()
      const item = itemOf(bytes)
      await store.set(key, item, minute)
      const found = await store.get(key)
      expect(Buffer.isBuffer(found?.body)).toBe(true)
      expect(found?.body.equals(item.body)).toBe(true)
    })

    test('gives back metadata as it was', async () => {
      const key = newKey()
      const meta = {
        status: 200,
        reason: 'Grüße 🙂',
        at: 1_767_225_600_000.25,
        stale: false,
        nothing: null,
        headers: { 'content-type': 'text/plain', 'set-cookie': ['a', ':b', ':base64:YQ=='] },
        empty: [{}, [], ''],
      }
      await store.set(key, itemOf(3, meta), minute)
      expect((await store.get(key))?.meta).toEqual(meta)
    })

    test.each(keys)('takes a key %s', async (_, key) => {
      const other = `${key}x`
      await store.set(key, itemOf(5, { key }), minute)
      await store.set(other, itemOf(5, { key: other }), minute)
      expect((await store.get(key))?.meta).toEqual({ key })
      await store.delete(key)
      expect(await store.get(key)).toBeUndefined()
      expect((await store.get(other))?.meta).toEqual({ key: other })
    })

    test('tells keys apart that differ in half a surrogate pair', async () => {
      await store.set('half \ud800', itemOf(1, { half: 1 }), minute)
      await store.set('half \ud801', itemOf(1, { half: 2 }), minute)
      expect((await store.get('half \ud800'))?.meta).toEqual({ half: 1 })
      expect((await store.get('half \ud801'))?.meta).toEqual({ half: 2 })
    })

    test('keeps the last of several items under a key', async () => {
      const key = newKey()
      await store.set(key, itemOf(1000, { version: 1 }), minute)
      await store.set(key, itemOf(10, { version: 2 }), minute)
      expect((await store.get(key))?.meta).toEqual({ version: 2 })
      expect((await store.get(key))?.body.length).toBe(10)
    })

    test('forgets what was deleted, and deletes what is not there', async () => {
      const key = newKey()
      await store.set(key, itemOf(1), minute)
      await store.delete(key)
      await store.delete(key)
      expect(await store.get(key)).toBeUndefined()
    })

    test('forgets an item when its lifetime ended', async () => {
      const key = newKey()
      await store.set(key, itemOf(1), 150)
      expect(await store.get(key)).toBeDefined()
      await subject.pass(155)
      expect(await store.get(key)).toBeUndefined()
    })

    test('a new lifetime replaces the old one', async () => {
      const key = newKey()
      await store.set(key, itemOf(1), 40)
      await store.set(key, itemOf(1), minute)
      await subject.pass(45)
      expect(await store.get(key)).toBeDefined()
    })

    test.each([0, -1, Number.NaN])('a lifetime of %d keeps nothing, and removes what was there', async (lifetime) => {
      const key = newKey()
      await store.set(key, itemOf(1), minute)
      await store.set(key, itemOf(1), lifetime)
      expect(await store.get(key)).toBeUndefined()
    })

    test('a lifetime under a millisecond ends', async () => {
      const key = newKey()
      await store.set(key, itemOf(1), 0.2)
      await subject.pass(10)
      expect(await store.get(key)).toBeUndefined()
    })

    test.each([Infinity, 400 * 24 * 60 * minute])('takes a lifetime of %d ms', async (lifetime) => {
      const key = newKey()
      await store.set(key, itemOf(1), lifetime)
      expect(await store.get(key)).toBeDefined()
    })

    test('a body above maxEntrySize is not kept and removes what was there', async () => {
      const key = newKey()
      await store.set(key, itemOf(1), minute)
      await store.set(key, { meta: {}, body: Buffer.alloc(store.maxEntrySize + 1) }, minute)
      expect(await store.get(key)).toBeUndefined()
    })

    test('clear forgets everything', async () => {
      const some = [newKey(), newKey(), newKey()]
      for (const key of some) await store.set(key, itemOf(1), minute)
      await store.clear()
      for (const key of some) expect(await store.get(key)).toBeUndefined()
      await store.set(some[0]!, itemOf(1), minute)
      expect(await store.get(some[0]!)).toBeDefined()
    })

    test('grants memory for recordings up to a bound, and again after it is given back', () => {
      const step = 256 * KiB
      let granted = 0
      while (store.reserve(step) && granted < 1024 * 1024 * KiB) granted += step
      expect(granted).toBeGreaterThanOrEqual(16 * 1024 * KiB)
      expect(granted).toBeLessThan(1024 * 1024 * KiB)
      expect(store.reserve(1)).toBe(false)
      store.release(step)
      expect(store.reserve(step)).toBe(true)
      store.release(granted)
      expect(store.reserve(Number.NaN)).toBe(false)
      expect(store.reserve(-1)).toBe(false)
    })

    test('50 writers and readers at once see whole items of their own key', async () => {
      await Promise.all(
        Array.from({ length: 50 }, async (_, i) => {
          const key = `crowd ${i % 10}`
          await store.set(key, itemOf(2000 + (i % 10), { key }, i % 10), minute)
          const found = await store.get(key)
          expect(found?.meta).toEqual({ key })
          expect(found?.body.equals(itemOf(2000 + (i % 10), {}, i % 10).body)).toBe(true)
        }),
      )
    })
  })
}
