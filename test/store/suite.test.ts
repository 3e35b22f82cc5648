import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { StoreCapabilities } from '../../src/core/store/capabilities.ts'
import { memoryStore } from '../../src/core/store/memory.ts'
import { type RemoteStore, remoteStore } from '../../src/core/store/remote.ts'
import type { Store } from '../../src/core/store/store.ts'
import { type StoreSubject, storeSuite } from '../../src/testing/index.ts'
import { MapServer } from './map-backend.ts'

const KiB = 1024
const SKIPPED = Symbol('skipped')

/** Runs the suite with a runner of a few lines; the names of the rules that failed and of those that were skipped. */
async function run(
  subject: StoreSubject,
  only = /./,
  options: { freezes?: boolean } = {},
): Promise<{ all: number; failed: string[]; skipped: string[] }> {
  const tests: [string, () => Promise<unknown>][] = []
  const before: (() => Promise<void>)[] = []
  const after: (() => Promise<void>)[] = []
  const skip = (): void => {
    throw SKIPPED
  }
  storeSuite({
    describe: (_, body) => body(),
    test: (name, _, body) => tests.push([name, async () => body({ skip })]),
    beforeAll: (body) => before.push(body),
    afterAll: (body) => after.push(body),
    create: () => subject,
    largest: 64 * KiB,
    ...options,
  })
  const failed: string[] = []
  const skipped: string[] = []
  for (const hook of before) await hook()
  for (const [name, body] of tests.filter(([name]) => only.test(name))) {
    await body().catch((error) => (error === SKIPPED ? skipped : failed).push(name))
  }
  for (const hook of after) await hook()
  return { all: tests.length, failed, skipped }
}

const pass = async (ms: number) => void (await sleep(ms))
const onMap = (): RemoteStore => remoteStore('map', new MapServer().backend(), { maxEntrySize: 64 * KiB })

/** The store with other methods in place of its own. */
function faulty(change: (store: RemoteStore) => Partial<Store>): Store {
  const store = onMap()
  const own = { name: 'faulty', near: false, maxEntrySize: store.maxEntrySize, capabilities: store.capabilities }
  const methods: Omit<Store, keyof typeof own> = {
    get: (key) => store.get(key),
    set: (key, item, lifetime) => store.set(key, item, lifetime),
    delete: (key) => store.delete(key),
    clear: () => store.clear(),
    reserve: (bytes) => store.reserve(bytes),
    release: (bytes) => store.release(bytes),
  }
  return { ...own, ...methods, ...change(store) } as Store
}

function capabilitiesWith(change: (own: StoreCapabilities) => Partial<StoreCapabilities>): Store {
  return faulty((store) => {
    const own = store.capabilities as StoreCapabilities
    return { capabilities: { ...own, ...change(own) } }
  })
}

test('a store that keeps the contract passes; what needs a second client or a restart is skipped', async () => {
  const { failed, skipped, all } = await run({ store: onMap(), pass })
  expect(failed).toEqual([])
  expect(skipped.length).toBe(3)
  expect(all).toBeGreaterThan(60)
})

test('a store without capabilities passes; what needs them is skipped', async () => {
  const { failed, skipped } = await run({ store: memoryStore(), pass }, /setIfAbsent|append|subscriber/)
  expect(failed).toEqual([])
  expect(skipped.length).toBeGreaterThan(5)
})

test('a store whose reads are answered late, or whose subject cannot freeze, fails where freezing is asked for', async () => {
  let isFrozen = false
  const freeze = async () => {
    isFrozen = true
    return () => {
      isFrozen = false
    }
  }
  const store = faulty((own) => ({ get: (key) => (isFrozen ? new Promise(() => {}) : own.get(key)) }))
  const blocking = faulty((own) => ({
    get: async (key) => {
      const end = performance.now() + (isFrozen ? 100 : 0)
      while (performance.now() < end);
      return own.get(key)
    },
  }))
  expect((await run({ store, pass, freeze }, /frozen/, { freezes: true })).failed).toEqual([])
  expect((await run({ store: blocking, pass, freeze }, /frozen/, { freezes: true })).failed).toHaveLength(1)
  expect((await run({ store, pass }, /frozen/, { freezes: true })).failed).toHaveLength(1)
})

const faults: [string, Store, RegExp][] = [
  ['a text store', faulty((store) => ({ get: async (key) => textOf(await store.get(key)) })), /a body of 64 KiB/],
  [
    'lifetimes without an end',
    faulty((store) => ({ set: (key, item) => store.set(key, item, Infinity) })),
    /forgets an item when its lifetime ended/,
  ],
  ['keys in lower case', faulty((store) => ({ get: (key) => store.get(key.toLowerCase()) })), /differ in case/],
  ['no bound for recordings', faulty(() => ({ reserve: () => true })), /grants memory/],
  ['a synchronous far store', faulty(() => ({ get: () => undefined })), /answers synchronously/],
  [
    'setting that looks first',
    capabilitiesWith((own) => ({
      setIfAbsent: async (key, value, lifetime) => {
        if ((await own.read(key)) !== undefined) return false
        await sleep(1)
        await own.setIfAbsent(key, value, lifetime)
        return true
      },
    })),
    /one sets what was absent/,
  ],
  [
    'sums that are read, then written',
    capabilitiesWith(() => {
      const sums = new Map<string, number>()
      return {
        increment: async (key, by) => {
          const sum = (sums.get(key) ?? 0) + by
          await sleep(1)
          sums.set(key, sum)
          return sum
        },
      }
    }),
    /none is lost/,
  ],
  [
    'a swap that compares text',
    capabilitiesWith((own) => ({
      compareAndSwap: async (key, expected, next, lifetime) => {
        const found = await own.read(key)
        return found?.toString() === expected.toString() && own.compareAndSwap(key, found, next, lifetime)
      },
    })),
    /not UTF-8/,
  ],
  [
    'a swap that removes whatever is there',
    capabilitiesWith((own) => ({
      compareAndSwap: async (key, expected, next, lifetime) =>
        own.compareAndSwap(key, next === undefined ? ((await own.read(key)) ?? expected) : expected, next, lifetime),
    })),
    /removes, if what is there/,
  ],
  [
    'lists that tell all the same length',
    capabilitiesWith((own) => ({
      append: async (key, value, lifetime) => {
        await own.append?.(key, value, lifetime)
        await sleep(1)
        return (await own.slice?.(key, 0))?.length ?? 0
      },
    })),
    /that append at once/,
  ],
  [
    'a subscription without an end',
    capabilitiesWith((own) => ({
      subscribe: async (channel, subscriber) => {
        await own.subscribe?.(channel, subscriber)
        return async () => {}
      },
    })),
    /hears nothing more/,
  ],
]

test.each(faults)('the suite finds %s', async (_, store, rule) => {
  const { failed } = await run({ store, pass }, rule)
  expect(failed.length).toBeGreaterThan(0)
})

function textOf(found: Awaited<ReturnType<Store['get']>>): typeof found {
  return found && { meta: found.meta, body: Buffer.from(found.body.toString()) }
}
