/** What every store on this machine's disk does, whichever way it keeps things. */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import type { RemoteStore, RemoteStoreOptions } from '../../src/core/store/remote.ts'
import { describeStore } from '../store/behaviour.ts'
import { itemOf } from '../store/items.ts'
import { childEnd, isWhole, type LocalKind, openLocal, startChild } from '../support/local-stores.ts'

const minute = 60_000

export function describeLocalStore(kind: LocalKind): void {
  const folders: string[] = []
  const stores: RemoteStore[] = []
  const newPlace = (): string => {
    const folder = mkdtempSync(join(tmpdir(), `breakwater-${kind}-`))
    folders.push(folder)
    return join(folder, 'store')
  }
  const open = (place: string, options: RemoteStoreOptions = {}): RemoteStore => {
    const store = openLocal(kind, place, options)
    stores.push(store)
    return store
  }
  const closeAll = async (): Promise<void> => {
    for (const store of stores.splice(0)) await store.close()
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
  }

  describeStore(
    `${kind}Store`,
    () => {
      const place = newPlace()
      return {
        store: open(place),
        pass: (ms) => sleep(ms),
        another: () => {
          const store = openLocal(kind, place)
          return { store, close: () => store.close() }
        },
        close: closeAll,
      }
    },
    {
      capabilities: true,
      streams: kind === 'disk',
      without: kind === 'sqlite' ? ['channels', 'restart'] : ['lists', 'channels', 'restart'],
    },
  )

  describe(`${kind}Store and other processes`, () => {
    afterEach(closeAll)

    /** Starts so many processes with the same job on the same place. */
    const together = (place: string, job: string, count: number, processes = 3) =>
      Promise.all(
        Array.from({ length: processes }, () => childEnd<{ won?: number }>(startChild(kind, place, job, count))),
      )

    test('what one process kept is there for the next, and for the one after', async () => {
      const place = newPlace()
      const first = openLocal(kind, place)
      await first.set('kept', itemOf(20_000, { kept: true }), minute)
      await first.set('large', itemOf(2_000_000, { large: true }), minute)
      await first.capabilities?.increment('count', 3, minute)
      await first.close()
      const second = open(place)
      expect((await second.get('kept'))?.body.equals(itemOf(20_000).body)).toBe(true)
      expect((await second.get('large'))?.body.equals(itemOf(2_000_000).body)).toBe(true)
      expect(await second.capabilities?.increment('count', 1, minute)).toBe(4)
    })

    test('increments of several processes are all counted', async () => {
      const place = newPlace()
      await together(place, 'increment', 200)
      expect(await open(place).capabilities?.increment('sum', 0, minute)).toBe(600)
    })

    test('swaps of several processes are all counted', async () => {
      const place = newPlace()
      await together(place, 'swap', 60)
      expect(String(await open(place).capabilities?.read('swapped'))).toBe('180')
    })

    test('what is no counter cannot be counted on, and stays what it is', async () => {
      const own = open(newPlace()).capabilities
      await own?.setIfAbsent('no counter', Buffer.from('token'), 60_000)
      await expect(own?.increment('no counter', 1, 60_000)).rejects.toThrow('What is to be counted is no number')
      expect(String(await own?.read('no counter'))).toBe('token')
    })

    test('of several processes one is the first under each key', async () => {
      const place = newPlace()
      const told = await together(place, 'first', 200, 4)
      expect(told.reduce((sum, { won = 0 }) => sum + won, 0)).toBe(200)
    })

    test('processes that write and read the same keys find whole bodies', async () => {
      const place = newPlace()
      await together(place, 'mix', 300)
      const store = open(place)
      for (let i = 0; i < 20; i++) {
        const found = await store.get(`mixed ${i}`)
        expect(found && isWhole(`mixed ${i}`, found.body)).toBe(true)
      }
    })

    test('a process that is killed while it writes leaves whole entries or none', async () => {
      const place = newPlace()
      for (const wait of [60, 150, 350]) {
        const child = startChild(kind, place, 'write', 40)
        await once(child, 'message')
        await sleep(wait)
        const ended = once(child, 'exit')
        child.kill('SIGKILL')
        await ended
        const store = openLocal(kind, place)
        let found = 0
        for (let i = 0; i < 40; i++) {
          const item = await store.get(`written ${i}`)
          if (item === undefined) continue
          found++
          expect(item.meta).toEqual({ key: `written ${i}` })
          expect(isWhole(`written ${i}`, item.body)).toBe(true)
        }
        expect(found).toBeGreaterThan(0)
        await store.set('written 1', itemOf(10, { next: true }), minute)
        expect((await store.get('written 1'))?.meta).toEqual({ next: true })
        await store.close()
      }
    })

    test('clear removes what is of this namespace, and nothing else', async () => {
      const place = newPlace()
      const [own, other] = [open(place, { namespace: 'a' }), open(place, { namespace: 'a-b' })]
      for (const store of [own, other]) {
        for (let i = 0; i < 100; i++) await store.set(`key ${i}`, itemOf(10), minute)
        await store.capabilities?.increment('count', 1, minute)
      }
      await own.clear()
      expect(await own.get('key 7')).toBeUndefined()
      expect(await own.capabilities?.read('count')).toBeUndefined()
      for (let i = 0; i < 100; i++) expect(await other.get(`key ${i}`)).toBeDefined()
      expect(await other.capabilities?.increment('count', 1, minute)).toBe(2)
    })

    test('a closed store rejects, and closing twice does no harm', async () => {
      const store = open(newPlace())
      await store.set('a', itemOf(1), minute)
      await store.close()
      await store.close()
      await expect(store.get('a')).rejects.toThrow('was closed')
    })
  })
}
