import { createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { createSentinel } from '@redis/client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { redisStore } from '../../src/adapters/stores/redis.ts'
import { StoreError } from '../../src/core/store/errors.ts'
import { itemOf } from '../store/items.ts'
import { redisCommand } from '../support/redis-cluster.ts'
import { type RedisSentinels, startRedisSentinels } from '../support/redis-sentinel.ts'
import { describeWithProgram, startRedis } from '../support/servers.ts'

const minute = 60_000

describeWithProgram('redis-server', 'behind sentinels', () => {
  let sentinels: RedisSentinels
  const unhandled: unknown[] = []
  const note = (reason: unknown): void => void unhandled.push(reason)
  beforeAll(async () => {
    process.on('unhandledRejection', note)
    sentinels = await startRedisSentinels()
  }, 20_000)
  afterAll(async () => {
    await sentinels?.stop()
    process.off('unhandledRejection', note)
  })

  const create = (name = sentinels.name) =>
    redisStore({ sentinel: { name, sentinelRootNodes: sentinels.sentinelRootNodes } })

  test('works on the master that they name', async () => {
    const store = create()
    await store.set('key', itemOf(600_000), minute)
    expect((await store.get('key'))?.body.length).toBe(600_000)
    expect(await store.capabilities?.increment('count', 2, minute)).toBe(2)
    expect(await store.delete('key')).toBe(true)
    await store.close()
  })

  test('a sentinel that is not there is passed over', async () => {
    const sentinelRootNodes = [{ host: '127.0.0.1', port: 1 }, ...sentinels.sentinelRootNodes]
    const store = redisStore({ sentinel: { name: sentinels.name, sentinelRootNodes } })
    await store.ready()
    await store.close()
  })

  test('a name that they do not know is refused with a sentence', async () => {
    const store = create('nobody')
    await expect(store.ready()).rejects.toThrow('The sentinels know no master called nobody; check sentinel.name')
    await store.close()
  })

  test('a server that they name is not taken before it is a master, nor kept when it is none any more', async ({
    onTestFinished,
  }) => {
    const master = await startRedis()
    const replica = await startRedis({ replicaof: `127.0.0.1 ${master.port}` })
    const sentinel = await startMistakenSentinel(replica.port)
    const store = redisStore({ sentinel: { name: 'main', sentinelRootNodes: [sentinel] } })
    onTestFinished(async () => {
      await store.close()
      await Promise.all([sentinel.stop(), replica.stop(), master.stop()])
    })
    await expect(store.ready()).rejects.toThrow('The server that sentinels name is no master yet')
    await redisCommand(replica.port, 'REPLICAOF NO ONE')
    await expect.poll(() => store.set('key', itemOf(1), minute).then(() => 'works', String)).toBe('works')
    await redisCommand(replica.port, `REPLICAOF 127.0.0.1 ${master.port}`)
    await expect.poll(() => store.set('key', itemOf(1), minute).catch(String)).toContain('no master yet')
    sentinel.name(master.port)
    await expect.poll(() => store.set('key', itemOf(1), minute).then(() => 'works', String)).toBe('works')
  })

  test('a sentinel client that was handed in is used', async () => {
    const client = createSentinel({
      name: sentinels.name,
      sentinelRootNodes: sentinels.sentinelRootNodes.map((node) => ({ ...node })),
    })
    await client.connect()
    const store = redisStore({ client, namespace: 'injected' })
    await store.set('key', itemOf(1000), minute)
    expect((await store.get('key'))?.body.length).toBe(1000)
    expect(await store.capabilities?.increment('count', 2, minute)).toBe(2)
    const heard: string[] = []
    const subscriber = { message: (text: string) => void heard.push(text), connected: () => {}, lost: () => {} }
    await store.capabilities?.subscribe?.('channel', subscriber)
    await store.capabilities?.publish?.('channel', 'hello')
    await expect.poll(() => heard).toEqual(['hello'])
    await store.clear()
    expect(await store.get('key')).toBeUndefined()
    await store.close()
    expect(client.isReady).toBe(true)
    await client.close()
  })

  test.for(['frozen', 'killed'])(
    'a master that is %s under load is followed to the next',
    { timeout: 60_000 },
    async (how, { onTestFinished }) => {
      const own = await startRedisSentinels()
      onTestFinished(() => own.stop())
      const store = redisStore({ sentinel: { name: own.name, sentinelRootNodes: own.sentinelRootNodes } })
      onTestFinished(() => store.close())
      const told: string[] = []
      const heard: string[] = []
      const subscriber = {
        message: (text: string) => void heard.push(text),
        connected: () => void told.push('connected'),
        lost: () => void told.push('lost'),
      }
      await store.capabilities?.subscribe?.('channel', subscriber)
      const slowest = { ms: 0 }
      const failures: unknown[] = []
      let isOver = false
      const load = async (worker: number): Promise<void> => {
        while (!isOver) {
          const start = performance.now()
          await store.set(`key ${worker}`, itemOf(2000), minute).catch((error) => failures.push(error))
          slowest.ms = Math.max(slowest.ms, performance.now() - start)
          await sleep(5)
        }
      }
      const workers = Array.from({ length: 10 }, (_, worker) => load(worker))
      await sleep(100)
      const before = await own.masterPort()
      const master = [own.master, own.replica].find(({ port }) => port === before)
      if (how === 'frozen') master?.pause()
      else await master?.kill()
      await expect.poll(() => own.masterPort(), { timeout: 30_000 }).not.toBe(before)
      await expect
        .poll(() => store.set('after', itemOf(10), minute).then(() => 'works', String), { timeout: 20_000 })
        .toBe('works')
      isOver = true
      await Promise.all(workers)
      for (const failure of failures) expect(failure).toBeInstanceOf(StoreError)
      if (how === 'killed') expect(slowest.ms).toBeLessThan(1000)
      await expect.poll(() => told.slice(0, 3)).toEqual(['connected', 'lost', 'connected'])
      await expect
        .poll(async () => {
          await store.capabilities?.publish?.('channel', 'again').catch(() => {})
          return heard.includes('again')
        })
        .toBe(true)
      if (how === 'frozen') master?.resume()
      else await master?.restart()
      expect(unhandled).toEqual([])
    },
  )
})

/** Says what a sentinel says that has not heard of a failover yet. */
async function startMistakenSentinel(
  masterPort: number,
): Promise<{ host: string; port: number; name(port: number): void; stop(): Promise<void> }> {
  const listeners = new Set<Socket>()
  const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`
  const answer = (socket: Socket, command: string | undefined): string => {
    if (command === 'SENTINEL') return `*2\r\n${bulk('127.0.0.1')}${bulk(String(masterPort))}`
    if (command !== 'subscribe') return command === 'PING' ? '+PONG\r\n' : '+OK\r\n'
    listeners.add(socket)
    return `*3\r\n${bulk('subscribe')}${bulk('+switch-master')}:1\r\n`
  }
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      for (const [, command] of String(chunk).matchAll(/\*\d+\r\n\$\d+\r\n(\w+)/g))
        socket.write(answer(socket, command))
    })
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  return {
    host: '127.0.0.1',
    port: (server.address() as { port: number }).port,
    name: (port) => {
      const text = `main 127.0.0.1 ${masterPort} 127.0.0.1 ${port}`
      for (const socket of listeners) socket.write(`*3\r\n${bulk('message')}${bulk('+switch-master')}${bulk(text)}`)
    },
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  }
}
