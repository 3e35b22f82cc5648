import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from '@redis/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { redisStore } from '../../src/adapters/stores/redis.ts'
import type { RemoteStore } from '../../src/core/store/remote.ts'
import { describeStore } from '../store/behaviour.ts'
import { itemOf } from '../store/items.ts'
import { redisCommand } from '../support/redis-cluster.ts'
import { describeWithProgram, type RedisServer, startRedis } from '../support/servers.ts'

const minute = 60_000
const MiB = 2 ** 20

describe('redisStore refuses', () => {
  test.each([
    [{}, /needs one of url, client, cluster, sentinel, not none of them; for example { url: 'redis:/],
    [{ url: 'redis://a', client: {} }, /not url and client/],
    [{ url: 'localhost:6379' }, /url must be redis:\/\/host:port or rediss:\/\/host:port, not 'localhost:6379'/],
    [{ url: 'http://localhost' }, /not 'http:\/\/localhost'/],
    [{ url: 'redis://' }, /url must be/],
    [{ url: 'redis://localhost/name' }, /url must be/],
    [{ url: 6379 }, /not 6379/],
    [{ url: 'redis://:%zz@localhost' }, /hexadecimal/],
    [{ client: {} }, /client must be what createClient, createCluster or createSentinel returned/],
    [{ cluster: { rootNodes: [] } }, /cluster.rootNodes must be a list/],
    [{ cluster: { rootNodes: [{ url: 'x' }] } }, /cluster.rootNodes must be redis:/],
    [{ sentinel: { name: '', sentinelRootNodes: [] } }, /sentinel.name/],
    [{ sentinel: { name: 'a', sentinelRootNodes: ['b'] } }, /sentinelRootNodes must be a list/],
    [{ url: 'redis://a', connectTimeout: 0 }, /connectTimeout/],
    [{ url: 'redis://a', timeout: 1 }, /redisStore has no option 'timeout'/],
    [undefined, /needs one of/],
  ])('the options %o', (options, message) => {
    expect(() => redisStore(options as never)).toThrow(message as RegExp)
  })

  test.each([
    'redis://me:s3cr3t@host:port',
    's3cr3t@host',
    'http://:s3cr3t@host',
    'redis://:s3cr3t/x@host/1/2',
    'redis://:s3cr3t%@h',
  ])('the url %s without showing its password', (url) => {
    expect(() => redisStore({ url })).toThrow(TypeError)
    expect(() => redisStore({ url })).not.toThrow(/s3cr3t/)
  })
})

describeWithProgram('redis-server', 'on one server', () => {
  let redis: RedisServer
  let store: RemoteStore

  beforeAll(async () => {
    redis = await startRedis()
    store = redisStore({ url: redis.url })
  })
  afterAll(async () => {
    await store.close()
    await redis.stop()
  })

  describeStore(
    'redisStore',
    () => {
      const create = () => redisStore({ url: redis.url, namespace: 'suite' })
      const subject = create()
      return {
        store: subject,
        pass: (ms) => sleep(ms),
        close: () => subject.close(),
        restart: () => redis.restart(),
        freeze: async () => {
          await redis.pause()
          return () => redis.resume()
        },
        another: () => {
          const another = create()
          return { store: another, close: () => another.close() }
        },
      }
    },
    { capabilities: true, freezes: true },
  )

  test.each([0, 1, 2 * MiB])('deleting %i bytes says that there was something, and leaves nothing', async (bytes) => {
    await store.set('exact', itemOf(bytes), minute)
    expect(await store.delete('exact')).toBe(true)
    expect(await store.get('exact')).toBeUndefined()
    expect(await store.delete('exact')).toBe(false)
  })

  test('clear leaves what other namespaces have, however they are called', async () => {
    const names = ['a', 'ab', 'a-b', 'A', 'a_']
    const stores = names.map((namespace) => redisStore({ url: redis.url, namespace }))
    for (const each of stores) await each.set('key', itemOf(1), minute)
    await stores[0]?.clear()
    const found = await Promise.all(stores.map((each) => each.get('key')))
    expect(found.map((item) => item !== undefined)).toEqual([false, true, true, true, true])
    for (const each of stores) await each.close()
  })

  test('clear removes more keys than one SCAN finds', async () => {
    const many = redisStore({ url: redis.url, namespace: 'many' })
    await Promise.all(Array.from({ length: 3000 }, (_, i) => many.set(`key ${i}`, itemOf(1), minute)))
    await many.clear()
    const found = await Promise.all(Array.from({ length: 3000 }, (_, i) => many.get(`key ${i}`)))
    expect(found.every((item) => item === undefined)).toBe(true)
    await many.close()
  })

  test('a database number in the url is another place', async () => {
    const other = redisStore({ url: `${redis.url}/3` })
    await other.set('place', itemOf(1), minute)
    expect(await store.get('place')).toBeUndefined()
    expect(await other.get('place')).toBeDefined()
    await other.close()
  })

  test('bytes of an unknown frame version are a miss', async () => {
    const raw = createClient({ url: redis.url })
    await raw.connect()
    await store.set('frame', itemOf(10), minute)
    const [key = ''] = (await raw.keys('bw:{*')).filter((name) => !name.includes('+'))
    await raw.set(key, Buffer.from([0xb7, 200, 1, 2, 3]))
    expect(await store.get('frame')).toBeUndefined()
    raw.destroy()
  })

  test('a client that was handed in is used and stays open', async () => {
    const client = createClient({ url: redis.url })
    const injected = redisStore({ client })
    await expect(injected.get('key')).rejects.toThrow('is not connected; await its connect() first')
    await client.connect()
    const item = itemOf(2000)
    await injected.set('key', item, minute)
    expect((await injected.get('key'))?.body.equals(item.body)).toBe(true)
    expect(await client.get('no such key')).toBeNull()
    const heard: string[] = []
    const end = await injected.capabilities?.subscribe?.('channel', {
      message: (text) => heard.push(text),
      connected: () => {},
      lost: () => {},
    })
    await store.capabilities?.publish?.('channel', 'hello')
    await expect.poll(() => heard).toEqual(['hello'])
    await end?.()
    await injected.close()
    expect(client.isReady).toBe(true)
    client.destroy()
  })

  test('a valkey url is one of redis', async () => {
    const other = redisStore({ url: redis.url.replace('redis:', 'valkey:') })
    await other.ready()
    await other.close()
  })

  test('a user who may do little but this is enough', async () => {
    const rights = '~bw:* &* +get +set +unlink +scan +evalsha +eval +incrby +persist +pexpire'
    await redisCommand(redis.port, `ACL SETUSER little on >pass ${rights}`)
    const limited = redisStore({ url: redis.url.replace('//', '//little:pass@') })
    await limited.set('key', itemOf(10), minute)
    expect(await limited.get('key')).toBeDefined()
    expect(await limited.capabilities?.increment('little', 1, minute)).toBe(1)
    await limited.clear()
    expect(await limited.get('key')).toBeUndefined()
    await expect(limited.capabilities?.slice?.('list', 0)).rejects.toThrow(/did not do LRANGE: NOPERM/)
    await limited.close()
  })

  test('closing ends its connections, and what is asked afterwards rejects', async () => {
    const closed = redisStore({ url: redis.url })
    await closed.set('key', itemOf(1), minute)
    await closed.capabilities?.subscribe?.('channel', { message: () => {}, connected: () => {}, lost: () => {} })
    await closed.close()
    await expect(closed.get('key')).rejects.toThrow('The store redis was closed')
  })
})
