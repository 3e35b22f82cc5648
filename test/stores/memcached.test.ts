import { execFile } from 'node:child_process'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { memcachedStore } from '../../src/adapters/stores/memcached.ts'
import type { RemoteStore } from '../../src/core/store/remote.ts'
import { describeStore } from '../store/behaviour.ts'
import { itemOf } from '../store/items.ts'
import { type MemcachedServer, startMemcached } from '../support/memcached.ts'
import { describeWithProgram } from '../support/servers.ts'

const second = 1_000
const minute = 60 * second
const day = 24 * 60 * minute
const MiB = 2 ** 20

describe('memcachedStore refuses', () => {
  test.each([
    [undefined, /needs servers/],
    [{}, /needs servers, a list such as \['127.0.0.1:11211'\], not undefined/],
    [{ servers: [] }, /needs servers/],
    [{ servers: '127.0.0.1' }, /not '127.0.0.1'/],
    [{ servers: [7] }, /not 7/],
    [{ servers: ['memcached://host'] }, /servers must hold host:port/],
    [{ servers: ['host:0'] }, /not 'host:0'/],
    [{ servers: ['host:65536'] }, /not 'host:65536'/],
    [{ servers: ['a', 'a:11211'] }, /servers names 'a:11211' twice/],
    [{ servers: ['a'], connectTimeout: 0 }, /connectTimeout/],
    [{ servers: ['a'], url: 'b' }, /memcachedStore has no option 'url'/],
  ])('the options %o', (options, message) => {
    expect(() => memcachedStore(options as never)).toThrow(message as RegExp)
  })

  test('a server with a password without showing it', () => {
    const make = () => memcachedStore({ servers: ['memcached://me:s3cr3t@host:11211'] })
    expect(make).toThrow(TypeError)
    expect(make).not.toThrow(/s3cr3t/)
  })

  test('an IPv6 address without brackets, whose port could not be told', () => {
    expect(() => memcachedStore({ servers: ['::1'] })).toThrow("not '::1'")
  })
})

test.each(['[::1]:11211', 'cache-1.internal', '10.0.0.1:1'])('memcachedStore takes the server %s', (server) => {
  expect(memcachedStore({ servers: [server] }).name).toBe('memcached')
})

describeWithProgram('memcached', 'on two servers', () => {
  let servers: MemcachedServer[]
  let store: RemoteStore
  const create = (namespace: string) =>
    memcachedStore({ servers: servers.map(({ address }) => address), namespace, connectTimeout: 5 * second })

  beforeAll(async () => {
    servers = await Promise.all([startMemcached(), startMemcached()])
    store = create('own')
  })
  afterAll(async () => {
    await store.close()
    await Promise.all(servers.map((server) => server.stop()))
  })

  describeStore(
    'memcachedStore',
    () => {
      const subject = create('suite')
      return {
        store: subject,
        pass: (ms) => sleep(ms),
        close: () => subject.close(),
        restart: async () => {
          await Promise.all(servers.map((server) => server.restart()))
        },
        freeze: async () => {
          await Promise.all(servers.map((server) => server.pause()))
          return () => {
            for (const server of servers) server.resume()
          }
        },
        another: () => {
          const another = create('suite')
          return { store: another, close: () => another.close() }
        },
      }
    },
    { capabilities: true, freezes: true, without: ['lists', 'channels'] },
  )

  test.each([0, 1, MiB, 5 * MiB, 64 * MiB])(
    'a body of %i bytes comes back, and is gone once deleted',
    async (bytes) => {
      const item = itemOf(bytes)
      await store.set('body', item, minute)
      expect((await store.get('body'))?.body.equals(item.body)).toBe(true)
      expect(await store.delete('body')).toBe(true)
      expect(await store.get('body')).toBeUndefined()
      expect(await store.delete('body')).toBe(false)
    },
  )

  /** Asked for until it is gone: that is not before its time, and no later than what an answer takes. */
  const lasts = async (lifetime: number): Promise<void> => {
    const before = performance.now()
    await store.set(`for ${lifetime} ms`, itemOf(1), lifetime)
    const after = performance.now()
    for (;;) {
      const askedAt = performance.now()
      const found = await store.get(`for ${lifetime} ms`)
      if (found === undefined) {
        expect(performance.now() - before).toBeGreaterThanOrEqual(lifetime - 2)
        return
      }
      // What a stored time loses by being in whole milliseconds.
      expect(askedAt - after).toBeLessThan(lifetime + 2)
      await sleep(5)
    }
  }

  test('a lifetime of 300 ms ends to the millisecond, not to the second', async () => {
    await lasts(300)
  })

  test('a lifetime of 2 s lasts as long, and not longer', async () => {
    await lasts(2 * second)
  })

  test('the server itself drops what has ended, so that it takes no room', async () => {
    const single = memcachedStore({ servers: [servers[0]!.address], namespace: 'dropped' })
    await single.set('a', itemOf(1), 100)
    const [key = ''] = (await keysOf(servers[0]!, 'dropped:')).filter((name) => name.includes('{'))
    expect(key).not.toBe('')
    await expect.poll(() => ask(servers[0]!, `get ${key}\r\n`, 'END\r\n'), { timeout: 20_000 }).toBe('END\r\n')
    await single.close()
  })

  test.each([29.9999, 30, 31, 365, 400])('a lifetime of %d days keeps', async (days) => {
    await store.set('long', itemOf(1), days * day)
    await sleep(20)
    expect(await store.get('long')).toBeDefined()
  })

  test('clear leaves what other namespaces and other users of the server have', async () => {
    const names = ['a', 'ab', 'a-b', 'A']
    const stores = names.map(create)
    for (const server of servers) await ask(server, 'set foreign 0 0 1\r\nx\r\n', 'STORED\r\n')
    for (const each of stores) await each.set('key', itemOf(1), minute)
    await stores[0]?.clear()
    const found = await Promise.all(stores.map((each) => each.get('key')))
    expect(found.map((item) => item !== undefined)).toEqual([false, true, true, true])
    for (const server of servers) expect(await ask(server, 'get foreign\r\n', 'END\r\n')).toContain('VALUE foreign 0 1')
    for (const each of stores) await each.close()
  })

  test('another process heeds a clear at once, in what it reads and in what it writes', async () => {
    const [one, other] = [create('cleared'), create('cleared')]
    const keys = Array.from({ length: 20 }, (_, i) => `key ${i}`)
    const found = () => Promise.all(keys.map(async (key) => (await other.get(key)) !== undefined))
    for (const key of keys) await one.set(key, itemOf(1), minute)
    expect(await found()).not.toContain(false)
    await one.clear()
    expect(await found()).not.toContain(true)
    await one.clear()
    for (const key of keys) await other.set(key, itemOf(1), minute)
    expect(await one.get(keys[0]!)).toBeDefined()
    expect(await found()).not.toContain(false)
    await one.close()
    await other.close()
  })

  test('each server has about half of the keys', async () => {
    await Promise.all(Array.from({ length: 400 }, (_, i) => store.set(`spread ${i}`, itemOf(1), minute)))
    for (const server of servers) {
      const own = (await keysOf(server, 'own:')).length
      expect(own).toBeGreaterThan(120)
    }
  })

  test('a process that did nothing more than ask ends by itself', async () => {
    const module = new URL('../../src/adapters/stores/memcached.ts', import.meta.url).href
    const program = `
      import { memcachedStore } from ${JSON.stringify(module)}
      const store = memcachedStore({ servers: ${JSON.stringify(servers.map(({ address }) => address))} })
      await store.set('a', { meta: {}, body: Buffer.from('b') }, 60000)
      console.log((await store.get('a')).body.toString())`
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
      timeout: 10_000,
    })
    expect(stdout.trim()).toBe('b')
  })

  test('what is asked after closing rejects', async () => {
    const closed = create('closed')
    await closed.set('key', itemOf(1), minute)
    await closed.close()
    await expect(closed.get('key')).rejects.toThrow('The store memcached was closed')
  })
})

/** Sends text and resolves with what comes, up to and with `until`. */
function ask(server: MemcachedServer, text: string, until: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = ''
    const socket = connect(server.port, '127.0.0.1', () => socket.write(text))
    socket.on('error', reject)
    socket.on('data', (chunk) => {
      said += chunk.toString('latin1')
      if (!said.endsWith(until)) return
      socket.destroy()
      resolve(said)
    })
  })
}

async function keysOf(server: MemcachedServer, prefix: string): Promise<string[]> {
  const lines = (await ask(server, 'lru_crawler metadump all\r\n', 'END\r\n')).matchAll(/^key=(\S+)/gm)
  return [...lines].map(([, key = '']) => decodeURIComponent(key)).filter((key) => key.startsWith(prefix))
}
