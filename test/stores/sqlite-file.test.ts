import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type SqliteStoreOptions, sqliteStore } from '../../src/adapters/stores/sqlite.ts'
import type { RemoteStore } from '../../src/core/store/remote.ts'
import { itemOf } from '../store/items.ts'

const KiB = 1024
const minute = 60_000

let folder: string
let path: string
const stores: RemoteStore[] = []
const open = (options: Partial<SqliteStoreOptions> = {}): RemoteStore => {
  const store = sqliteStore({ path, ...options })
  stores.push(store)
  return store
}
/** Looks into the file past the store. */
const count = (sql: string): number => {
  const db = new DatabaseSync(path, { readOnly: true })
  const [value] = Object.values(db.prepare(sql).get() ?? {})
  db.close()
  return Number(value)
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'breakwater-sqlite-'))
  path = join(folder, 'cache.db')
})
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close()
  rmSync(folder, { recursive: true, force: true })
})

describe('the byte limit', () => {
  const maxBytes = 2000 * KiB

  test('holds within 5 per cent and is made use of, and what ends first leaves first', async () => {
    const store = open({ maxBytes })
    for (let i = 0; i < 300; i++) {
      await store.set(`key ${i}`, itemOf(1000 + ((i * 7919) % 30_000)), minute + i)
      expect(count('SELECT bytes FROM totals')).toBeLessThanOrEqual(maxBytes)
    }
    expect(count('SELECT sum(length(key) + length(value)) FROM items')).toBeGreaterThan(maxBytes * 0.9)
    expect(await store.get('key 0')).toBeUndefined()
    expect(await store.get('key 299')).toBeDefined()
  })

  test('counts what is replaced, deleted, cleared and swept', async () => {
    const store = open()
    const counted = () => count('SELECT bytes FROM totals')
    const there = () => count('SELECT coalesce(sum(length(key) + length(value)), 0) FROM items')
    await store.set('a', itemOf(50_000), minute)
    await store.set('a', itemOf(10), minute)
    await store.set('b', itemOf(1_200_000), minute)
    await store.delete('b')
    expect(counted()).toBe(there())
    await store.clear()
    expect(counted()).toBe(0)
  })

  test('holds over two processes that write in turn', async () => {
    const [one, two] = [open({ maxBytes }), open({ maxBytes })]
    for (let i = 0; i < 200; i++) await (i % 2 ? one : two).set(`key ${i}`, itemOf(20_000), minute)
    expect(count('SELECT sum(length(key) + length(value)) FROM items')).toBeLessThanOrEqual(maxBytes)
  })

  test('never takes what capabilities keep', async () => {
    const store = open({ maxBytes })
    await store.capabilities?.setIfAbsent('lock', Buffer.from('token'), 30_000)
    await store.capabilities?.append?.('list', Buffer.from('value'), 30_000)
    for (let i = 0; i < 200; i++) await store.set(`key ${i}`, itemOf(20_000), minute)
    expect(String(await store.capabilities?.read('lock'))).toBe('token')
    expect((await store.capabilities?.slice?.('list', 0))?.length).toBe(1)
  })

  test('that was lowered is reached by the next write', async () => {
    const before = open()
    for (let i = 0; i < 100; i++) await before.set(`key ${i}`, itemOf(20_000), minute)
    const store = open({ maxBytes: 200 * KiB })
    await store.set('one more', itemOf(10), minute)
    expect(count('SELECT bytes FROM totals')).toBeLessThanOrEqual(200 * KiB)
  })

  test('bounds the largest body', () => {
    expect(open({ maxBytes: 400 * KiB }).maxEntrySize).toBe(100 * KiB)
    expect(open().maxEntrySize).toBe(64 * KiB * KiB)
  })
})

describe('what has ended', () => {
  test('is swept by a timer, in all tables', async () => {
    const store = open({ sweepInterval: 20 })
    for (let i = 0; i < 100; i++) await store.set(`key ${i}`, itemOf(10), 5)
    await store.capabilities?.setIfAbsent('lock', Buffer.from('token'), 5)
    for (let i = 0; i < 3; i++) await store.capabilities?.append?.('list', Buffer.from('value'), 5)
    await vi.waitFor(() => {
      for (const table of ['items', 'cells', 'lists', 'list_values'])
        expect(count(`SELECT count(*) FROM ${table}`)).toBe(0)
    })
  })

  test('is swept by writing, so that a file that is only written does not grow', async () => {
    const store = open({ sweepInterval: 2 ** 30 })
    for (let i = 0; i < 2000; i++) await store.set(`key ${i}`, itemOf(100), 1)
    expect(count('SELECT count(*) FROM items')).toBeLessThan(500)
  })
})

describe('a file that cannot be used', () => {
  test('is not SQLite: it says so and leaves it alone', async () => {
    writeFileSync(path, 'name,price\n'.repeat(500))
    await expect(open().ready()).rejects.toThrow(/is not a SQLite database.*another path/)
    expect(readFileSync(path, 'utf8')).toBe('name,price\n'.repeat(500))
  })

  test('is made by another process while this one looks at it: both use it', async () => {
    const made = join(folder, 'made.db')
    const other = sqliteStore({ path: made })
    await other.set('a', itemOf(1), minute)
    await other.close()
    const { prepare } = DatabaseSync.prototype
    const looking = vi.spyOn(DatabaseSync.prototype, 'prepare').mockImplementationOnce(function (
      this: DatabaseSync,
      sql,
    ) {
      const found = prepare.call(this, sql).get()
      copyFileSync(made, path)
      return { get: () => found } as ReturnType<typeof prepare>
    })
    await open().ready()
    looking.mockRestore()
    expect(await open().get('a')).toBeDefined()
  })

  test('is another program’s database: it says so and leaves it alone', async () => {
    const db = new DatabaseSync(path)
    db.exec('CREATE TABLE users (name TEXT)')
    db.close()
    const before = readFileSync(path)
    await expect(open().ready()).rejects.toThrow(/database of another program.*path of its own/)
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  test('is of a newer version: it says so', async () => {
    await open().ready()
    const db = new DatabaseSync(path)
    db.exec('PRAGMA user_version = 99')
    db.close()
    await expect(open().ready()).rejects.toThrow(/newer version of Breakwater.*schema 99/)
  })

  test('is in no folder: it says so, and works once there is one', async () => {
    const store = sqliteStore({ path: join(folder, 'later', 'cache.db') })
    await expect(store.ready()).rejects.toThrow(/folder must exist/)
  })

  test('was damaged: it says what to do', async () => {
    const store = sqliteStore({ path })
    for (let i = 0; i < 200; i++) await store.set(`key ${i}`, itemOf(20_000), minute)
    await store.close()
    const bytes = readFileSync(path)
    writeFileSync(path, bytes.fill(0x5a, 8192))
    const damaged = open()
    const asked = Promise.all(Array.from({ length: 200 }, (_, i) => damaged.get(`key ${i}`)))
    await expect(asked).rejects.toThrow(/is damaged.*remove it/)
  })

  test('holds a damaged body: a miss', async () => {
    const store = open()
    await store.set('a', itemOf(20_000), minute)
    const db = new DatabaseSync(path)
    db.exec('UPDATE items SET value = zeroblob(size)')
    db.close()
    expect(await store.get('a')).toBeUndefined()
  })
})

describe('a file that another process writes', () => {
  test('is waited for, without holding this process up', async () => {
    const store = open()
    await store.ready()
    const other = new DatabaseSync(path)
    other.exec('BEGIN IMMEDIATE')
    let turns = 0
    const turning = setInterval(() => turns++, 5)
    setTimeout(() => other.exec('COMMIT'), 150)
    await store.set('a', itemOf(10), minute)
    clearInterval(turning)
    expect(turns).toBeGreaterThan(5)
    expect(await store.get('a')).toBeDefined()
    other.close()
  })

  test('for longer than busyTimeout is a rejection with a sentence; reading goes on', async () => {
    const store = open({ busyTimeout: 30 })
    await store.set('a', itemOf(10), minute)
    const other = new DatabaseSync(path)
    other.exec('BEGIN IMMEDIATE')
    await expect(store.set('b', itemOf(10), minute)).rejects.toThrow(/locked by another process/)
    expect(await store.get('a')).toBeDefined()
    other.exec('COMMIT')
    other.close()
    await store.set('b', itemOf(10), minute)
  })
})

test(':memory: keeps everything in this process and makes no file', async () => {
  const store = open({ path: ':memory:' })
  await store.set('a', itemOf(2_000_000), minute)
  expect((await store.get('a'))?.body.equals(itemOf(2_000_000).body)).toBe(true)
  expect(statSync(folder).isDirectory()).toBe(true)
  await expect(open({ path: ':memory:' }).get('a')).resolves.toBeUndefined()
})

test('ten open the same new file at once', async () => {
  const all = Array.from({ length: 10 }, () => open())
  await Promise.all(all.map((store, i) => store.set(`key ${i}`, itemOf(10), minute)))
  for (let i = 0; i < 10; i++) expect(await all[0]?.get(`key ${i}`)).toBeDefined()
})

test.each([
  [undefined, /needs the option path/],
  [{ path: '' }, /needs the option path.*''/],
  [{ path: 7 }, /needs the option path.*7/],
  [{ path: 'a\0b' }, /needs the option path/],
  [{ path: 'a', maxBytes: 10 }, /maxBytes must be at least 65536/],
  [{ path: 'a', maxBytes: 'much' }, /maxBytes must be a number/],
  [{ path: 'a', busyTimeout: 0 }, /busyTimeout must be milliseconds/],
  [{ path: 'a', sweepInterval: Number.NaN }, /sweepInterval must be milliseconds/],
  [{ path: 'a', maxEntrySize: -1 }, /maxEntrySize/],
  [{ path: 'a', clock: {} }, /clock must have/],
  [{ path: 'a', size: 1 }, /sqliteStore has no option 'size'/],
])('refuses %o', (options, sentence) => {
  expect(() => sqliteStore(options as unknown as SqliteStoreOptions)).toThrow(sentence)
})
