import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { memcachedStore } from '../../src/adapters/stores/memcached.ts'
import { guardStore } from '../../src/core/store/guard.ts'
import type { RemoteStore } from '../../src/core/store/remote.ts'
import { itemOf } from '../store/items.ts'
import { type MemcachedServer, startMemcached } from '../support/memcached.ts'
import { describeWithProgram, freePort } from '../support/servers.ts'
import { guardedServerTests } from './guarded-server.ts'

const minute = 60_000
/** What a busy machine may add to a deadline, in ms. */
const slack = 150
const back = { timeout: 12_000, interval: 50 }
const keys = Array.from({ length: 60 }, (_, i) => `key ${i}`)

/** What came of reading a key, and how long it took. */
async function readingOf(store: RemoteStore, key: string) {
  const start = performance.now()
  const outcome = await store.get(key).then(
    (item) => (item === undefined ? 'missed' : 'found'),
    () => 'rejected',
  )
  return { outcome, took: performance.now() - start }
}

describeWithProgram('memcached', 'memcached of which one of two dies', () => {
  let servers: MemcachedServer[]
  let store: RemoteStore

  beforeEach(async () => {
    servers = await Promise.all([startMemcached(), startMemcached()])
    store = memcachedStore({ servers: servers.map(({ address }) => address) })
  })
  afterEach(async () => {
    await store.close()
    await Promise.all(servers.map((server) => server.stop()))
  })

  test('under load: its keys are missed and not written, the other’s go on, and it comes back', async () => {
    for (const key of keys) await store.set(key, itemOf(2_000, { key }), minute)
    let isLoading = true
    const wrong: unknown[] = []
    const load = Promise.all(
      Array.from({ length: 8 }, async (_, worker) => {
        for (let i = worker; isLoading; i++) {
          const key = keys[i % keys.length]!
          await store.set(key, itemOf(2_000, { key }), minute).catch(() => {})
          const found = await store.get(key).catch(() => undefined)
          if (found !== undefined && (found.meta as { key: string }).key !== key) wrong.push(found)
          await new Promise(setImmediate)
        }
      }),
    )
    await servers[0]!.kill()
    await vi.waitFor(async () => expect((await readings(store)).filter(isMissed).length).toBeGreaterThan(0), back)
    const during = await readings(store)
    const dead = during.filter(isMissed)
    expect(dead.length).toBeGreaterThan(keys.length / 4)
    expect(dead.length).toBeLessThan((keys.length * 3) / 4)
    expect(during.filter(({ outcome }) => outcome === 'found').length).toBe(keys.length - dead.length)
    expect(Math.max(...dead.map(({ took }) => took))).toBeLessThan(slack)
    const writes = await Promise.allSettled(keys.map((key) => store.set(key, itemOf(2_000, { key }), minute)))
    expect(writes.filter(({ status }) => status === 'rejected').length).toBe(dead.length)
    await servers[0]!.restart()
    await vi.waitFor(
      async () => expect((await readings(store)).every(({ outcome }) => outcome === 'found')).toBe(true),
      back,
    )
    isLoading = false
    await load
    expect(wrong).toEqual([])
  })

  test('at the start: the other’s keys are served', async () => {
    await servers[0]!.kill()
    const late = memcachedStore({ servers: servers.map(({ address }) => address) })
    await late.ready()
    for (const key of keys) await late.set(key, itemOf(1), minute).catch(() => {})
    const outcomes = (await readings(late)).map(({ outcome }) => outcome)
    expect(new Set(outcomes)).toEqual(new Set(['found', 'missed']))
    await late.close()
  })

  test('behind a guard: what the other has is served all the time', async () => {
    for (const key of keys) await store.set(key, itemOf(10), minute)
    await servers[0]!.kill()
    await vi.waitFor(async () => expect((await readings(store)).some(isMissed)).toBe(true), back)
    const living = (await readings(store)).map(({ outcome }, i) => ({ outcome, key: keys[i]! })).filter(isFound)
    const guarded = guardStore(store, { storeTimeout: 1_000 })
    for (let round = 0; round < 5; round++) {
      for (const key of keys) await guarded.get(key)
      for (const { key } of living) expect(await guarded.get(key)).toBeDefined()
    }
  })

  test('both of them: reads reject, too', async () => {
    await store.ready()
    await Promise.all(servers.map((server) => server.kill()))
    await vi.waitFor(() => expect(store.get('a')).rejects.toThrow(/memcached at/), back)
  })

  test('clear says that not all is cleared; once it can be told, it is', async () => {
    await servers[0]!.kill()
    await expect(store.clear()).rejects.toThrow(/Not every memcached could be cleared: memcached at 127/)
    await servers[0]!.restart()
    await vi.waitFor(() => store.clear(), back)
  })

  const readings = (of: RemoteStore) => Promise.all(keys.map((key) => readingOf(of, key)))
  const isFound = ({ outcome }: { outcome: string }) => outcome === 'found'
  const isMissed = ({ outcome }: { outcome: string }) => outcome === 'missed'
})

describeWithProgram('memcached', 'a guarded memcached', () => {
  guardedServerTests<MemcachedServer>({
    start: startMemcached,
    open: ({ address }) => memcachedStore({ servers: [address], connectTimeout: 500 }),
    keeps: false,
    refusal: /memcached at .* (cannot be reached|was lost)/,
  })
})

describeWithProgram('memcached', 'a memcached', () => {
  test('that takes small values only: refuses a large one with what the server said, and goes on', async () => {
    const small = await startMemcached(['-I', '512k'])
    const tight = memcachedStore({ servers: [small.address] })
    await tight.set('a', itemOf(10), minute)
    const [large, next] = await Promise.allSettled([tight.set('a', itemOf(512 * 1024), minute), tight.get('b')])
    expect(String((large as PromiseRejectedResult).reason)).toContain('refused: SERVER_ERROR object too large')
    expect(next.status).toBe('fulfilled')
    await tight.set('b', itemOf(10), minute)
    expect(await tight.get('b')).toBeDefined()
    await tight.close()
    await small.stop()
  })
})

describe('memcachedStore says what is wrong', () => {
  let server: Server | undefined
  const sockets = new Set<Socket>()
  /** A server that is no memcached. */
  const serve = async (answer: (socket: Socket) => void) => {
    const port = await freePort()
    server = createServer((socket) => {
      sockets.add(socket)
      socket.on('error', () => {})
      answer(socket)
    })
    await new Promise<void>((resolve) => server?.listen(port, '127.0.0.1', resolve))
    return memcachedStore({ servers: [`127.0.0.1:${port}`], connectTimeout: 300 })
  }
  afterEach(() => {
    for (const socket of sockets) socket.destroy()
    server?.close()
  })

  test('where nothing listens', async () => {
    const store = memcachedStore({ servers: [`127.0.0.1:${await freePort()}`] })
    await expect(store.ready()).rejects.toThrow(
      /^memcached at 127.0.0.1:\d+ cannot be reached; see that it runs and that the address is right: connect ECONNREFUSED/,
    )
    await store.close()
  })

  test('where the name is unknown', async () => {
    const store = memcachedStore({ servers: ['no-such-host.invalid'] })
    await expect(store.ready()).rejects.toThrow(/^memcached at no-such-host.invalid:11211 cannot be reached/)
    await store.close()
  })

  test('where something else answers', async () => {
    const store = await serve((socket) => socket.on('data', () => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')))
    await expect(store.ready()).rejects.toThrow(/it answered "HTTP\/1.1 400 Bad Request"/)
    await store.close()
  })

  test('where a line never ends', async () => {
    const store = await serve((socket) => socket.write('x'.repeat(10_000)))
    await expect(store.ready()).rejects.toThrow(/does not speak the protocol of memcached/)
    await store.close()
  })

  test('where connections are reset', async () => {
    const store = await serve((socket) => socket.resetAndDestroy())
    await expect(store.ready()).rejects.toThrow(/cannot be reached/)
    await store.close()
  })

  test('where it closes the connection with answers owed', async () => {
    const store = await serve((socket) =>
      socket.on('data', (chunk) => {
        if (chunk.toString().startsWith('version')) socket.write('VERSION 1.6.18\r\n')
        else socket.end('VALUE bw:generation 0 100\r\nhalf a val')
      }),
    )
    await expect(store.get('a')).rejects.toThrow(/lost|ended/)
    await store.close()
  })
})
