import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { type ByteBackend, remoteStore } from '../../src/core/store/remote.ts'
import { describeStore } from './behaviour.ts'
import { MapServer } from './map-backend.ts'

function onMap(): ByteBackend & { readonly kept: Map<string, Buffer> } {
  const server = new MapServer()
  return { ...server.backend(), kept: server.kept }
}

const minute = 60_000
const megabyte = 2 ** 20

test('a body above 512 KiB is kept in chunks and comes back whole', async () => {
  const backend = onMap()
  const store = remoteStore('map', backend, {})
  const body = Buffer.alloc(3 * megabyte + 1, 'chunks ')
  await store.set('large', { meta: { a: 1 }, body }, minute)
  expect(Math.max(...[...backend.kept.values()].map(({ length }) => length))).toBeLessThan(600 * 1024)
  const found = await store.get('large')
  expect(found?.meta).toEqual({ a: 1 })
  expect(found?.body.equals(body)).toBe(true)
})

test('a body whose chunks are another writer’s, damaged or gone is a miss', async () => {
  const backend = onMap()
  const store = remoteStore('map', backend, {})
  const chunks = () => [...backend.kept.keys()].filter((key) => /:\d+$/.test(key))
  await store.set('large', { meta: {}, body: Buffer.alloc(2 * megabyte, 1) }, minute)
  const foreign = backend.kept.get(chunks()[1] as string) as Buffer
  await store.set('large', { meta: {}, body: Buffer.alloc(2 * megabyte, 1) }, minute)
  expect(await store.get('large')).toBeDefined()
  const [, second = ''] = chunks()
  const own = backend.kept.get(second) as Buffer
  backend.kept.set(second, foreign)
  expect(await store.get('large')).toBeUndefined()
  const damaged = Buffer.from(own)
  damaged[damaged.length - 1] = 2
  backend.kept.set(second, damaged)
  expect(await store.get('large')).toBeUndefined()
  backend.kept.delete(second)
  expect(await store.get('large')).toBeUndefined()
})

test.each([
  { type: 'data', parts: [['no JSON', 1]] },
  { type: 'data', parts: [['"a"', 1]] },
  { type: 'data', parts: [['[]', 1]], value: 1 },
  { type: 'data', parts: [['[1,{}]', 1]] },
  { type: 'data', parts: 5 },
  { type: 'data', parts: [5] },
  { type: 'data', parts: [null] },
  { type: 'data', parts: [['["a"]', 'long']], value: {} },
])('what somebody wrote as a value of Keyv, and is none, is no failure of the store: %o', async (said) => {
  const store = remoteStore('map', onMap(), {})
  await store.set('odd', { meta: { kind: 'keyv', ...said }, body: Buffer.from('x') }, minute)
  await expect(store.get('odd')).resolves.not.toThrow()
})

test.each([
  { length: 64 * megabyte, chunkSize: 1 },
  { length: 2 ** 53 - 1, chunkSize: 1 },
  { length: 10, chunkSize: 0 },
  { length: -1, chunkSize: 1 },
])('a body that is said to be in chunks of %o is a miss, and can be deleted', async (said) => {
  const backend = onMap()
  const store = remoteStore('map', backend, {})
  await store.set('bomb', { meta: { kind: 'chunked', id: 'x', ...said, meta: {} }, body: Buffer.alloc(0) }, minute)
  const found = await store.get('bomb')
  expect(found === undefined || found.body.length === 0).toBe(true)
  await store.delete('bomb')
  expect(backend.kept.size).toBe(0)
})

test('deleting a body in chunks leaves nothing behind', async () => {
  const backend = onMap()
  const store = remoteStore('map', backend, {})
  await store.set('large', { meta: {}, body: Buffer.alloc(2 * megabyte) }, minute)
  await store.delete('large')
  expect(backend.kept.size).toBe(0)
})

test('opening that failed is tried again by the next call', async () => {
  let attempts = 0
  const open = async (): Promise<void> => {
    if (++attempts === 1) throw new Error('not yet')
  }
  const store = remoteStore('map', { ...onMap(), open }, {})
  await expect(store.get('a')).rejects.toThrow('not yet')
  expect(await store.get('a')).toBeUndefined()
})

test('a closed store says so', async () => {
  const store = remoteStore('map', onMap(), {})
  await store.close()
  await expect(store.get('a')).rejects.toThrow('The store map was closed')
})

test.each([{ namespace: '' }, { namespace: 'a b' }, { namespace: 7 }, { maxEntrySize: 0 }, { maxLifetime: -1 }])(
  'refuses the options %o',
  (options) => {
    expect(() => remoteStore('map', onMap(), options as object)).toThrow(/namespace|maxEntrySize|maxLifetime/)
  },
)

describeStore(
  'remoteStore',
  () => {
    const server = new MapServer()
    const another = () => ({ store: remoteStore('map', server.backend(), {}) })
    return { ...another(), another, pass: (ms) => setTimeout(ms) }
  },
  { capabilities: true, without: ['restart'] },
)

describeStore(
  'remoteStore on a client without capabilities',
  () => ({
    store: remoteStore('map', { ...onMap(), capabilities: undefined }, {}),
    pass: (ms) => setTimeout(ms),
  }),
  { largest: 2 * megabyte, capabilities: false, without: ['another', 'restart'] },
)
