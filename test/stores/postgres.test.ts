import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { type PostgresStoreOptions, postgresStore, postgresTables } from '../../src/adapters/stores/postgres.ts'
import { sqlState } from '../../src/adapters/stores/postgres-client.ts'
import { StoreError } from '../../src/core/store/errors.ts'
import type { RemoteStore } from '../../src/core/store/remote.ts'
import { describeStore } from '../store/behaviour.ts'
import { itemOf } from '../store/items.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { describeWithProgram } from '../support/servers.ts'

const minute = 60_000

describe('options', () => {
  test.each<[PostgresStoreOptions, RegExp]>([
    [{}, /needs url or pool, not neither/],
    [{ url: 'postgres://a@b/c', pool: new pg.Pool() }, /needs url or pool, not both/],
    [{ pool: {} as pg.Pool }, /pool must be a Pool of the package pg, not {}/],
    [{ pool: new pg.Pool(), max: 3 }, /leave it out beside pool/],
    [{ url: 'mysql://b/c' }, /url must be postgres:.*not 'mysql:/],
    [{ url: 'postgres:///c' }, /url must be postgres:/],
    [{ url: 'localhost:5432' }, /url must be postgres:/],
    [{ url: 'postgres://a:%zz@b/c' }, /url must be postgres:/],
    [{ url: 7 as unknown as string }, /url must be postgres:.*not 7/],
    [{ url: 'postgres://b/c', max: 0 }, /max must be a whole number of at least 1, not 0/],
    [{ url: 'postgres://b/c', connectTimeout: -1 }, /connectTimeout must be milliseconds/],
    [{ url: 'postgres://b/c', statementTimeout: 0 }, /statementTimeout must be milliseconds/],
    [{ url: 'postgres://b/c', sweepInterval: Number.NaN }, /sweepInterval must be milliseconds/],
    [{ url: 'postgres://b/c', table: 'a"; DROP TABLE b' }, /table must be a letter .* not 'a"; DROP TABLE b'/],
    [{ url: 'postgres://b/c', table: 'x'.repeat(49) }, /table must be a letter/],
    [{ url: 'postgres://b/c', schema: '' }, /schema must be a letter .* not ''/],
    [{ url: 'postgres://b/c', tabel: 'a' } as PostgresStoreOptions, /has no option 'tabel'/],
  ])('refuses %o', (options, message) => {
    expect(() => postgresStore(options)).toThrow(message)
  })

  test('a URL that cannot be used is shown without its user and password', () => {
    for (const url of ['postgres://app:pa/ss@b/c?x', 'app:secret@b/c', 'mysql://app:secret@b/c']) {
      expect(() => postgresStore({ url })).toThrow(/\*\*\*@b/)
      expect(() => postgresStore({ url })).not.toThrow(/app|secret|pa\/ss/)
    }
  })

  test.each(['postgres://b/c', 'postgresql://a:b@c:1/d?sslmode=require', 'postgres:///c?host=/run/postgresql'])(
    'takes %s',
    (url) => {
      expect(postgresStore({ url }).name).toBe('postgres')
    },
  )
})

test('an error of a socket is none of the server’s, though its code looks like one', () => {
  expect(sqlState(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))).toBeUndefined()
  expect(sqlState(Object.assign(new Error('relation'), { code: '42P01', severity: 'ERROR' }))).toBe('42P01')
})

describeWithProgram('initdb', 'on PostgreSQL', () => {
  let server: PostgresServer
  const stores: RemoteStore[] = []
  const create = (options: PostgresStoreOptions = {}): RemoteStore => {
    const store = postgresStore({ ...(options.pool === undefined && { url: server.url }), ...options })
    stores.push(store)
    return store
  }
  const rows = async (table: string) =>
    Number((await server.query<{ n: string }>(`SELECT count(*) AS n FROM ${table}`))[0]?.n)

  beforeAll(async () => {
    server = await startPostgres()
  })
  afterEach(async () => {
    await Promise.all(stores.splice(0).map((store) => store.close()))
  })
  afterAll(() => server?.stop())

  describeStore(
    'postgresStore',
    () => {
      const store = postgresStore({ url: server.url, namespace: 'suite' })
      return {
        store,
        pass: (ms) => sleep(ms),
        close: () => store.close(),
        restart: () => server.restart(),
        freeze: async () => {
          await server.pause()
          return () => server.resume()
        },
        another: () => {
          const another = postgresStore({ url: server.url, namespace: 'suite' })
          return { store: another, close: () => another.close() }
        },
      }
    },
    { capabilities: true, freezes: true },
  )

  test('stores that start at the same time make their tables once, and all are ready', async () => {
    const all = Array.from({ length: 12 }, () => create({ table: 'start', max: 1 }))
    await Promise.all(all.map((store) => store.ready()))
    await all[0]?.set('a', itemOf(1, { from: 0 }), minute)
    expect((await all[11]?.get('a'))?.meta).toEqual({ from: 0 })
  })

  test('the tables are unlogged, and remain what somebody else made of them', async () => {
    await create({ table: 'own' }).ready()
    const kind = () =>
      server.query("SELECT DISTINCT relpersistence AS kind FROM pg_class WHERE relname IN ('own', 'own_items')")
    expect(await kind()).toEqual([{ kind: 'u' }])
    await server.query('ALTER TABLE own SET LOGGED')
    await server.query('ALTER TABLE own_items SET LOGGED')
    await create({ table: 'own' }).ready()
    expect(await kind()).toEqual([{ kind: 'p' }])
  })

  test('tables and schemas with letters, digits and signs keep stores apart', async () => {
    await server.query('CREATE SCHEMA "Tenant-1"')
    const [here, there, elsewhere] = [
      create({ table: 'Pages-1' }),
      create({ table: 'Pages-1', schema: 'Tenant-1' }),
      create({ table: `p${'x'.repeat(47)}` }),
    ]
    await there.set('a', itemOf(1), minute)
    expect(await here.get('a')).toBeUndefined()
    expect(await elsewhere.get('a')).toBeUndefined()
    expect(await there.get('a')).toBeDefined()
  })

  test('tables that were dropped under way are made again', async () => {
    const store = create({ table: 'dropped' })
    await store.set('a', itemOf(1), minute)
    await server.query('DROP TABLE dropped, dropped_items')
    expect(await store.get('a')).toBeUndefined()
    await store.set('a', itemOf(1), minute)
    expect(await store.get('a')).toBeDefined()
  })

  test('clear removes its own namespace, and its lists, and nothing else', async () => {
    const [a, b] = [create({ namespace: 'a', table: 'clear' }), create({ namespace: 'a_', table: 'clear' })]
    for (const store of [a, b]) {
      await Promise.all(Array.from({ length: 1100 }, (_, i) => store.set(`key ${i}`, itemOf(1), minute)))
      await store.capabilities?.append?.('list', Buffer.from('a'), minute)
    }
    await a.clear()
    expect(await rows('clear')).toBe(1101)
    expect(await rows('clear_items')).toBe(1)
    expect(await b.get('key 7')).toBeDefined()
  })

  test('a counter can be read, and what is no counter cannot be counted on', async () => {
    const { capabilities } = create()
    await capabilities?.increment('counter', 41, minute)
    expect(String(await capabilities?.read('counter'))).toBe('41')
    await capabilities?.setIfAbsent('text', Buffer.from('abc'), minute)
    await expect(capabilities?.increment('text', 1, minute)).rejects.toThrow(StoreError)
  })

  test('a list begins anew when it has expired, without values of the old one', async () => {
    const store = create({ table: 'lists' })
    const lists = store.capabilities
    await lists?.append?.('a', Buffer.from('old 1'), minute)
    await lists?.append?.('a', Buffer.from('old 2'), 1)
    await sleep(5)
    expect(await lists?.slice?.('a', 0)).toEqual([])
    expect(await lists?.append?.('a', Buffer.from('new'), minute)).toBe(1)
    expect((await lists?.slice?.('a', 0))?.map(String)).toEqual(['new'])
    expect(await lists?.slice?.('a', 1)).toEqual([])
  })

  test('rows that have expired are swept, in several batches and by several processes', async () => {
    const all = [1, 2, 3].map(() => create({ table: 'swept', sweepInterval: 100 }))
    const [store] = all
    await store?.set('stays', itemOf(1), minute)
    await store?.set('stays for ever', itemOf(1), Infinity)
    await Promise.all(Array.from({ length: 1200 }, (_, i) => store?.set(`goes ${i}`, itemOf(1), 100)))
    await store?.capabilities?.append?.('list that goes', Buffer.from('a'), 100)
    await store?.capabilities?.append?.('list that stays', Buffer.from('a'), minute)
    await Promise.all(all.map((each) => each.ready()))
    await expect.poll(() => rows('swept'), { timeout: 8000 }).toBe(3)
    await expect.poll(() => rows('swept_items'), { timeout: 8000 }).toBe(1)
    expect(await store?.get('stays')).toBeDefined()
    expect(await store?.capabilities?.slice?.('list that stays', 0)).toHaveLength(1)
  })

  test('10,000 sets at once all end, on no more connections than `max`', async () => {
    const store = create({ table: 'crowd', max: 5 })
    await store.ready()
    const connections = () =>
      server.query<{ n: string }>("SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = 'breakwater'")
    const sets = Promise.all(
      Array.from({ length: 10_000 }, (_, i) => store.set(`key ${i}`, itemOf(200, { i }), minute)),
    )
    expect(Number((await connections())[0]?.n)).toBeLessThanOrEqual(5)
    await sets
    expect(await rows('crowd')).toBe(10_000)
    expect((await store.get('key 9999'))?.meta).toEqual({ i: 9999 })
  }, 60_000)

  test('where the server has fewer connections to spare than `max`, those we have will do', async () => {
    await server.query('CREATE ROLE few LOGIN CONNECTION LIMIT 2; GRANT ALL ON SCHEMA public TO few')
    const store = create({ url: server.urlOf('few'), table: 'few', max: 8 })
    const results = await Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        await store.set(`key ${i}`, itemOf(10), minute)
        return store.get(`key ${i}`)
      }),
    )
    expect(results.every((found) => found !== undefined)).toBe(true)
  })

  test('100 callers count right where the database isolates transactions strictly', async () => {
    await server.query(
      "CREATE ROLE strict LOGIN; ALTER ROLE strict SET default_transaction_isolation TO 'serializable'",
    )
    await server.query('GRANT ALL ON SCHEMA public TO strict')
    const { capabilities } = create({ url: server.urlOf('strict'), table: 'strict' })
    const sums = await Promise.all(Array.from({ length: 100 }, () => capabilities?.increment('a', 1, minute)))
    expect(new Set(sums).size).toBe(100)
    expect(Math.max(...sums.map(Number))).toBe(100)
  })

  test('two stores of one process end apart', async () => {
    const [a, b] = [create(), create()]
    await a.set('a', itemOf(1), minute)
    await b.set('b', itemOf(1), minute)
    await a.close()
    await expect(a.get('a')).rejects.toThrow('The store postgres was closed')
    expect(await b.get('a')).toBeDefined()
  })

  test('a pool that was handed in is used as it is, has a listener for errors, and is not ended', async () => {
    const pool = new pg.Pool({ connectionString: server.url, max: 2 })
    const store = create({ pool })
    expect(pool.listenerCount('error')).toBe(1)
    const heard: string[] = []
    await store.capabilities?.subscribe?.('channel', {
      message: (text) => heard.push(text),
      connected: () => {},
      lost: () => {},
    })
    await Promise.all(Array.from({ length: 20 }, (_, i) => store.set(`key ${i}`, itemOf(1), minute)))
    await store.capabilities?.publish?.('channel', 'hello')
    await expect.poll(() => heard).toEqual(['hello'])
    expect(pool.totalCount).toBeLessThanOrEqual(2)
    await store.close()
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    expect(pool.listenerCount('error')).toBe(0)
    await pool.end()
  })

  test('an injected pool whose connections are all taken makes calls reject within connectTimeout', async () => {
    const pool = new pg.Pool({ connectionString: server.url, max: 1 })
    const store = create({ pool, connectTimeout: 200 })
    const taken = await pool.connect()
    const start = performance.now()
    await expect(store.get('a')).rejects.toThrow('gave us no connection within 200 ms')
    expect(performance.now() - start).toBeLessThan(400)
    taken.release()
    await expect.poll(() => store.get('a').then(() => 'works', String)).toBe('works')
    await store.close()
    await pool.end()
  })

  describe('says what to do', () => {
    const sentence = async (store: RemoteStore): Promise<string> => {
      const error: unknown = await store.ready().catch((reason: unknown) => reason)
      expect(error).toBeInstanceOf(StoreError)
      const everything = JSON.stringify(error, Object.getOwnPropertyNames(error)) + String((error as Error).cause)
      expect(everything).not.toMatch(/s3cret|s%2Fecret|s\/ecret/)
      return (error as Error).message
    }

    test('where the password is wrong', async () => {
      await server.query("CREATE ROLE secured LOGIN PASSWORD 'right'")
      expect(await sentence(create({ url: server.urlOf('secured', 's/ecret s3cret') }))).toBe(
        `PostgreSQL at 127.0.0.1:${server.port}/postgres cannot be used: check that it runs, its address and the ` +
          'password: password authentication failed for user "secured"',
      )
      await server.query('GRANT ALL ON SCHEMA public TO secured')
      await create({ url: server.urlOf('secured', 'right'), table: 'secured' }).ready()
    })

    test('where there is no such database', async () => {
      const url = server.urlOf('postgres', 's3cret').replace(/postgres$/, 'nothing')
      expect(await sentence(create({ url }))).toMatch(/cannot be used: .*database "nothing" does not exist/)
    })

    test('where nothing listens', async () => {
      const url = 'postgres://app:s3cret@127.0.0.1:1/db'
      expect(await sentence(create({ url }))).toMatch(
        /^PostgreSQL at 127\.0\.0\.1:1\/db cannot be used: check that it runs.*ECONNREFUSED/,
      )
    })

    test('where the schema is missing', async () => {
      expect(await sentence(create({ schema: 'nowhere' }))).toMatch(
        /^There is no schema for the table "nowhere"\."breakwater": create it, or set the option schema/,
      )
    })

    test('where the table is another one', async () => {
      await server.query('CREATE TABLE orders (id int)')
      await server.query('CREATE VIEW seen AS SELECT 1 AS one')
      for (const table of ['orders', 'seen']) {
        expect(await sentence(create({ table }))).toMatch(/is not a table of this store: give the option table another/)
      }
    })

    test('where the role may not make tables, which others can make for it', async () => {
      await server.query('CREATE ROLE lowly LOGIN')
      const url = server.urlOf('lowly', 's3cret')
      expect(await sentence(create({ url, table: 'made' }))).toMatch(
        /^The role may not create or use the tables "made" and "made_items": let another role run what postgresTables/,
      )
      await server.query(postgresTables({ table: 'made' }))
      expect(await sentence(create({ url, table: 'made' }))).toMatch(/^The role may not .* use the tables "made"/)
      await server.query('GRANT SELECT, INSERT, UPDATE, DELETE ON made, made_items TO lowly')
      const store = create({ url, table: 'made' })
      await store.set('a', itemOf(1), minute)
      expect(await store.get('a')).toBeDefined()
      expect(await store.capabilities?.append?.('list', Buffer.from('a'), minute)).toBe(1)
    })

    test('where a message is too long', async () => {
      const { capabilities } = create()
      await capabilities?.publish?.('a', 'x'.repeat(7999))
      await expect(capabilities?.publish?.('a', 'ü'.repeat(4000))).rejects.toThrow('at most 7999 bytes')
    })
  })

  test('a message of one store reaches another in less than 50 ms', async () => {
    const [from, to] = [create(), create()]
    const heard = vi.fn<(text: string) => void>()
    await to.capabilities?.subscribe?.('channel', { message: heard, connected: () => {}, lost: () => {} })
    await from.ready()
    const times: number[] = []
    for (let i = 0; i < 21; i++) {
      const start = performance.now()
      await from.capabilities?.publish?.('channel', String(i))
      await vi.waitFor(() => expect(heard).toHaveBeenLastCalledWith(String(i)), { interval: 1 })
      times.push(performance.now() - start)
    }
    expect(times.toSorted((a, b) => a - b)[10]).toBeLessThan(50)
  })
})
