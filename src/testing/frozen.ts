import assert from 'node:assert/strict'
import { guardStore } from '../core/store/guard.ts'
import { same } from './concurrency.ts'
import { itemOf, minute, newKey } from './items.ts'
import type { Suite } from './subject.ts'
import { atOnce, eventually } from './waiting.ts'

/** Milliseconds that the guard of the cache gives a read by default, and what a busy machine adds. */
const storeTimeout = 100
const slack = 1_000

/** What becomes of a store when the place it stands on takes calls and does not answer them. */
export function frozenSuite({ rule }: Suite): void {
  rule('frozen: a guarded read is a miss in time, and afterwards it has what it had', async ({ store, freeze }) => {
    assert.ok(freeze !== undefined, 'the subject has freeze')
    const key = newKey()
    const item = itemOf(1000, { before: true })
    await store.set(key, item, minute)
    const goOn = await freeze()
    try {
      const guarded = guardStore(store, { storeTimeout })
      const begin = performance.now()
      const found = await atOnce(20, async (index) => guarded.get(`${key}${index === 0 ? '' : index}`))
      assert.ok(performance.now() - begin < storeTimeout + slack, 'no read takes longer than the guard allows')
      for (const one of found) assert.equal(one, undefined)
    } finally {
      await goOn()
    }
    await eventually('a store that goes on answers', () =>
      Promise.resolve(store.get(key)).then(
        (found) => found !== undefined,
        () => false,
      ),
    )
    same(await store.get(key), item)
    await store.set(key, itemOf(10, { before: false }), minute)
    same(await store.get(key), itemOf(10, { before: false }))
  })
}
