import { execFileSync } from 'node:child_process'
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type DiskStoreOptions, diskStore } from '../../src/adapters/stores/disk.ts'
import type { RemoteStore } from '../../src/core/store/remote.ts'
import type { LargeItem } from '../../src/core/store/store.ts'
import { itemOf } from '../store/items.ts'

const KiB = 1024
const MiB = 1024 * KiB
const minute = 60_000

let folder: string
const stores: RemoteStore[] = []
const open = (options: Partial<DiskStoreOptions> = {}): RemoteStore => {
  const store = diskStore({ folder, ...options })
  stores.push(store)
  return store
}
const closeAll = async (): Promise<void> => {
  for (const store of stores.splice(0)) await store.close()
}
const filesIn = (part: string): string[] =>
  globSync(join(folder, 'breakwater-1', part, '**', '*')).filter((path) => statSync(path).isFile())
const bytesIn = (part: string): number => filesIn(part).reduce((sum, path) => sum + statSync(path).size, 0)

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'breakwater-disk-'))
})
afterEach(async () => {
  await closeAll()
  rmSync(folder, { recursive: true, force: true })
})

describe('the byte limit', () => {
  const maxBytes = 4 * MiB

  test('holds within 5 per cent and is made use of, and what ends first leaves first', async () => {
    const store = open({ maxBytes })
    let most = 0
    for (let i = 0; i < 600; i++) {
      await store.set(`key ${i}`, itemOf(1000 + ((i * 7919) % 40_000)), minute + i * 1000)
      if (i % 5 === 0) most = Math.max(most, bytesIn('items'))
    }
    expect(most).toBeLessThanOrEqual(maxBytes * 1.05)
    expect(most).toBeGreaterThan(maxBytes * 0.95)
    expect(bytesIn('items')).toBeGreaterThan(maxBytes * 0.85)
    expect(await store.get('key 0')).toBeUndefined()
    expect(await store.get('key 599')).toBeDefined()
  })

  test('holds for two that write at the same time, ten callers each', async () => {
    const limits = { maxBytes: 2 * maxBytes }
    const both = [open(limits), open(limits)]
    let most = 0
    await Promise.all(
      Array.from({ length: 20 }, async (_, caller) => {
        for (let i = 0; i < 60; i++) {
          await both[caller % 2]?.set(`key ${caller} ${i}`, itemOf(10_000), minute)
          if (caller < 2 && i % 4 === 0) most = Math.max(most, bytesIn('items'))
        }
      }),
    )
    expect(most).toBeLessThanOrEqual(limits.maxBytes * 1.05)
    expect(most).toBeGreaterThan(limits.maxBytes * 0.9)
  })

  test('holds for large bodies, of two that write at the same time', async () => {
    const limits = { maxBytes: 16 * MiB }
    const both = [open(limits), open(limits)]
    let most = 0
    await Promise.all(
      both.map(async (store, writer) => {
        for (let i = 0; i < 60; i++) {
          await store.set(`key ${writer} ${i}`, itemOf(600_000 + ((i * 7919) % 400) * 1000), minute + i * 1000)
          most = Math.max(most, bytesIn('items'))
        }
      }),
    )
    expect(most).toBeLessThanOrEqual(limits.maxBytes * 1.05)
    expect(bytesIn('items')).toBeGreaterThan(limits.maxBytes * 0.7)
  })

  test('does not count what was replaced or deleted for long', async () => {
    const store = open({ maxBytes })
    await store.set('kept', itemOf(100_000), minute)
    for (let i = 0; i < 200; i++) await store.set('replaced', itemOf(100_000), minute)
    expect(await store.get('kept')).toBeDefined()
  })

  test('that was lowered is reached when the folder is opened', async () => {
    const before = open({ maxBytes: 100 * MiB })
    for (let i = 0; i < 100; i++) await before.set(`key ${i}`, itemOf(50_000), minute)
    await closeAll()
    await open({ maxBytes: MiB }).ready()
    await vi.waitFor(() => expect(bytesIn('items')).toBeLessThanOrEqual(MiB))
  })

  test('never takes what capabilities keep', async () => {
    const store = open({ maxBytes: MiB })
    await store.capabilities?.setIfAbsent('lock', Buffer.from('token'), 30_000)
    for (let i = 0; i < 100; i++) await store.set(`key ${i}`, itemOf(20_000), minute)
    expect(String(await store.capabilities?.read('lock'))).toBe('token')
  })

  test('bounds the largest body', () => {
    expect(open({ maxBytes: 4 * MiB }).maxEntrySize).toBe(MiB)
    expect(open().maxEntrySize).toBe(64 * MiB)
  })
})

describe('opening', () => {
  test('removes what has ended, of items and of capabilities', async () => {
    const before = open()
    for (let i = 0; i < 50; i++) await before.set(`key ${i}`, itemOf(10), 1)
    await before.capabilities?.setIfAbsent('lock', Buffer.from('token'), 1)
    await before.set('kept', itemOf(10), minute)
    await closeAll()
    for (const path of [...filesIn('items'), ...filesIn('cells')]) {
      const { mtimeMs } = statSync(path)
      if (mtimeMs < Date.now() + minute / 2) utimesSync(path, 0, 0)
    }
    await open().ready()
    await vi.waitFor(() => {
      expect(filesIn('items').length).toBe(1)
      expect(filesIn('cells').length).toBe(0)
    })
  })

  test('leaves young temporary files alone: another process may be writing them', async () => {
    const temporary = join(folder, 'breakwater-1', 'temporary')
    mkdirSync(temporary, { recursive: true })
    writeFileSync(join(temporary, 'young'), 'half')
    await open().ready()
    await closeAll()
    expect(existsSync(join(temporary, 'young'))).toBe(true)
  })

  test('removes temporary files that a killed process left', async () => {
    const temporary = join(folder, 'breakwater-1', 'temporary')
    mkdirSync(temporary, { recursive: true })
    writeFileSync(join(temporary, 'old'), 'half')
    vi.useFakeTimers({ now: Date.now() + 20 * minute, toFake: ['Date'] })
    await open().ready()
    await vi.waitFor(() => expect(existsSync(join(temporary, 'old'))).toBe(false))
    vi.useRealTimers()
  })

  test.each([
    ['a folder of items', ['items', '0', '0']],
    ['a folder of such folders', ['items', '0']],
    ['the folder of capabilities', ['cells']],
    ['the temporary folder', ['temporary']],
  ])('removes nothing of what is elsewhere, where %s is a link to it', async (_, [...place]) => {
    const elsewhere = join(folder, 'elsewhere')
    const old = new Date(Date.now() - 60 * minute)
    for (const inside of ['', '0', join('0', '0')]) {
      mkdirSync(join(elsewhere, inside), { recursive: true })
      writeFileSync(join(elsewhere, inside, 'bw=somebody'), 'theirs')
      utimesSync(join(elsewhere, inside, 'bw=somebody'), old, old)
    }
    const link = join(folder, 'breakwater-1', ...place)
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(elsewhere, link)
    // Left over only after a while.
    vi.useFakeTimers({ now: Date.now() + 60 * minute, toFake: ['Date'] })
    const store = open({ maxBytes: MiB })
    // It walks before it writes beyond the limit. What it is writing may be taken for left over as well.
    for (let i = 0; i < 60; i++) await store.set(`key ${i}`, itemOf(20 * KiB), minute).catch(() => {})
    await store.clear()
    vi.useRealTimers()
    for (const inside of ['', '0', join('0', '0')])
      expect(existsSync(join(elsewhere, inside, 'bw=somebody'))).toBe(true)
  })

  test('leaves what others keep in the folder as it was', async () => {
    writeFileSync(join(folder, 'mine'), 'mine')
    const store = open()
    await store.set('a', itemOf(10), minute)
    await store.clear()
    expect(readFileSync(join(folder, 'mine'), 'utf8')).toBe('mine')
  })

  test('a path that is a file is a rejection with a sentence', async () => {
    writeFileSync(join(folder, 'file'), '')
    await expect(open({ folder: join(folder, 'file') }).ready()).rejects.toThrow(/is not a folder; give another path/)
  })
})

test('a pipe in place of a file is a miss, and holds nobody up', async () => {
  const store = open()
  await store.set('small', itemOf(10), minute)
  await store.set('large', itemOf(MiB), minute)
  const found = (await store.streams?.get('large')) as LargeItem
  for (const file of filesIn('items').filter((path) => path.includes('=body') || statSync(path).size < 1000)) {
    rmSync(file)
    execFileSync('mkfifo', [file])
  }
  expect(await found.body.open(0, MiB)).toBeUndefined()
  expect(await store.get('small')).toBeUndefined()
}, 2000)

describe('a damaged file is a miss', () => {
  const damages: [string, (bytes: Buffer) => Buffer][] = [
    ['empty', () => Buffer.alloc(0)],
    ['cut short', (bytes) => bytes.subarray(0, bytes.length - 1)],
    ['cut within its header', (bytes) => bytes.subarray(0, 11)],
    ['of something else', () => Buffer.from('hello '.repeat(100))],
    ['with a bit changed', (bytes) => Buffer.from(bytes.with(bytes.length - 1, (bytes.at(-1) ?? 0) ^ 1))],
    ['with another end', (bytes) => Buffer.from(bytes.with(9, (bytes[9] ?? 0) ^ 1))],
  ]
  test.each(damages)('%s', async (_, damage) => {
    const store = open()
    await store.set('a', itemOf(1000), minute)
    await store.capabilities?.setIfAbsent('a', Buffer.from('token'), minute)
    for (const path of [...filesIn('items'), ...filesIn('cells')]) writeFileSync(path, damage(readFileSync(path)))
    expect(await store.get('a')).toBeUndefined()
    expect(await store.capabilities?.read('a')).toBeUndefined()
    expect(await store.capabilities?.setIfAbsent('a', Buffer.from('next'), minute)).toBe(true)
    await store.set('a', itemOf(10, { next: true }), minute)
    expect((await store.get('a'))?.meta).toEqual({ next: true })
  })

  test('one that holds another key', async () => {
    const store = open()
    await store.set('a', itemOf(10), minute)
    const [a = ''] = filesIn('items')
    await store.set('b', itemOf(10), minute)
    for (const path of filesIn('items')) writeFileSync(path, readFileSync(a))
    expect(await store.get('a')).toBeDefined()
    expect(await store.get('b')).toBeUndefined()
  })
})

test('the end of an item is in the file, not in its date', async () => {
  const store = open()
  await store.set('a', itemOf(10), minute)
  await store.set('b', itemOf(10), 1)
  for (const path of filesIn('items')) utimesSync(path, 4e9, 4e9)
  expect(await store.get('a')).toBeDefined()
  await vi.waitFor(async () => expect(await store.get('b')).toBeUndefined())
})

test('the folder may be removed under way: all is missing, and the next write makes it anew', async () => {
  const store = open()
  await store.set('a', itemOf(10), minute)
  rmSync(join(folder, 'breakwater-1'), { recursive: true })
  expect(await store.get('a')).toBeUndefined()
  await store.set('a', itemOf(10), minute)
  expect(await store.get('a')).toBeDefined()
  expect(await store.capabilities?.increment('count', 1, minute)).toBe(1)
})

test('a lock that a killed process left is taken away after its lifetime, by one of many', async () => {
  const store = open()
  await store.capabilities?.increment('count', 1, minute)
  const [cell = ''] = filesIn('cells')
  const lock = join(folder, 'breakwater-1', 'locks', cell.slice(cell.lastIndexOf('/') + 1))
  writeFileSync(lock, 'killed')
  utimesSync(lock, Date.now() / 1000 - 2.5, Date.now() / 1000 - 2.5)
  const others = [store, open(), open(), open()]
  await Promise.all(Array.from({ length: 40 }, (_, i) => others[i % 4]?.capabilities?.increment('count', 1, minute)))
  expect(await store.capabilities?.increment('count', 0, minute)).toBe(41)
  expect(filesIn('locks')).toEqual([])
})

test('a lock that was left before the clock was set back is taken away, too', async () => {
  const store = open()
  await store.capabilities?.setIfAbsent('key', Buffer.from('a'), minute)
  const [cell = ''] = filesIn('cells')
  const lock = join(folder, 'breakwater-1', 'locks', basename(cell))
  writeFileSync(lock, 'a process that was killed')
  const later = new Date(Date.now() + 60 * minute)
  utimesSync(lock, later, later)
  expect(await store.capabilities?.compareAndSwap('key', Buffer.from('a'), Buffer.from('b'), minute)).toBe(true)
})

test('a change whose lock is taken away before it has written is made again', async () => {
  await open().capabilities?.increment('count', 1, minute)
  const [cell = ''] = filesIn('cells')
  const lock = join(folder, 'breakwater-1', 'locks', cell.slice(cell.lastIndexOf('/') + 1))
  let taken = 0
  const now = (): number => {
    // The value is being read, under the lock.
    if (existsSync(lock) && taken++ === 0) rmSync(lock)
    return Date.now()
  }
  const store = open({ clock: { now, monotonic: () => performance.now() } })
  expect(await store.capabilities?.increment('count', 1, minute)).toBe(2)
  expect(taken).toBeGreaterThan(1)
  expect(filesIn('locks')).toEqual([])
})

test.each([
  [undefined, /needs the option folder/],
  [{ folder: '' }, /needs the option folder.*''/],
  [{ folder: 7 }, /needs the option folder.*7/],
  [{ folder: 'a', maxBytes: 10 }, /maxBytes must be at least 1048576/],
  [{ folder: 'a', maxBytes: 'much' }, /maxBytes must be a number/],
  [{ folder: 'a', maxEntrySize: -1 }, /maxEntrySize/],
  [{ folder: 'a', clock: {} }, /clock must have/],
  [{ folder: 'a', size: 1 }, /diskStore has no option 'size'/],
])('refuses %o', (options, sentence) => {
  expect(() => diskStore(options as unknown as DiskStoreOptions)).toThrow(sentence)
})
