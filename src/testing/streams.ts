import assert from 'node:assert/strict'
import type { LargeItem, OpenBody, Store, StoreItem, StoreStreams } from '../core/store/store.ts'
import { itemOf, KiB, minute, newKey } from './items.ts'
import type { Suite } from './subject.ts'

const size = 3 * KiB * KiB + 1

/** What a store does that reads large bodies from where they lie. */
export function streamSuite({ rule }: Suite): void {
  rule('reads a large body from anywhere to anywhere, several at a time', async ({ store }) => {
    const { item, found } = await kept(store)
    const open = await opened(found, 0, size)
    const spans = [
      [0, size],
      [size - 1, size],
      [1_000_000, 2_000_001],
      [5, 6],
    ] as const
    const read = await Promise.all(spans.map(([start, end]) => joined(open, start, end)))
    read.forEach((bytes, i) => {
      const [start, end] = spans[i] ?? []
      assert.ok(bytes.equals(item.body.subarray(start, end)), `has the bytes from ${start} to ${end}`)
    })
    open.close()
    open.close()
  })

  rule('has small bodies at hand', async ({ store }) => {
    const key = newKey()
    await store.set(key, itemOf(10, { small: true }), minute)
    const found = await streamsOf(store).get(key)
    assert.deepEqual(found, itemOf(10, { small: true }))
    assert.equal(await streamsOf(store).get(newKey()), undefined)
  })

  rule('gives a large item other metadata and another lifetime', async (subject) => {
    const { store, pass } = subject
    const { key, item, found } = await kept(store, 1000)
    await streamsOf(store).renew(key, { meta: { renewed: 1 }, body: found.body }, minute)
    await pass(1100)
    const renewed = await large(store, key)
    assert.deepEqual(renewed.meta, { renewed: 1 })
    await streamsOf(store).renew(key, { meta: { renewed: 2 }, body: renewed.body }, minute)
    const whole = await store.get(key)
    assert.deepEqual(whole?.meta, { renewed: 2 })
    assert.ok(whole.body.equals(item.body), 'the body has the same bytes')
  })

  rule('a large item that is renewed for no time is gone', async ({ store }) => {
    const { key, found } = await kept(store)
    await streamsOf(store).renew(key, found, 0)
    assert.equal(await store.get(key), undefined)
  })

  rule('a large body that was deleted before it is opened is not there', async ({ store }) => {
    const { key, found } = await kept(store)
    await store.delete(key)
    assert.equal(await found.body.open(0, size), undefined)
    assert.equal(await streamsOf(store).get(key), undefined)
  })

  rule('a large body that is replaced while it is read is read to its end, or ends with an error', async (subject) => {
    const { store } = subject
    const { key, item, found } = await kept(store)
    const open = await opened(found, 0, size)
    const pieces = open.read(0, size)
    const { value: first } = await pieces.next()
    assert.ok(Buffer.isBuffer(first), 'comes in pieces')
    assert.ok(first.length < size, 'comes in more than one piece')
    await store.set(key, itemOf(size, { other: true }, 2), minute)
    const rest: Buffer[] = [first]
    try {
      for await (const piece of pieces) rest.push(piece)
      assert.ok(Buffer.concat(rest).equals(item.body), 'the body has the bytes of the one that was opened')
    } catch (error) {
      assert.equal((error as Error).name, 'StoreError')
    }
    open.close()
  })
}

function streamsOf({ streams }: Store): StoreStreams {
  assert.ok(streams, 'the store has streams')
  return streams
}

async function kept(store: Store, lifetime = minute): Promise<{ key: string; item: StoreItem; found: LargeItem }> {
  const key = newKey()
  const item = itemOf(size, { large: true })
  await store.set(key, item, lifetime)
  return { key, item, found: await large(store, key) }
}

async function large(store: Store, key: string): Promise<LargeItem> {
  const found = await streamsOf(store).get(key)
  assert.ok(found !== undefined && !Buffer.isBuffer(found.body), 'the body stays where it is')
  assert.equal(found.body.length, size)
  return found as LargeItem
}

async function opened({ body }: LargeItem, start: number, end: number): Promise<OpenBody> {
  const open = await body.open(start, end)
  assert.ok(open, 'the body can be opened')
  return open
}

async function joined(open: OpenBody, start: number, end: number): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of open.read(start, end)) pieces.push(piece)
  return Buffer.concat(pieces)
}
