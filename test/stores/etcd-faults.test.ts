import { connect, createServer, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { etcdStore } from '../../src/adapters/stores/etcd.ts'
import type { RemoteStore } from '../../src/core/store/remote.ts'
import { itemOf } from '../store/items.ts'
import { type EtcdServer, startEtcd } from '../support/etcd.ts'
import { describeWithProgram, freePort } from '../support/servers.ts'
import { guardedServerTests } from './guarded-server.ts'

const minute = 60_000
const back = { timeout: 15_000, interval: 50 }

describeWithProgram('etcd', 'a guarded etcd', () => {
  guardedServerTests<EtcdServer>({
    start: startEtcd,
    open: ({ url }) => etcdStore({ hosts: url, connectTimeout: 500 }),
    keeps: true,
    refusal: /etcd/,
  })
})

describeWithProgram('etcd', 'etcdStore whose way to etcd breaks', () => {
  let server: EtcdServer
  let store: RemoteStore

  const make = (hosts: string | string[] = server.url) => {
    store = etcdStore({ hosts, connectTimeout: 500 })
  }
  beforeEach(async () => {
    server = await startEtcd()
  })
  afterEach(async () => {
    await store.close()
    await server.stop()
  })

  test('one of two hosts is not there: the other is asked, and reads do not notice', async () => {
    make([`http://127.0.0.1:${await freePort()}`, server.url])
    await store.set('a', itemOf(10), minute)
    expect(await store.get('a')).toBeDefined()
  })

  test('the way that is used breaks: what can be done twice goes another', async () => {
    let used = 0
    const ways = await Promise.all(
      [0, 1].map(async (index) => {
        const sockets = new Set<Socket>()
        const proxy = createServer((socket) => {
          const behind = connect(server.port, '127.0.0.1')
          for (const each of [socket, behind]) sockets.add(each.on('error', () => {}))
          socket.on('data', () => {
            used = index
          })
          socket.pipe(behind).pipe(socket)
        })
        const port = await freePort()
        await new Promise<void>((resolve) => proxy.listen(port, '127.0.0.1', resolve))
        const close = () => {
          proxy.close()
          for (const socket of sockets) socket.destroy()
        }
        return { url: `http://127.0.0.1:${port}`, close }
      }),
    )
    make(ways.map(({ url }) => url))
    for (let i = 0; i < 20; i++) await store.set('a', itemOf(10), minute)
    ways[used]?.close()
    for (let i = 0; i < 20; i++) expect(await store.get('a')).toBeDefined()
    await store.set('a', itemOf(10), minute)
    for (const { close } of ways) close()
  })

  test('leases that could not be given back while it was gone are given back later', async () => {
    make()
    await store.set('a', itemOf(10), minute)
    await store.set('b', itemOf(10), minute)
    await server.kill()
    await expect(store.set('a', itemOf(10), minute)).rejects.toThrow()
    await server.restart()
    await vi.waitFor(() => store.set('a', itemOf(10), minute), back)
    await store.clear()
    const leases = async () => ((await server.ask('lease/leases', {})).leases ?? []) as unknown[]
    await expect.poll(leases, { timeout: 20_000 }).toEqual([])
  })
})

describeWithProgram('etcd', 'etcdStore where a user is asked for', () => {
  let server: EtcdServer
  beforeEach(async () => {
    server = await startEtcd()
    const ask = (path: string, request: object) => server.ask(path, request)
    await ask('auth/user/add', { name: 'root', password: 'r00t' })
    await ask('auth/user/grant', { user: 'root', role: 'root' })
    await ask('auth/user/add', { name: 'me', password: 's3cr3t' })
    await ask('auth/role/add', { name: 'cache' })
    const range = { key: Buffer.from('bw:').toString('base64'), range_end: Buffer.from('bw;').toString('base64') }
    await ask('auth/role/grant', { name: 'cache', perm: { permType: 'READWRITE', ...range } })
    await ask('auth/user/grant', { user: 'me', role: 'cache' })
    await ask('auth/enable', {})
  })
  afterEach(() => server.stop())

  test('works with the right one, also after a restart, which ends what it was given', async () => {
    const store = etcdStore({ hosts: server.url, username: 'me', password: 's3cr3t' })
    await store.set('a', itemOf(10), minute)
    expect(await store.get('a')).toBeDefined()
    await server.restart()
    await vi.waitFor(async () => expect(await store.get('a')).toBeDefined(), back)
    await store.set('a', itemOf(10), minute)
    await store.clear()
    await store.close()
  })

  test.each([
    [{ username: 'me', password: 'wr0ng' }, /authentication failed, invalid user ID or password/],
    [{ username: 'you', password: 's3cr3t' }, /authentication failed/],
    [{}, /user name is empty/],
  ])('says so of %o, without the password', async (user, message) => {
    const store = etcdStore({ hosts: server.url, ...user })
    const error: Error = await store.ready().then(
      () => new Error('it was let in'),
      (reason: Error) => reason,
    )
    expect(error.message).toMatch(message)
    expect(error.message).toMatch(/^etcd at http:\/\/127.0.0.1:\d+ cannot be used/)
    expect(`${error.message}${error.stack}${String(error.cause)}`).not.toMatch(/wr0ng|s3cr3t/)
    await store.close()
  })

  test('says where a key is not permitted', async () => {
    const store = etcdStore({ hosts: server.url, username: 'me', password: 's3cr3t', namespace: 'other' })
    await expect(store.get('a')).rejects.toThrow(/permission denied/)
    await store.close()
  })
})

describe('etcdStore says what is wrong', () => {
  test('where nothing listens', async () => {
    const store = etcdStore({ hosts: `http://127.0.0.1:${await freePort()}` })
    await expect(store.ready()).rejects.toThrow(
      /^etcd at http:\/\/127.0.0.1:\d+ cannot be used; see that it runs and that the host is right: .*ECONNREFUSED/,
    )
    await store.close()
  })

  test('where the name is unknown, or something else answers', async () => {
    const port = await freePort()
    const other = createServer((socket) => {
      socket.on('error', () => {})
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
    })
    await new Promise<void>((resolve) => other.listen(port, '127.0.0.1', resolve))
    for (const hosts of ['http://no-such-host.invalid', `http://127.0.0.1:${port}`]) {
      const store = etcdStore({ hosts, connectTimeout: 500 })
      await expect(store.ready()).rejects.toThrow(/^etcd at .* cannot be used/)
      await store.close()
    }
    other.close()
  })
})
