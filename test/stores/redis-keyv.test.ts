import { Keyv } from 'keyv'
import { Keyv as Keyv6 } from 'keyv6'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { redisStore } from '../../src/adapters/stores/redis.ts'
import type { RemoteStore } from '../../src/core/store/remote.ts'
import { describeWithProgram, type RedisServer, startRedis } from '../support/servers.ts'
import { describeAsAdapter } from './keyv-suite.ts'

const minute = 60_000

/** What both majors have. */
interface AnyKeyv {
  get(key: string | string[]): Promise<unknown>
  set(key: string, value: unknown, ttl?: number): Promise<unknown>
  setMany(entries: { key: string; value: unknown; ttl?: number }[]): Promise<unknown>
  has(key: string): Promise<boolean>
  delete(key: string): Promise<boolean>
  deleteMany(keys: string[]): Promise<unknown>
  clear(): Promise<void>
}
type Majors = Record<5 | 6, (namespace?: string) => AnyKeyv>

describeWithProgram('redis-server', 'redisStore as an adapter', () => {
  let redis: RedisServer
  const opened: RemoteStore[] = []
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(async () => {
    await redis.stop()
  })
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((store) => store.close()))
  })
  const open = () => {
    const store = redisStore({ url: redis.url })
    opened.push(store)
    return store
  }

  describeAsAdapter('redisStore', () => redisStore({ url: redis.url }))

  const values: [string, unknown][] = [
    ['text', 'Grüße 🙂'],
    ['a number', 0],
    ['nothing', null],
    ['an object', { a: [1, { b: '2' }], c: ':d' }],
  ]
  const bytes: [string, unknown][] = [
    ['bytes', Buffer.from([0, 255, 128, 10])],
    ['bytes in an object', { status: 200, body: Buffer.from([0, 255, 128, 10]) }],
  ]
  const serialized: Majors = {
    5: (namespace?: string) => new Keyv({ store: open(), ...(namespace && { namespace }) }),
    6: (namespace?: string) => new Keyv6({ store: open(), ...(namespace && { namespace }) }),
  }
  const raw: Majors = {
    5: (namespace?: string) =>
      new Keyv({
        store: open(),
        serialize: undefined,
        deserialize: undefined,
        ...(namespace && { namespace }),
      } as object),
    6: (namespace?: string) =>
      new Keyv6({ store: open(), serialization: false, ...(namespace && { namespace }) } as object),
  }
  const majors = [
    [5, 5],
    [6, 6],
    [5, 6],
    [6, 5],
  ] as const

  describe.each([
    ['with serialization', serialized, values],
    ['without serialization', raw, [...values, ...bytes]],
  ])('%s', (_, keyvs, kept) => {
    describe.each(majors)('what Keyv %i wrote, Keyv %i', (writer, reader) => {
      test.each(kept)('reads: %s', async (_name, value) => {
        await keyvs[writer]().set('key', value, minute)
        expect(await keyvs[reader]().get('key')).toEqual(value)
      })

      test('has, deletes, and misses when its lifetime is over', async () => {
        const [one, other] = [keyvs[writer]('shop'), keyvs[reader]('shop')]
        await one.set('key', 'a', minute)
        expect(await other.has('key')).toBe(true)
        expect(await other.get(['key', 'nothing'])).toEqual(['a', undefined])
        expect(await other.delete('key')).toBe(true)
        expect(await one.get('key')).toBeUndefined()
        await one.set('short', 'a', 40)
        expect(await other.get('short')).toBe('a')
        await expect.poll(() => other.get('short')).toBeUndefined()
      })

      test('clears in its own namespace only', async () => {
        const [one, other] = [keyvs[writer]('shop'), keyvs[reader]('shop')]
        const beside = keyvs[writer]('shop2')
        await one.set('key', 'a', minute)
        await beside.set('key', 'b', minute)
        await other.clear()
        expect(await one.get('key')).toBeUndefined()
        expect(await beside.get('key')).toBe('b')
      })

      test('sets and deletes many', async () => {
        const entries = [1, 2, 3].map((i) => ({ key: `many ${i}`, value: i, ttl: minute }))
        expect(await keyvs[writer]().setMany(entries)).toEqual([true, true, true])
        const keys = entries.map(({ key }) => key)
        expect(await keyvs[reader]().get(keys)).toEqual([1, 2, 3])
        await keyvs[reader]().deleteMany(keys)
        expect(await keyvs[writer]().get(keys)).toEqual([undefined, undefined, undefined])
      })
    })
  })
})
