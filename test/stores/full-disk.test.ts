import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { StoreError } from '../../src/core/store/errors.ts'
import { guardStore, type StoreEvent } from '../../src/core/store/guard.ts'
import type { RemoteStore } from '../../src/core/store/remote.ts'
import { itemOf } from '../store/items.ts'
import {
  childEnd,
  isWhole,
  type LocalKind,
  openLocal,
  startChildWithSmallFiles,
  wholeBody,
} from '../support/local-stores.ts'
import { describeWithSmallDisk, mountSmallDisk, type SmallDisk } from '../support/small-disk.ts'

const MiB = 2 ** 20
const minute = 60_000
const kinds: LocalKind[] = ['sqlite', 'disk']
/** What a full disk is called, by the store or, where it could not tell more, by SQLite. */
const sentence = /disk is full|whether the disk is full/

describeWithSmallDisk('a disk that is full', () => {
  describe.each(kinds)('%sStore', (kind) => {
    let disk: SmallDisk
    let store: RemoteStore
    const open = () => openLocal(kind, join(disk.folder, 'store'))
    beforeEach(() => {
      disk = mountSmallDisk(8 * MiB)
      store = open()
    })
    afterEach(async () => {
      await store.close()
      disk.remove()
    })

    const whole = (key: string, bytes: number) => ({ meta: { key }, body: wholeBody(key, bytes) })
    /** Sets until it is refused; the keys that were kept, and why the next one was not. */
    const setUntilRefused = async () => {
      for (const kept: string[] = []; ; ) {
        const key = `key ${kept.length}`
        try {
          await store.set(key, whole(key, 50_000), minute)
        } catch (refusal) {
          return { kept, refusal }
        }
        kept.push(key)
      }
    }
    const stateOf = async (key: string) => {
      const found = await store.get(key)
      if (found === undefined) return 'missing'
      return isWhole(key, found.body) ? 'whole' : 'half'
    }

    test('refuses what is written with a sentence, and reads what is there', async () => {
      const { kept, refusal } = await setUntilRefused()
      expect(refusal).toBeInstanceOf(StoreError)
      expect(String(refusal)).toMatch(sentence)
      expect(kept.length).toBeGreaterThan(20)
      for (const key of kept) expect(await stateOf(key)).toBe('whole')
      expect(await stateOf(`key ${kept.length}`)).toBe('missing')
    })

    test('answers every call soon, and a refusal is a StoreError', async () => {
      await store.set('a', itemOf(10), minute)
      const { capabilities } = store
      await capabilities?.setIfAbsent('lock', Buffer.from('token'), minute)
      disk.fill()
      const calls: Record<string, () => Promise<unknown> | undefined> = {
        set: () => store.set('b', itemOf(100_000), minute),
        'set of a large body': () => store.set('large', itemOf(2 * MiB), minute),
        get: () => store.get('a'),
        'get of nothing': () => store.get('b'),
        read: () => capabilities?.read('lock'),
        increment: () => capabilities?.increment('count', 1, minute),
        'increment again': () => capabilities?.increment('count', 1, minute),
        setIfAbsent: () => capabilities?.setIfAbsent('other lock', Buffer.alloc(10_000), minute),
        compareAndSwap: () => capabilities?.compareAndSwap('lock', Buffer.from('token'), Buffer.from('next'), minute),
        append: () => capabilities?.append?.('list', Buffer.alloc(10_000), minute),
        delete: () => store.delete('a'),
        clear: () => store.clear(),
        health: async () => store.health(),
      }
      for (const [name, call] of Object.entries(calls)) {
        const start = performance.now()
        const refusal = await call()?.then(
          () => undefined,
          (error: unknown) => error,
        )
        expect(performance.now() - start, name).toBeLessThan(1_000)
        if (refusal === undefined) continue
        expect(refusal, name).toBeInstanceOf(StoreError)
        expect(String(refusal), name).toMatch(sentence)
      }
    })

    test('works again by itself, at once, when there is room', async () => {
      await store.set('a', whole('a', 10_000), minute)
      disk.fill()
      for (let i = 0; i < 5; i++) {
        await store.set('a', itemOf(100_000 + i), minute).catch(() => {})
        await store.capabilities?.increment('count', 1, minute).catch(() => {})
        await store.clear().catch(() => {})
      }
      disk.makeRoom()
      const start = performance.now()
      await store.set('a', whole('a', MiB), minute)
      expect(await stateOf('a')).toBe('whole')
      expect(await store.capabilities?.setIfAbsent('lock', Buffer.from('token'), minute)).toBe(true)
      expect(await store.capabilities?.increment('count', 1, minute)).toBeGreaterThan(0)
      await store.clear()
      expect(await stateOf('a')).toBe('missing')
      expect(performance.now() - start).toBeLessThan(1_000)
    })

    test('keeps no half of what was to replace something', async () => {
      const sizes: [string, number][] = [
        ['small', 1_000],
        ['one part', 400_000],
        ['several parts', 2 * MiB],
      ]
      for (const [key, size] of sizes) await store.set(key, whole(key, size), minute)
      disk.fill()
      for (const [key, size] of sizes) await store.set(key, whole(key, size + 100_000), minute).catch(() => {})
      for (const [key] of sizes) expect(await stateOf(key)).not.toBe('half')
      disk.makeRoom()
      for (const [key] of sizes) expect(await stateOf(key)).not.toBe('half')
      for (const [key, size] of sizes) await store.set(key, whole(key, size), minute)
      for (const [key] of sizes) expect(await stateOf(key)).toBe('whole')
    })

    test('is opened once there is room, if there was none at the start', async () => {
      disk.fill()
      const refusal: unknown = await store.set('a', itemOf(100_000), minute).catch((error: unknown) => error)
      expect(refusal).toBeInstanceOf(StoreError)
      disk.makeRoom()
      await store.set('a', whole('a', 100_000), minute)
      expect(await stateOf('a')).toBe('whole')
    })

    test('behind a guard: writes fail with an event that says so, reads go on, and it is used again', async () => {
      const events: StoreEvent[] = []
      const guarded = guardStore(store, { storeTimeout: 500, onEvent: (event) => events.push(event) })
      expect(await guarded.set('a', whole('a', 10_000), minute)).toBe(true)
      disk.fill()
      expect(await guarded.set('b', itemOf(MiB), minute)).toBe(false)
      expect(events.map(({ type, operation }) => [type, operation])).toEqual([['error', 'set']])
      expect(String(events[0]?.error)).toMatch(sentence)
      expect(store.health()).toMatchObject({ state: 'degraded', reason: expect.stringMatching(sentence) })
      expect(await guarded.get('a')).toBeDefined()
      disk.makeRoom()
      expect(await guarded.set('b', itemOf(MiB), minute)).toBe(true)
    })
  })

  test('diskStore leaves no temporary files and no locks', async () => {
    const disk = mountSmallDisk(8 * MiB)
    const store = openLocal('disk', disk.folder)
    await store.ready()
    disk.fill()
    await expect(store.set('a', itemOf(MiB), minute)).rejects.toThrow(sentence)
    await expect(store.capabilities?.increment('count', 1, minute)).rejects.toThrow(sentence)
    for (const part of ['temporary', 'locks']) {
      expect(readdirSync(join(disk.folder, 'breakwater-1', part))).toEqual([])
    }
    await store.close()
    disk.remove()
  })
})

describe('files that may not grow, which looks to us as a full disk does', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'breakwater-limit-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  /** With files of so many KiB at most. */
  const fill = (kind: LocalKind, count: number, limit: number) =>
    childEnd<{ refusal: string }>(startChildWithSmallFiles(kind, join(folder, 'store'), 'fill', count, limit))

  test('sqliteStore refuses what is written, with a sentence, and still reads', async () => {
    const told = await fill('sqlite', 200, 2048)
    expect(told).toMatchObject({ code: 'ERR_BREAKWATER_STORE', reads: true })
    expect(told.refusal).toMatch(/disk (is|is full|full)/)
  })

  test('diskStore refuses what is written, with a sentence, and leaves no half file', async () => {
    const told = await fill('disk', 3, 20)
    expect(told).toMatchObject({ code: 'ERR_BREAKWATER_STORE', reads: false })
    expect(told.refusal).toMatch(/cannot grow/)
    const files = readdirSync(join(folder, 'store', 'breakwater-1'), { recursive: true, withFileTypes: true })
    expect(files.filter((file) => file.isFile()).map(({ name }) => name)).toEqual(['written'])
  })
})
