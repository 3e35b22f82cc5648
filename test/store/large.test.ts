import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { compressed } from '../../src/core/store/compressed.ts'
import { encrypted } from '../../src/core/store/encrypted.ts'
import { GuardedBody, guardStore, type StoreEvent } from '../../src/core/store/guard.ts'
import { memoryStore } from '../../src/core/store/memory.ts'
import { namespaced } from '../../src/core/store/namespaced.ts'
import { type ByteBodies, type RemoteStore, remoteStore } from '../../src/core/store/remote.ts'
import type { LargeItem, OpenBody, Store } from '../../src/core/store/store.ts'
import { tieredStore } from '../../src/core/store/tiered.ts'
import { describeStore } from './behaviour.ts'
import { itemOf } from './items.ts'
import { MapServer } from './map-backend.ts'

const MiB = 2 ** 20
const minute = 60_000

/** Bodies in a Map, handed out in pieces that fit nothing, and a note of what is open. */
class MapBodies implements ByteBodies {
  readonly kept = new Map<string, { name: string; body: Buffer }>()
  stillOpen = 0
  /** How many were ever opened. */
  opened = 0
  /** Bytes that were read. */
  read = 0
  /** What is waited for before each piece. */
  hold: (() => Promise<unknown>) | undefined
  #written = 0

  async write(key: string, body: Buffer): Promise<string> {
    const name = String(++this.#written)
    this.kept.set(key, { name, body: Buffer.from(body) })
    return name
  }

  async open(key: string, name: string, length: number) {
    await this.hold?.()
    const found = this.kept.get(key)
    if (found?.name !== name || found.body.length !== length) return undefined
    this.stillOpen++
    this.opened++
    const bodies = this
    let close = (): void => {}
    const closed = new Promise<never>((_, reject) => {
      close = () => reject(new Error('closed'))
    })
    closed.catch(() => {})
    return {
      async *read(start: number, end: number) {
        for (let at = start; at < end; at += 100_000) {
          await Promise.race([bodies.hold?.(), closed])
          const piece = found.body.subarray(at, Math.min(end, at + 100_000))
          bodies.read += piece.length
          yield piece
        }
      },
      close: () => {
        bodies.stillOpen--
        close()
      },
    }
  }

  async extend(key: string, name: string): Promise<boolean> {
    return this.kept.get(key)?.name === name
  }
}

function onMap(bodies = new MapBodies(), server = new MapServer()): RemoteStore {
  const backend = server.backend()
  const remove = async (keys: readonly string[]): Promise<void> => {
    for (const key of keys) bodies.kept.delete(key)
    await backend.delete(keys)
  }
  return remoteStore('map', { ...backend, delete: remove, bodies }, {})
}

async function large(store: Store, key: string): Promise<LargeItem> {
  const found = await store.streams?.get(key)
  if (found === undefined || Buffer.isBuffer(found.body)) throw new Error('not a large item')
  return found as LargeItem
}

async function all(open: OpenBody | undefined, start: number, end: number): Promise<Buffer> {
  if (open === undefined) throw new Error('not open')
  const pieces: Buffer[] = []
  for await (const piece of open.read(start, end)) pieces.push(piece)
  return Buffer.concat(pieces)
}

afterEach(() => void vi.useRealTimers())

const wrappers: [string, (store: Store) => Store][] = [
  ['remoteStore', (store) => store],
  ['namespaced', (store) => namespaced(store, 'part')],
  ['compressed', (store) => compressed(store)],
]

describe.each(wrappers)('%s on a client that reads bodies in parts', (name, wrap) => {
  describeStore(
    'does what every store does, and',
    () => {
      const [bodies, server] = [new MapBodies(), new MapServer()]
      const another = () => ({ store: wrap(onMap(bodies, server)) })
      return { ...another(), another, pass: (ms) => sleep(ms) }
    },
    // A body that is compressed is read whole; the suite's are hardly smaller.
    { largest: 4 * MiB, capabilities: true, streams: name !== 'compressed', without: ['restart'] },
  )
})

test('a range reads only the pieces it needs', async () => {
  const bodies = new MapBodies()
  const store = onMap(bodies)
  const item = itemOf(8 * MiB)
  await store.set('a', item, minute)
  const { body } = await large(store, 'a')
  const [start, end] = [5 * MiB, 5 * MiB + 10]
  const open = await body.open(start, end)
  expect((await all(open, start, end)).equals(item.body.subarray(start, end))).toBe(true)
  open?.close()
  expect(bodies.read).toBe(256 * 1024)
})

test('a piece that does not come within 10 s ends with an error', async () => {
  const bodies = new MapBodies()
  const store = onMap(bodies)
  await store.set('a', itemOf(8 * MiB), minute)
  const open = await (await large(store, 'a')).body.open(0, 8 * MiB)
  bodies.hold = () => new Promise(() => {})
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const read = expect(all(open, 0, 8 * MiB)).rejects.toThrow('did not go on within 10000 ms')
  await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1))
  await vi.advanceTimersByTimeAsync(10_000)
  await read
})

test('a description that cannot be true is a miss, and can be deleted', async () => {
  const server = new MapServer()
  const store = onMap(new MapBodies(), server)
  await store.set('a', itemOf(MiB), minute)
  const { head } = (await large(store, 'a')).body as unknown as { head: object }
  for (const lie of [
    { length: 65 * MiB },
    { length: -1 },
    { length: 2.5 },
    { pieceSize: 0 },
    { pieceSize: MiB * 64 },
    { sums: '' },
    { sums: 7 },
    { meta: null },
    { name: 'other' },
  ]) {
    await store.set('lie', { meta: { ...head, ...lie }, body: Buffer.alloc(0) }, minute)
    expect(await store.get('lie')).toBeUndefined()
    await store.delete('lie')
  }
})

test.each([0, 1.5 * MiB])(
  'a body that is damaged at %i is a miss where it is read whole, and is deleted',
  async (at) => {
    const bodies = new MapBodies()
    const store = onMap(bodies)
    await store.set('a', itemOf(2 * MiB), minute)
    for (const { body } of bodies.kept.values()) body[at] = (body[at] as number) ^ 1
    expect(await store.get('a')).toBeUndefined()
    await vi.waitFor(() => expect(bodies.kept.size).toBe(0))
    expect(bodies.stillOpen).toBe(0)
  },
)

test('a body is not given to another key, though it is renewed under it', async () => {
  const store = onMap()
  const item = itemOf(MiB, { a: 1 })
  await store.set('a', item, minute)
  await store.streams?.renew('b', await large(store, 'a'), minute)
  await store.delete('a')
  expect((await store.get('b'))?.body.equals(item.body)).toBe(true)
})

test('a body whose item could not be written is not left behind', async () => {
  const [bodies, server] = [new MapBodies(), new MapServer()]
  const store = onMap(bodies, server)
  await store.set('a', itemOf(MiB), minute)
  const write = vi.spyOn(server, 'write').mockImplementation(() => {
    throw new Error('full')
  })
  await expect(store.set('a', itemOf(MiB), minute)).rejects.toThrow('full')
  write.mockRestore()
  expect(bodies.kept.size).toBe(0)
  expect(server.kept.size).toBe(0)
})

test('what has taken the place of a body is left alone when that is renewed', async () => {
  const store = onMap()
  await store.set('a', itemOf(MiB, { old: true }), minute)
  const old = await large(store, 'a')
  const item = itemOf(MiB, { new: true }, 2)
  await store.set('a', item, minute)
  await store.streams?.renew('a', old, minute)
  expect(await store.get('a')).toEqual(item)
  await store.delete('a')
  await store.streams?.renew('a', old, minute)
  expect(await store.streams?.get('a')).toBeUndefined()
})

test('a body of another store is copied when it is renewed', async () => {
  const item = itemOf(MiB, { a: 1 })
  const [one, other] = [onMap(), onMap()]
  await one.set('a', item, minute)
  await other.streams?.renew('a', await large(one, 'a'), minute)
  expect(await other.get('a')).toEqual(item)
})

test('values of a Keyv come back as they were', async () => {
  const store = onMap()
  const value = { value: 'x'.repeat(MiB), expires: Date.now() + minute }
  await store.set('a', value as never)
  expect(await store.get('a')).toEqual(value)
  await store.set('b', 'y'.repeat(MiB) as never)
  expect(await store.get('b')).toBe('y'.repeat(MiB))
})

describe('wrappers', () => {
  test('compressed streams what could not be made smaller, and reads whole what could', async () => {
    const store = compressed(onMap())
    const noise = { meta: { kind: 'noise' }, body: randomBytes(2 * MiB) }
    await store.set('noise', noise, minute)
    const found = await large(store, 'noise')
    expect(found.meta).toEqual(noise.meta)
    expect((await all(await found.body.open(0, 2 * MiB), 0, 2 * MiB)).equals(noise.body)).toBe(true)
    const half = { meta: {}, body: Buffer.concat([randomBytes(MiB), Buffer.alloc(MiB)]) }
    await store.set('half', half, minute)
    expect(await store.streams?.get('half')).toEqual(half)
  })

  test('encrypted reads whole: what is not authenticated to its end is not handed out', async () => {
    const store = encrypted(onMap(), { keys: [{ id: 'a', secret: Buffer.alloc(32, 1) }] })
    expect(store.streams).toBeUndefined()
    const item = itemOf(2 * MiB)
    await store.set('a', item, minute)
    expect((await store.get('a'))?.body.equals(item.body)).toBe(true)
  })

  test('a part that was cleared has no large bodies', async () => {
    const store = namespaced(onMap(), 'part')
    await store.set('a', itemOf(MiB), minute)
    expect(await large(store, 'a')).toBeDefined()
    await store.clear()
    expect(await store.streams?.get('a')).toBeUndefined()
  })
})

describe('before two tiers', () => {
  test('a body too large for the near tier is not read into memory', async () => {
    const bodies = new MapBodies()
    const near = memoryStore({ maxBytes: 16 * MiB })
    const guarded = guardStore(tieredStore(near, onMap(bodies)))
    await guarded.set('large', itemOf(2 * MiB), minute)
    await guarded.set('fits', itemOf(near.maxEntrySize - 1000), minute)
    near.clear()
    bodies.read = 0
    expect((await guarded.get('large'))?.body).toBeInstanceOf(GuardedBody)
    expect(bodies.read).toBe(0)
    expect((await guarded.get('fits'))?.body).toBeInstanceOf(Buffer)
    expect(near.get('fits')).toBeDefined()
    expect(bodies.stillOpen).toBe(0)
  })
})

describe('a guard', () => {
  const setUp = async () => {
    const bodies = new MapBodies()
    const events: StoreEvent[] = []
    const guarded = guardStore(onMap(bodies), { storeTimeout: 50, onEvent: (event) => events.push(event) })
    await guarded.set('a', itemOf(2 * MiB), minute)
    const body = (await guarded.get('a'))?.body as GuardedBody
    return { bodies, events, guarded, body }
  }

  test('a body that is opened too late is closed, and told of', async () => {
    const { bodies, events, body } = await setUp()
    bodies.hold = () => sleep(100)
    expect(await body.open(0, body.length)).toBeUndefined()
    expect(events).toContainEqual(expect.objectContaining({ type: 'timeout', operation: 'get' }))
    bodies.hold = undefined
    await vi.waitFor(() => expect(bodies.opened).toBe(1))
    await vi.waitFor(() => expect(bodies.stillOpen).toBe(0))
  })

  test('opening that fails is a miss, and told of', async () => {
    const { bodies, events, body } = await setUp()
    bodies.hold = () => Promise.reject(new Error('broken'))
    expect(await body.open(0, body.length)).toBeUndefined()
    expect(events).toContainEqual(expect.objectContaining({ type: 'error', operation: 'get' }))
    expect(bodies.stillOpen).toBe(0)
  })

  test('what its reader closes while it is read is no failure', async () => {
    const { bodies, events, body } = await setUp()
    const open = await body.open(0, body.length)
    const pieces = open?.read(0, body.length)
    await pieces?.next()
    bodies.hold = () => new Promise(() => {})
    const next = pieces?.next()
    open?.close()
    await expect(next).rejects.toThrow('closed')
    expect(events).toEqual([])
    expect(bodies.stillOpen).toBe(0)
  })

  test('a large item is renewed without its body', async () => {
    const { bodies, guarded, body } = await setUp()
    expect(await guarded.set('a', { meta: { fresh: true }, body }, minute)).toBe(true)
    expect(bodies.read).toBe(0)
    expect((await guarded.get('a'))?.meta).toEqual({ fresh: true })
  })
})
