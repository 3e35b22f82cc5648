import assert from 'node:assert/strict'
import type { Store, StoreItem } from '../core/store/store.ts'
import { itemOf, KiB, minute, newKey } from './items.ts'
import type { StoreSubject, Suite } from './subject.ts'
import { atOnce, eventually } from './waiting.ts'

/** What a store does for many callers, for several clients, and when the place it stands on goes away. */
export function concurrencySuite({ rule }: Suite): void {
  rule('50 writers and readers at once see whole items of their own key', async ({ store }) => {
    const name = newKey()
    await atOnce(50, async (index) => {
      const seed = index % 10
      const key = `${name} ${seed}`
      const item = itemOf(2000 + seed, { key }, seed)
      await store.set(key, item, minute)
      same(await store.get(key), item)
    })
  })

  rule('writers of different bodies under one key leave one of them whole', async ({ store }) => {
    const key = newKey()
    const size = Math.min(700 * KiB, store.maxEntrySize)
    const written = Array.from({ length: 8 }, (_, seed) => itemOf(size - seed, { seed }, seed))
    await Promise.all(written.map((item) => store.set(key, item, minute)))
    const found = await store.get(key)
    // A body in several parts may be a miss where writers met, but never a mixture.
    if (found !== undefined) same(found, written[(found.meta as { seed: number }).seed])
    const [first = itemOf(0)] = written
    await store.set(key, first, minute)
    same(await store.get(key), first)
  })

  rule(
    'what one client writes, deletes and clears is so for another',
    async (subject, skip) => {
      if (subject.another === undefined) return skip('no second client')
      await withAnother(subject, async (other) => {
        const { store } = subject
        const [key, kept] = [newKey(), newKey()]
        await store.set(key, itemOf(1000, { from: 'one' }), minute)
        same(await other.get(key), itemOf(1000, { from: 'one' }))
        await other.set(key, itemOf(10, { from: 'two' }), minute)
        same(await store.get(key), itemOf(10, { from: 'two' }))
        await other.delete(key)
        assert.equal(await store.get(key), undefined)
        await store.set(kept, itemOf(1), minute)
        await other.clear()
        assert.equal(await store.get(kept), undefined)
      })
    },
    ['another'],
  )

  rule(
    'after a restart it works again, and what it has is what was set',
    async (subject, skip) => {
      if (subject.restart === undefined) return skip('no restart')
      const { store } = subject
      const key = newKey()
      const item = itemOf(1000, { before: true })
      await store.set(key, item, minute)
      await subject.restart()
      await eventually('a store that was restarted answers', () => answersAgain(store))
      const found = await store.get(key)
      if (found !== undefined) same(found, item)
      const next = itemOf(1000, { before: false }, 2)
      await store.set(key, next, minute)
      same(await store.get(key), next)
    },
    ['restart'],
  )
}

/** Does `work` with a second client, or with the same store where there is none. */
export async function withAnother(subject: StoreSubject, work: (other: Store) => Promise<void>): Promise<void> {
  const other = await subject.another?.()
  try {
    await work(other?.store ?? subject.store)
  } finally {
    await other?.close?.()
  }
}

/** Asks for several keys, for they may be on several servers. */
async function answersAgain(store: Store): Promise<boolean> {
  try {
    const found: unknown[] = []
    for (let i = 0; i < 20; i++) {
      const key = newKey()
      await store.set(key, itemOf(1), minute)
      found.push(await store.get(key))
    }
    return !found.includes(undefined)
  } catch {
    return false
  }
}

/** Fails where they are not the same item. */
export function same(found: StoreItem | undefined, item: StoreItem | undefined): void {
  assert.deepEqual(found?.meta, item?.meta)
  assert.ok(item !== undefined && found?.body.equals(item.body), 'the body has the same bytes')
}
