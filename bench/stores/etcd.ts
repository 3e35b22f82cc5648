import KeyvEtcd from '@keyv/etcd'
import { Etcd3 } from 'etcd3'
import { Keyv } from 'keyv'
import { etcdStore } from '../../src/adapters/stores/etcd.ts'
import { startEtcd } from '../../test/support/etcd.ts'
import type { Contender, StoreBench } from './contender.ts'
import { ofKeyv, ofStore } from './redis.ts'

const seconds = 60

export const etcd: StoreBench = {
  name: 'etcd',
  bars: {},
  start: async () => {
    const server = await startEtcd()
    const ours = ofStore(etcdStore({ hosts: server.url }))
    const stock = ofKeyv('keyv with @keyv/etcd', new Keyv(new KeyvEtcd(server.url)))
    const contenders = [raw(server.url), ours, leased(server.url), stock] as const
    return {
      contenders: [...contenders],
      stop: async () => {
        for (const contender of contenders) await contender.close()
        await server.stop()
      },
    }
  },
}

/** Nothing ever ends. */
function raw(url: string): Contender {
  const client = new Etcd3({ hosts: url })
  return {
    name: 'etcd3, no lifetimes',
    set: async (key, body) => await client.put(key).value(body),
    get: async (key) => (await client.get(key).buffer()) ?? undefined,
    close: async () => client.close(),
  }
}

/** A lease for each key, left to end by itself. */
function leased(url: string): Contender {
  const client = new Etcd3({ hosts: url })
  return {
    name: 'etcd3, a lease per key',
    set: async (key, body) => await client.lease(seconds, { autoKeepAlive: false }).put(`leased ${key}`).value(body),
    get: async (key) => (await client.get(`leased ${key}`).buffer()) ?? undefined,
    close: async () => client.close(),
  }
}
