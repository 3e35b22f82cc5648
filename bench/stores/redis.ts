import KeyvRedis from '@keyv/redis'
import { createClient, RESP_TYPES } from '@redis/client'
import { Keyv } from 'keyv'
import { redisStore } from '../../src/adapters/stores/redis.ts'
import { keyvStore } from '../../src/core/store/keyv.ts'
import type { Store } from '../../src/core/store/store.ts'
import { startRedis } from '../../test/support/servers.ts'
import type { Contender, StoreBench } from './contender.ts'

const minute = 60_000
const KiB = 1024

export const redis: StoreBench = {
  name: 'Redis',
  bars: { [20 * KiB]: 1.4, [KiB * KiB]: 2.2 },
  start: async () => {
    const server = await startRedis()
    const contenders = [
      await raw(server.url),
      ofStore(redisStore({ url: server.url })),
      stock(server.url),
      anyKeyv(server.url),
    ] as const
    return {
      contenders: [...contenders],
      stop: async () => {
        for (const contender of contenders) await contender.close()
        await server.stop()
      },
    }
  },
}

async function raw(url: string): Promise<Contender> {
  const client = createClient({ url }).withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer })
  client.on('error', () => {})
  await client.connect()
  return {
    name: 'node-redis with Buffers',
    set: (key, body) => client.set(key, body, { expiration: { type: 'PX', value: minute } }),
    get: async (key) => (await client.get(key)) ?? undefined,
    close: () => client.close(),
  }
}

/** What keyvStore adds to a Keyv: a frame, as base64 in Keyv's JSON. */
function anyKeyv(url: string): Contender {
  const keyv = new Keyv(new KeyvRedis(url))
  const store = keyvStore(keyv, { namespace: 'any' })
  return ofStore({ ...bound(store), name: 'keyv', close: () => keyv.disconnect() })
}

function bound(store: Store): Pick<Store, 'get' | 'set'> {
  return { get: (key) => store.get(key), set: (key, item, lifetime) => store.set(key, item, lifetime) }
}

/** Our stores are all measured with what a cache keeps beside a body. */
export function ofStore(store: Pick<Store, 'name' | 'get' | 'set'> & { close(): Promise<unknown> }): Contender {
  const meta = {
    status: 200,
    headers: { 'content-type': 'text/html; charset=utf-8', etag: '"0123456789abcdef"', 'cache-control': 'max-age=60' },
    at: 1_767_225_600_000,
  }
  return {
    name: `${store.name}Store`,
    set: async (key, body) => store.set(key, { meta, body }, minute),
    get: async (key) => (await store.get(key))?.body,
    close: () => store.close(),
  }
}

/** keyv as it comes, with metadata and body in one value. Not every adapter takes names with blanks. */
export function ofKeyv(name: string, keyv: Keyv): Contender {
  const nameOf = (key: string): string => key.replaceAll(' ', '-')
  return {
    name,
    set: (key, body) => keyv.set(nameOf(key), { meta: { status: 200 }, body }, minute),
    get: async (key) => ((await keyv.get(nameOf(key))) as { body: Buffer } | undefined)?.body,
    close: () => keyv.disconnect(),
  }
}

function stock(url: string): Contender {
  return ofKeyv('keyv with @keyv/redis', new Keyv(new KeyvRedis(url)))
}
