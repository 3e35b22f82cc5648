import { brotliCompressSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { type CompressedStoreOptions, compressed } from '../../src/core/store/compressed.ts'
import { memoryStore } from '../../src/core/store/memory.ts'
import { remoteStore } from '../../src/core/store/remote.ts'
import type { Store } from '../../src/core/store/store.ts'
import { itemOf } from './items.ts'
import { MapServer } from './map-backend.ts'

const minute = 60_000
const text = Buffer.from('<li>an item of a list</li>\n'.repeat(1000))
const stores: [string, () => Store][] = [
  ['memory', () => memoryStore()],
  ['remote', () => remoteStore('map', new MapServer().backend(), {})],
]

describe.each(stores)('compressed, on a %s store', (_, create) => {
  test.each(['zstd', 'brotli'] as const)('%s: the store keeps less, and gives back all', async (algorithm) => {
    const inner = create()
    const store = compressed(inner, { algorithm })
    await store.set('a', { meta: { status: 200 }, body: text }, minute)
    const kept = await inner.get('a')
    expect(kept?.body.length).toBeLessThan(text.length / 10)
    expect(kept?.body.buffer.byteLength).toBeLessThan(text.length / 2)
    const found = await store.get('a')
    expect(found?.meta).toEqual({ status: 200 })
    expect(found?.body.equals(text)).toBe(true)
  })

  test('what one algorithm wrote is read by whoever writes the other', async () => {
    const inner = create()
    const [zstd, brotli] = [compressed(inner, { algorithm: 'zstd' }), compressed(inner, { algorithm: 'brotli' })]
    await zstd.set('z', { meta: {}, body: text }, minute)
    await brotli.set('b', { meta: {}, body: text }, minute)
    expect((await brotli.get('z'))?.body.equals(text)).toBe(true)
    expect((await zstd.get('b'))?.body.equals(text)).toBe(true)
  })

  test('what was there before it was compressed is read', async () => {
    const inner = create()
    await inner.set('a', { meta: { old: true }, body: text }, minute)
    expect((await compressed(inner).get('a'))?.body.equals(text)).toBe(true)
  })

  test('small bodies and those that would not become smaller are kept as they are', async () => {
    const inner = create()
    const store = compressed(inner, { threshold: 1024 })
    const items = { small: { meta: {}, body: text.subarray(0, 1023) }, noise: itemOf(20_000, {}, 7) }
    for (const [key, item] of Object.entries(items)) {
      await store.set(key, item, minute)
      expect((await inner.get(key))?.body.equals(item.body)).toBe(true)
      expect((await store.get(key))?.body.equals(item.body)).toBe(true)
    }
    await store.set('edge', { meta: {}, body: text.subarray(0, 1024) }, minute)
    expect((await inner.get('edge'))?.body.length).toBeLessThan(200)
  })

  test('metadata that looks like a mark comes back as it was', async () => {
    const store = compressed(create())
    const meta = { kind: 'breakwater:compressed', algorithm: 'zstd', length: 5, meta: {} }
    for (const body of [text, Buffer.from('small')]) {
      await store.set('a', { meta, body }, minute)
      expect(await store.get('a')).toEqual({ meta, body })
    }
  })

  const bomb = Buffer.alloc(8 * 2 ** 20)
  const marked = (length: unknown, algorithm = 'zstd') => ({
    kind: 'breakwater:compressed',
    algorithm,
    length,
    meta: {},
  })
  test.each([
    ['inflates beyond what was recorded', marked(1000), zstdCompressSync(bomb)],
    ['inflates beyond what was recorded (brotli)', marked(1000, 'brotli'), brotliCompressSync(bomb)],
    ['inflates to less', marked(2000), zstdCompressSync(bomb.subarray(0, 1999))],
    ['says more than maxEntrySize', marked(2 ** 40), zstdCompressSync(bomb)],
    ['says no length', marked('a'), zstdCompressSync(text)],
    ['says a length below 0', marked(-1), zstdCompressSync(text)],
    ['is damaged', marked(text.length), Buffer.from('not zstd at all')],
    ['is empty', marked(text.length), Buffer.alloc(0)],
    ['is of an algorithm that nobody knows', marked(text.length, 'lzma'), zstdCompressSync(text)],
    ['is of an algorithm named like a property of every object', marked(text.length, 'constructor'), text],
  ])('a body that %s is a miss', async (_, meta, body) => {
    const inner = create()
    await inner.set('a', { meta, body }, minute)
    expect((await compressed(inner).get('a')) === undefined).toBe(true)
  })
})

test('before a far store the event loop goes on meanwhile', async () => {
  const store = compressed(remoteStore('map', new MapServer().backend(), {}), { algorithm: 'brotli', level: 9 })
  let turns = 0
  const turning = setInterval(() => turns++, 1)
  await store.set('a', { meta: {}, body: Buffer.concat(Array.from({ length: 200 }, () => text)) }, minute)
  clearInterval(turning)
  expect(turns).toBeGreaterThan(1)
})

test.each([
  [{ threshold: -1 }, 'threshold must be a whole number of bytes, 0 or more, not -1'],
  [{ threshold: '1kb' }, "threshold must be a whole number of bytes, 0 or more, not '1kb'"],
  [{ algorithm: 'gzip' }, "algorithm must be one of 'zstd', 'brotli', not 'gzip'"],
  [{ level: 23 }, 'level must be a whole number from 1 to 22 for zstd, not 23'],
  [{ algorithm: 'brotli', level: 12 }, 'level must be a whole number from 0 to 11 for brotli, not 12'],
  [{ quality: 3 }, "compressed has no option 'quality'"],
])('refuses %o', (options, message) => {
  expect(() => compressed(memoryStore(), options as CompressedStoreOptions)).toThrow(message)
})
