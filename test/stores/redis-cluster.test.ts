import { setTimeout as sleep } from 'node:timers/promises'
import { createCluster } from '@redis/client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { redisStore } from '../../src/adapters/stores/redis.ts'
import { slotOf } from '../../src/adapters/stores/redis-slots.ts'
import type { RemoteStore } from '../../src/core/store/remote.ts'
import { describeStore } from '../store/behaviour.ts'
import { itemOf } from '../store/items.ts'
import { type RedisCluster, redisCommand, startRedisCluster } from '../support/redis-cluster.ts'
import { describeWithProgram, startRedis } from '../support/servers.ts'

const minute = 60_000

test.each([
  ['123456789', 12_739],
  ['foo{}{bar}', 8363],
  ['{user1000}.following', 3443],
  ['foo{{bar}}zap', 4015],
  ['', 0],
])('the slot of %j is %i', (key, slot) => {
  expect(slotOf(key)).toBe(slot)
})

describeWithProgram('redis-server', 'on a cluster of three', () => {
  let cluster: RedisCluster
  beforeAll(async () => {
    cluster = await startRedisCluster()
  })
  afterAll(() => cluster.stop())

  const create = (namespace: string) => redisStore({ cluster: { rootNodes: cluster.rootNodes }, namespace })

  describeStore(
    'redisStore',
    () => {
      const store = create('suite')
      return {
        store,
        pass: (ms) => sleep(ms),
        close: () => store.close(),
        another: () => {
          const another = create('suite')
          return { store: another, close: () => another.close() }
        },
      }
    },
    { capabilities: true, without: ['restart'] },
  )

  test('all nodes have some of the keys, and clear removes them from all', async () => {
    const store = create('all')
    await Promise.all(Array.from({ length: 300 }, (_, i) => store.set(`key ${i}`, itemOf(10), minute)))
    const counts = () =>
      Promise.all(
        cluster.nodes.map(async ({ port }) => (await redisCommand(port, 'KEYS all:*')).split('all:{').length - 1),
      )
    expect(Math.min(...(await counts()))).toBeGreaterThan(50)
    await store.clear()
    expect(await counts()).toEqual([0, 0, 0])
    await store.close()
  })

  test('slots that move to another node are followed while they move, and after', async () => {
    const store = create('moving')
    const keys = Array.from({ length: 20 }, (_, i) => `key ${i}`)
    for (const key of keys) await store.set(key, itemOf(10, { key }), minute)
    const [first, second] = cluster.nodes
    if (first === undefined || second === undefined) throw new Error('no nodes')
    const names = await redisCommand(first.port, 'KEYS moving:*')
    const name = /moving:\{\S+\}/.exec(names)?.[0] ?? ''
    const slot = slotOf(name)
    const [from, to] = await Promise.all([first, second].map(({ port }) => idOf(port)))
    await redisCommand(second.port, `CLUSTER SETSLOT ${slot} IMPORTING ${from}`)
    await redisCommand(first.port, `CLUSTER SETSLOT ${slot} MIGRATING ${to}`)
    await redisCommand(first.port, `MIGRATE 127.0.0.1 ${second.port} ${name} 0 5000`)
    for (const key of keys) expect((await store.get(key))?.meta).toEqual({ key })
    for (const { port } of [second, first]) await redisCommand(port, `CLUSTER SETSLOT ${slot} NODE ${to}`)
    for (const key of keys) expect((await store.get(key))?.meta).toEqual({ key })
    for (const key of keys) await store.set(key, itemOf(20, { key }), minute)
    await store.close()
  })

  test('a cluster client that was handed in does the same', async () => {
    const client = createCluster({ rootNodes: cluster.rootNodes.map(({ url }) => ({ url })) })
    await client.connect()
    const store = redisStore({ client, namespace: 'injected' })
    const keys = Array.from({ length: 20 }, (_, i) => `key ${i}`)
    for (const key of keys) await store.set(key, itemOf(600_000, { key }), minute)
    for (const key of keys) expect((await store.get(key))?.meta).toEqual({ key })
    await store.clear()
    for (const key of keys) expect(await store.get(key)).toBeUndefined()
    expect(await store.capabilities?.increment('count', 2, minute)).toBe(2)
    const heard: string[] = []
    const subscriber = { message: (text: string) => void heard.push(text), connected: () => {}, lost: () => {} }
    const end = await store.capabilities?.subscribe?.('channel', subscriber)
    await store.capabilities?.publish?.('channel', 'hello')
    await expect.poll(() => heard).toEqual(['hello'])
    await end?.()
    await store.close()
    expect(client.isOpen).toBe(true)
    client.destroy()
  })

  test('the first subscription needs no earlier call', async () => {
    const store = create('early')
    const end = await store.capabilities?.subscribe?.('a', { message: () => {}, connected: () => {}, lost: () => {} })
    await end?.()
    await store.close()
  })

  test('a url of one of its nodes is refused with what to give instead', async () => {
    const store = redisStore({ url: cluster.rootNodes[0]?.url })
    const attempts = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => store.get(`key ${i}`)))
    const failed = attempts.find((attempt) => attempt.status === 'rejected')
    expect(String(failed?.reason)).toContain(
      'it belongs to a cluster, so give redisStore cluster: { rootNodes: [...] }',
    )
    await store.close()
  })
})

describeWithProgram('redis-server', 'where a cluster is amiss', () => {
  test('a server without cluster support is refused with its reason', async () => {
    const redis = await startRedis()
    const store = redisStore({ cluster: { rootNodes: [{ url: redis.url }] } })
    await expect(store.ready()).rejects.toThrow(/The Redis cluster at .*cluster support disabled/)
    await store.close()
    await redis.stop()
  })

  test('what a killed master had rejects at once, until its replica takes over', { timeout: 30_000 }, async () => {
    const cluster = await startRedisCluster({ replicas: true })
    const store: RemoteStore = redisStore({ cluster: { rootNodes: cluster.rootNodes.slice(0, 2) } })
    try {
      const keys = Array.from({ length: 30 }, (_, i) => `key ${i}`)
      const heard: string[] = []
      const told: string[] = []
      const subscriber = {
        message: (text: string) => void heard.push(text),
        connected: () => void told.push('connected'),
        lost: () => void told.push('lost'),
      }
      await store.capabilities?.subscribe?.('channel', subscriber)
      for (const key of keys) await store.set(key, itemOf(10), minute)
      await cluster.nodes[0]?.kill()
      const start = performance.now()
      const outcomes = await Promise.allSettled(keys.map((key) => store.get(key)))
      expect(performance.now() - start).toBeLessThan(500)
      expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set(['fulfilled', 'rejected']))
      await expect
        .poll(() => Promise.all(keys.map((key) => store.set(key, itemOf(10), minute))).then(() => 'works', String), {
          timeout: 15_000,
        })
        .toBe('works')
      await expect
        .poll(async () => {
          await store.capabilities?.publish?.('channel', 'again').catch(() => {})
          return heard.includes('again')
        })
        .toBe(true)
    } finally {
      await store.close()
      await cluster.stop()
    }
  })
})

async function idOf(port: number): Promise<string | undefined> {
  return (await redisCommand(port, 'CLUSTER MYID')).split('\r\n')[1]
}
