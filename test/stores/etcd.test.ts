import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { etcdStore } from '../../src/adapters/stores/etcd.ts'
import { EtcdBackend } from '../../src/adapters/stores/etcd-backend.ts'
import { EtcdMembers } from '../../src/adapters/stores/etcd-members.ts'
import { systemClock } from '../../src/core/clock.ts'
import type { RemoteStore } from '../../src/core/store/remote.ts'
import { describeStore } from '../store/behaviour.ts'
import { itemOf } from '../store/items.ts'
import { type EtcdServer, startEtcd } from '../support/etcd.ts'
import { describeWithProgram } from '../support/servers.ts'

const second = 1_000
const minute = 60 * second
const day = 24 * 60 * minute
const MiB = 2 ** 20

describe('etcdStore refuses', () => {
  test.each([
    [undefined, /needs hosts/],
    [{}, /needs hosts, such as 'http:\/\/127.0.0.1:2379' or a list of them, not undefined/],
    [{ hosts: [] }, /needs hosts/],
    [{ hosts: 7 }, /not 7/],
    [{ hosts: ['127.0.0.1:2379'] }, /not '127.0.0.1:2379'/],
    [{ hosts: 'http://host:0' }, /not 'http:\/\/host:0'/],
    [{ hosts: 'http://host/path' }, /not 'http:\/\/host\/path'/],
    [{ hosts: 'http://host', username: '' }, /username must be a user/],
    [{ hosts: 'http://host', username: 'me' }, /password must be a string/],
    [{ hosts: 'http://host', password: 's3cr3t' }, /username must be/],
    [{ hosts: 'http://host', connectTimeout: -1 }, /connectTimeout/],
    [{ hosts: 'http://host', url: 'b' }, /etcdStore has no option 'url'/],
  ])('the options %o', (options, message) => {
    expect(() => etcdStore(options as never)).toThrow(message as RegExp)
    expect(() => etcdStore(options as never)).not.toThrow(/s3cr3t/)
  })

  test('a host with a password without showing it', () => {
    const make = () => etcdStore({ hosts: 'http://me:s3cr3t@host:2379' })
    expect(make).toThrow(/not 'http:\/\/\*\*\*@host:2379'; a user and a password are options of their own/)
    expect(make).not.toThrow(/s3cr3t/)
  })
})

describeWithProgram('etcd', 'on one server', () => {
  let server: EtcdServer
  let store: RemoteStore
  const create = (namespace: string) => etcdStore({ hosts: server.url, namespace, connectTimeout: 5 * second })
  const leases = async () => ((await server.ask('lease/leases', {})).leases ?? []) as { ID: string }[]
  const noLeases = () => expect.poll(async () => (await leases()).length, { timeout: 20_000 }).toBe(0)

  beforeAll(async () => {
    server = await startEtcd()
    store = create('own')
  })
  afterAll(async () => {
    await store.close()
    await server.stop()
  })

  describeStore(
    'etcdStore',
    () => {
      const subject = create('suite')
      return {
        store: subject,
        pass: (ms) => sleep(ms),
        close: async () => {
          await subject.clear()
          await subject.close()
        },
        restart: () => server.restart(),
        freeze: async () => {
          await server.pause()
          return () => server.resume()
        },
        another: () => {
          const another = create('suite')
          return { store: another, close: () => another.close() }
        },
      }
    },
    { capabilities: true, freezes: true, without: ['lists'], largest: 8 * MiB },
  )

  test('writing over, deleting and clearing leave no lease behind', async () => {
    await noLeases()
    for (let i = 0; i < 5; i++) await store.set('over', itemOf(10, { i }), minute)
    await expect.poll(async () => (await leases()).length).toBe(1)
    await store.set('over', itemOf(10), Infinity)
    await noLeases()
    await store.set('deleted', itemOf(MiB), minute)
    await store.delete('deleted')
    await noLeases()
    await Promise.all(Array.from({ length: 20 }, (_, i) => store.set(`cleared ${i}`, itemOf(1), minute)))
    await store.clear()
    await noLeases()
  })

  test('capabilities leave no lease behind, whoever wins', async () => {
    const own = store.capabilities!
    await Promise.all(Array.from({ length: 20 }, (_, i) => own.setIfAbsent('lock', Buffer.from(`${i}`), minute)))
    await Promise.all(Array.from({ length: 20 }, () => own.increment('count', 1, minute)))
    await expect.poll(async () => (await leases()).length, { timeout: 20_000 }).toBe(2)
    await store.clear()
    await noLeases()
  })

  test('the end of one lease ends one key', async () => {
    await store.set('short', itemOf(1), second)
    await store.set('long', itemOf(1), minute)
    const both = await leases()
    expect(both.length).toBe(2)
    await expect.poll(async () => (await leases()).length, { timeout: 10 * second, interval: 100 }).toBe(1)
    expect(await store.get('short')).toBeUndefined()
    expect(await store.get('long')).toBeDefined()
    await store.set('short', itemOf(1), minute)
    expect(await store.get('short')).toBeDefined()
    await store.clear()
  })

  test('a lifetime of 300 ms ends to the millisecond, not to the second', async () => {
    await store.set('short', itemOf(1), 300)
    await sleep(150)
    expect(await store.get('short')).toBeDefined()
    await sleep(155)
    expect(await store.get('short')).toBeUndefined()
  })

  test('a lifetime of 2 s lasts as long, and not longer', async () => {
    await store.set('two', itemOf(1), 2 * second)
    await sleep(1_850)
    expect(await store.get('two')).toBeDefined()
    await sleep(155)
    expect(await store.get('two')).toBeUndefined()
  })

  test.each([31, 400])('a lifetime of %d days keeps', async (days) => {
    await store.set('long', itemOf(1), days * day)
    expect(await store.get('long')).toBeDefined()
  })

  test.each([0, 1, MiB, 5 * MiB])('a body of %i bytes comes back, and is gone once deleted', async (bytes) => {
    const item = itemOf(bytes)
    await store.set('body', item, minute)
    expect((await store.get('body'))?.body.equals(item.body)).toBe(true)
    expect(await store.delete('body')).toBe(true)
    expect(await store.get('body')).toBeUndefined()
    expect(await store.delete('body')).toBe(false)
  })

  test('more keys than a transaction takes are deleted together', async () => {
    await store.clear()
    const members = new EtcdMembers({
      hosts: [server.url],
      auth: undefined,
      credentials: undefined,
      connectTimeout: 5 * second,
    })
    const backend = new EtcdBackend(members, systemClock)
    await backend.open()
    const keys = Array.from({ length: 150 }, (_, i) => `many:${i}`)
    await Promise.all(keys.map((key) => backend.set(key, Buffer.from(key), minute)))
    await backend.delete(keys)
    expect((await Promise.all(keys.map((key) => backend.get(key)))).every((found) => found === undefined)).toBe(true)
    await noLeases()
    await backend.close()
  })

  test('clear leaves what other namespaces have, however they are called', async () => {
    const stores = ['a', 'ab', 'a-b', 'A'].map(create)
    for (const each of stores) await each.set('key', itemOf(1), minute)
    await stores[0]?.clear()
    const found = await Promise.all(stores.map((each) => each.get('key')))
    expect(found.map((item) => item !== undefined)).toEqual([false, true, true, true])
    for (const each of stores) {
      await each.clear()
      await each.close()
    }
  })

  test('what is asked after closing rejects', async () => {
    const closed = create('closed')
    await closed.set('key', itemOf(1), minute)
    await closed.capabilities?.subscribe?.('channel', { message() {}, connected() {}, lost() {} })
    await closed.close()
    await expect(closed.get('key')).rejects.toThrow('The store etcd was closed')
  })
})
