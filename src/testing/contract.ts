import assert from 'node:assert/strict'
import type { StoreItem } from '../core/store/store.ts'
import { itemOf, KiB, keys, minute, newKey } from './items.ts'
import type { StoreSubject, Suite } from './subject.ts'

/** What a store does for one caller. */
export function contractSuite(suite: Suite): void {
  answers(suite)
  items(suite)
  names(suite)
  lifetimes(suite)
  bounds(suite)
}

function answers({ rule }: Suite): void {
  rule('answers synchronously if near, with promises if far', async ({ store }) => {
    const key = newKey()
    const all = [
      store.set(key, itemOf(1), minute),
      store.get(key),
      store.get(newKey()),
      store.delete(key),
      store.clear(),
    ]
    for (const answer of all) assert.equal(answer instanceof Promise, !store.near)
    await Promise.all(all)
  })

  rule('has nothing under a key that was never set', async ({ store }) => {
    assert.equal(await store.get(newKey()), undefined)
  })
}

function items({ rule, largest }: Suite): void {
  const sizes: [string, number][] = [
    ['of 0 bytes', 0],
    ['of 1 byte', 1],
    ['of 64 KiB', 64 * KiB],
    ['of 2 MiB and a byte', 2 * KiB * KiB + 1],
    ['as large as it may be', largest],
  ]
  for (const [name, size] of sizes) {
    rule(`gives back a body ${name} as it was`, async ({ store }) => {
      const key = newKey()
      const item = itemOf(Math.min(size, largest, store.maxEntrySize))
      await store.set(key, item, minute)
      const found = await store.get(key)
      assert.ok(Buffer.isBuffer(found?.body), 'the body is a Buffer')
      assert.ok(found.body.equals(item.body), 'the body has the same bytes')
      await store.delete(key)
    })
  }

  rule('gives back metadata as it was', async ({ store }) => {
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
    assert.deepEqual((await store.get(key))?.meta, meta)
  })

  rule('keeps the last of several items under a key', async ({ store }) => {
    const key = newKey()
    await store.set(key, itemOf(1000, { version: 1 }), minute)
    await store.set(key, itemOf(10, { version: 2 }), minute)
    const found = await store.get(key)
    assert.deepEqual(found?.meta, { version: 2 })
    assert.equal(found.body.length, 10)
  })

  rule('forgets what was deleted, and deletes what is not there', async ({ store }) => {
    const key = newKey()
    await store.set(key, itemOf(1), minute)
    await store.delete(key)
    await store.delete(key)
    assert.equal(await store.get(key), undefined)
  })

  rule('clear forgets everything', async ({ store }) => {
    const some = [newKey(), newKey(), newKey()]
    for (const key of some) await store.set(key, itemOf(1), minute)
    await store.clear()
    for (const key of some) assert.equal(await store.get(key), undefined)
    const [first = ''] = some
    await store.set(first, itemOf(1), minute)
    assert.ok(await store.get(first))
  })
}

function names({ rule }: Suite): void {
  for (const [description, key] of keys) {
    rule(`takes a key ${description}`, async ({ store }) => {
      const other = `${key}x`
      await store.set(key, itemOf(5, { key }), minute)
      await store.set(other, itemOf(5, { key: other }), minute)
      assert.deepEqual((await store.get(key))?.meta, { key })
      await store.delete(key)
      assert.equal(await store.get(key), undefined)
      assert.deepEqual((await store.get(other))?.meta, { key: other })
    })
  }

  rule('tells keys apart that differ in half a surrogate pair', async ({ store }) => {
    await store.set('half \ud800', itemOf(1, { half: 1 }), minute)
    await store.set('half \ud801', itemOf(1, { half: 2 }), minute)
    assert.deepEqual((await store.get('half \ud800'))?.meta, { half: 1 })
    assert.deepEqual((await store.get('half \ud801'))?.meta, { half: 2 })
  })

  rule('tells keys apart that differ in case, and in how a letter is composed', async ({ store }) => {
    const pairs = ['case A', 'case a', 'letter \u00e9', 'letter e\u0301']
    for (const key of pairs) await store.set(key, itemOf(1, { key }), minute)
    for (const key of pairs) assert.deepEqual((await store.get(key))?.meta, { key })
  })
}

function lifetimes({ rule }: Suite): void {
  const kept = ({ store }: StoreSubject, key: string): StoreItem | undefined | Promise<StoreItem | undefined> =>
    store.get(key)

  rule('forgets an item when its lifetime ended', async (subject) => {
    const key = newKey()
    await subject.store.set(key, itemOf(1), 150)
    assert.ok(await kept(subject, key))
    await subject.pass(155)
    assert.equal(await kept(subject, key), undefined)
  })

  rule('a new lifetime replaces the old one', async (subject) => {
    const key = newKey()
    await subject.store.set(key, itemOf(1), 40)
    await subject.store.set(key, itemOf(1), minute)
    await subject.pass(45)
    assert.ok(await kept(subject, key))
  })

  for (const lifetime of [0, -1, Number.NaN]) {
    rule(`a lifetime of ${lifetime} keeps nothing, and removes what was there`, async (subject) => {
      const key = newKey()
      await subject.store.set(key, itemOf(1), minute)
      await subject.store.set(key, itemOf(1), lifetime)
      assert.equal(await kept(subject, key), undefined)
    })
  }

  rule('a lifetime under a millisecond ends', async (subject) => {
    const key = newKey()
    await subject.store.set(key, itemOf(1), 0.2)
    await subject.pass(10)
    assert.equal(await kept(subject, key), undefined)
  })

  for (const lifetime of [Infinity, 400 * 24 * 60 * minute]) {
    rule(`takes a lifetime of ${lifetime} ms`, async (subject) => {
      const key = newKey()
      await subject.store.set(key, itemOf(1), lifetime)
      assert.ok(await kept(subject, key))
    })
  }
}

function bounds({ rule }: Suite): void {
  rule('a body above maxEntrySize is not kept and removes what was there', async ({ store }) => {
    const key = newKey()
    await store.set(key, itemOf(1), minute)
    await store.set(key, { meta: {}, body: Buffer.alloc(store.maxEntrySize + 1) }, minute)
    assert.equal(await store.get(key), undefined)
  })

  rule('grants memory for recordings up to a bound, and again after it is given back', ({ store }) => {
    const step = Math.ceil(store.maxEntrySize / 4)
    const most = 1_000_000
    let granted = 0
    while (granted < most && store.reserve(step)) granted++
    assert.ok(granted >= 4, 'one body of maxEntrySize can be recorded')
    assert.ok(granted < most, 'there is a bound')
    assert.equal(store.reserve(step), false)
    store.release(step)
    assert.equal(store.reserve(step), true)
    store.release(granted * step)
    assert.equal(store.reserve(Number.NaN), false)
    assert.equal(store.reserve(-1), false)
  })
}
