import KeyvMemcache from '@keyv/memcache'
import { Keyv } from 'keyv'
import { Memcache } from 'memcache'
import { memcachedStore } from '../../src/adapters/stores/memcached.ts'
import { MemcachedClient } from '../../src/adapters/stores/memcached-client.ts'
import { type MemcachedServer, startMemcached } from '../../test/support/memcached.ts'
import type { Contender, StoreBench } from './contender.ts'
import { ofKeyv, ofStore } from './redis.ts'

const seconds = 60
const NOTHING = Buffer.alloc(0)

/** No other client for memcached that keeps bytes as they are has gets and cas, so ours stands for the raw one. */
export const memcached: StoreBench = {
  name: 'memcached',
  bars: {},
  start: async () => {
    // A frame with its body is above the 1 MiB that an item usually may have.
    const server = await startMemcached(['-I', '4m'])
    const store = memcachedStore({ servers: [server.address] })
    const stock = ofKeyv('keyv with @keyv/memcache', new Keyv(new KeyvMemcache(server.address)))
    const contenders = [await raw(server), ofStore(store), base64(server), stock] as const
    return {
      contenders: [...contenders],
      stop: async () => {
        for (const contender of contenders) await contender.close()
        await server.stop()
      },
    }
  },
}

async function raw({ port }: MemcachedServer): Promise<Contender> {
  const client = new MemcachedClient({ host: '127.0.0.1', port }, 2000)
  await client.open()
  const nameOf = (key: string): string => key.replaceAll(' ', '-')
  return {
    name: 'our client alone',
    set: (key, value) => client.write({ command: 'set', key: nameOf(key), header: NOTHING, value, exptime: seconds }),
    get: async (key) => (await client.get('get', nameOf(key))).value,
    close: async () => client.close(),
  }
}

/** `memcache` reads values as UTF-8, so bytes have to be text. */
function base64({ address }: MemcachedServer): Contender {
  const client = new Memcache({ nodes: [address], maxValueSize: 4 * 1024 * 1024 })
  const nameOf = (key: string): string => `base64-${key.replaceAll(' ', '-')}`
  return {
    name: 'memcache with base64',
    set: (key, body) => client.set(nameOf(key), body.toString('base64'), seconds),
    get: async (key) => {
      const found = await client.get(nameOf(key))
      return found === undefined ? undefined : Buffer.from(found, 'base64')
    },
    close: () => client.disconnect(),
  }
}
