import { createServer, connect as dial, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { redisStore } from '../../src/adapters/stores/redis.ts'
import { StoreError } from '../../src/core/store/errors.ts'
import { guardStore } from '../../src/core/store/guard.ts'
import type { RemoteStore } from '../../src/core/store/remote.ts'
import { itemOf } from '../store/items.ts'
import { redisCommand } from '../support/redis-cluster.ts'
import { describeWithProgram, type RedisServer, startRedis } from '../support/servers.ts'

const minute = 60_000
/** What a busy machine may take for something that needs no waiting, in ms. */
const atOnce = 150

// Real servers: these tests take the time that connections take.
describeWithProgram('redis-server', 'a redisStore whose server fails', () => {
  let redis: RedisServer
  let store: RemoteStore
  const unhandled: unknown[] = []
  const note = (reason: unknown): void => void unhandled.push(reason)

  beforeEach(async () => {
    process.on('unhandledRejection', note)
    process.on('uncaughtException', note)
    redis = await startRedis()
    store = redisStore({ url: redis.url, connectTimeout: 500 })
  })
  afterEach(async () => {
    await store.close()
    await redis.stop()
    process.off('unhandledRejection', note)
    process.off('uncaughtException', note)
    expect(unhandled.splice(0)).toEqual([])
  })

  const worksAgain = () =>
    vi.waitFor(
      async () => {
        await store.set('a', itemOf(100, { back: true }), minute)
        expect((await store.get('a'))?.meta).toEqual({ back: true })
      },
      { timeout: 10_000, interval: 20 },
    )
  const rejectsAtOnce = async () => {
    const start = performance.now()
    await expect(store.get('a')).rejects.toThrow(StoreError)
    await expect(store.set('a', itemOf(1), minute)).rejects.toThrow(StoreError)
    await expect(store.capabilities?.increment('a', 1, minute)).rejects.toThrow(StoreError)
    await expect(store.clear()).rejects.toThrow(StoreError)
    expect(performance.now() - start).toBeLessThan(atOnce)
  }

  test('is not there at the start: ready() says so, calls reject at once, and it works when it is there', async () => {
    await redis.kill()
    await expect(store.ready()).rejects.toThrow(
      `Redis at 127.0.0.1:${redis.port} cannot be reached; check that it runs and that redisStore was given its ` +
        `address: connect ECONNREFUSED 127.0.0.1:${redis.port}`,
    )
    await rejectsAtOnce()
    await redis.restart()
    await worksAgain()
  })

  test('killed under load: what was under way rejects, what follows rejects at once, and it works again', async () => {
    await store.set('a', itemOf(100), minute)
    const calls = Array.from({ length: 200 }, (_, i) => store.set(`key ${i}`, itemOf(20_000), minute))
    const settled = Promise.allSettled(calls)
    await redis.kill()
    for (const outcome of await settled) {
      if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(StoreError)
    }
    await rejectsAtOnce()
    await redis.restart()
    await worksAgain()
  })

  test('frozen: a guard ends the waiting, and what it had is there afterwards', async () => {
    const guarded = guardStore(store, { storeTimeout: 100 })
    await store.set('a', itemOf(100), minute)
    await redis.pause()
    expect(await guarded.get('a')).toBeUndefined()
    redis.resume()
    expect(await store.get('a')).toBeDefined()
  })

  test('frozen for longer than a peer may be silent: the connection is given up, and made again', {
    timeout: 30_000,
  }, async () => {
    await store.set('a', itemOf(100), minute)
    await redis.pause()
    await expect(store.get('a')).rejects.toThrow(/Redis did not do GET/)
    await expect.poll(() => store.get('a').catch(String), { timeout: 20_000 }).toMatch(/no answer within 500 ms/)
    redis.resume()
    await worksAgain()
  })

  test('a connection that is reset is made again', async () => {
    const proxy = await startProxy(redis.port)
    const through = redisStore({ url: `redis://127.0.0.1:${proxy.port}` })
    await through.set('a', itemOf(100), minute)
    proxy.reset()
    await vi.waitFor(async () => expect(await through.get('a')).toBeDefined(), { timeout: 20_000, interval: 20 })
    await through.close()
    proxy.close()
  })

  test('frozen while it connects: ready() gives up, and it works when it goes on', async () => {
    await redis.pause()
    await expect(store.ready()).rejects.toThrow('no answer within 500 ms')
    redis.resume()
    await worksAgain()
  })

  test('goes on trying for ever, at most every 2 s', async () => {
    const attempts: number[] = []
    const closes = createServer((socket) => {
      attempts.push(performance.now())
      socket.destroy()
    })
    await new Promise<void>((resolve) => void closes.listen(0, '127.0.0.1', resolve))
    const { port } = closes.address() as { port: number }
    const waiting = redisStore({ url: `redis://127.0.0.1:${port}` })
    await expect(waiting.ready()).rejects.toThrow(StoreError)
    await expect.poll(() => attempts.length, { timeout: 10_000 }).toBeGreaterThanOrEqual(7)
    const waits = attempts.slice(1).map((at, index) => at - (attempts[index] ?? 0))
    expect(waits[0]).toBeLessThan(500)
    expect(Math.max(...waits)).toBeLessThan(2500)
    await waiting.close()
    closes.close()
  })

  test('something else answers at the address', async () => {
    const server = createServer((socket) => socket.on('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')))
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    const wrong = redisStore({ url: `redis://127.0.0.1:${port}` })
    await expect(wrong.ready()).rejects.toThrow(`Redis at 127.0.0.1:${port} cannot be reached`)
    await wrong.close()
    server.close()
  })

  test('a host that does not exist', async () => {
    const wrong = redisStore({ url: 'redis://no-such-host.invalid:6379' })
    await expect(wrong.ready()).rejects.toThrow(/Redis at no-such-host.invalid:6379 cannot be reached/)
    await wrong.close()
  })

  test('TLS where the server has none', async () => {
    const wrong = redisStore({ url: redis.url.replace('redis:', 'rediss:'), connectTimeout: 500 })
    await expect(wrong.ready()).rejects.toThrow(/cannot be reached/)
    await wrong.close()
  })

  test('memory used up: writing rejects with the reason of the server, reading goes on', async () => {
    await store.set('a', itemOf(1000), minute)
    await redisCommand(redis.port, 'CONFIG SET maxmemory-policy noeviction')
    await redisCommand(redis.port, 'CONFIG SET maxmemory 1mb')
    await expect(store.set('b', itemOf(100_000), minute)).rejects.toThrow(
      /^Redis did not do SET: OOM command not allowed when used memory > 'maxmemory'/,
    )
    expect(await store.get('a')).toBeDefined()
    await redisCommand(redis.port, 'CONFIG SET maxmemory 0')
    await worksAgain()
  })

  test('scripts that the server forgot are sent again', async () => {
    expect(await store.capabilities?.increment('count', 1, minute)).toBe(1)
    await redisCommand(redis.port, 'SCRIPT FLUSH')
    expect(await store.capabilities?.increment('count', 1, minute)).toBe(2)
  })

  test('a subscriber is told of loss and return, and hears again', async () => {
    const told: string[] = []
    await store.capabilities?.subscribe?.('channel', {
      message: (text) => void told.push(text),
      connected: () => void told.push('connected'),
      lost: () => void told.push('lost'),
    })
    await redis.kill()
    await expect.poll(() => told).toEqual(['connected', 'lost'])
    await expect(
      store.capabilities?.subscribe?.('other', { message: () => {}, connected: () => {}, lost: () => {} }),
    ).rejects.toThrow(StoreError)
    await redis.restart()
    await expect.poll(() => told, { timeout: 20_000 }).toEqual(['connected', 'lost', 'connected'])
    await worksAgain()
    await store.capabilities?.publish?.('channel', 'again')
    await expect.poll(() => told.at(-1)).toBe('again')
  })

  test('closing while it is away ends at once', async () => {
    const away = redisStore({ url: redis.url })
    await away.get('a')
    await redis.kill()
    await expect.poll(() => away.get('a').catch(String)).toMatch(/broke|Not connected/)
    const start = performance.now()
    await away.close()
    expect(performance.now() - start).toBeLessThan(atOnce)
  })
})

describeWithProgram('redis-server', 'a redisStore that must log in', () => {
  const password = 'p@ss/w0rd s3cr3t'
  const encoded = encodeURIComponent(password)

  test.each([
    ['a wrong password', (port: number) => `redis://:${encoded}x@127.0.0.1:${port}`],
    ['no password', (port: number) => `redis://127.0.0.1:${port}`],
    ['an unknown user', (port: number) => `redis://nobody:${encoded}@127.0.0.1:${port}`],
  ])('%s is refused with a sentence that does not show it', async (_, url) => {
    const redis = await startRedis({ requirepass: password })
    const store = redisStore({ url: url(redis.port) })
    const failure = await store.ready().catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(StoreError)
    expect(String(failure)).toContain(
      `Redis at 127.0.0.1:${redis.port} does not let us in; check the user and password that redisStore was given`,
    )
    for (const shown of [String(failure), (failure as Error).stack, String((failure as Error).cause)]) {
      expect(shown).not.toContain(encoded)
      expect(shown).not.toContain(password)
    }
    await store.close()
    await redis.stop()
  })

  test('the right password works, and no error shows it', async () => {
    const redis = await startRedis({ requirepass: password })
    const store = redisStore({ url: `redis://:${encoded}@127.0.0.1:${redis.port}` })
    await store.set('a', itemOf(10), minute)
    expect(await store.get('a')).toBeDefined()
    await redis.kill()
    const failures = [await store.get('a').catch(String), await store.get('a').catch(String)]
    expect(failures.join()).not.toMatch(/s3cr3t/)
    await store.close()
    await redis.stop()
  })
})

async function startProxy(to: number): Promise<{ port: number; reset(): void; close(): void }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    const beyond = dial(to, '127.0.0.1')
    sockets.add(socket)
    socket.pipe(beyond).pipe(socket)
    for (const end of [socket, beyond]) end.on('error', () => {})
    socket.on('close', () => beyond.destroy())
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as { port: number }).port,
    reset: () => {
      for (const socket of sockets) socket.resetAndDestroy()
    },
    close: () => server.close(),
  }
}
