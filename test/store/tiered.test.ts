import { expect, test, vi } from 'vitest'
import { type GuardedStore, guardStore } from '../../src/core/store/guard.ts'
import { memoryStore } from '../../src/core/store/memory.ts'
import type { Store } from '../../src/core/store/store.ts'
import { tieredStore } from '../../src/core/store/tiered.ts'
import { farStore } from '../support/engine.ts'
import { describeStore } from './behaviour.ts'
import { HeldClock } from './held-clock.ts'
import { itemOf } from './items.ts'

const minute = 60_000

function tiers(far: Store = farStore()) {
  const clock = new HeldClock()
  const near = memoryStore({ clock })
  return { clock, near, far, store: tieredStore(near, far) }
}

describeStore(
  'tieredStore',
  () => {
    const clock = new HeldClock()
    const store = tieredStore(memoryStore({ clock }), farStore(memoryStore({ clock })))
    return { store, pass: (ms) => clock.pass(ms) }
  },
  { capabilities: false, without: ['another', 'restart'] },
)

test('what was written is in both tiers, near for nearTtl only', async () => {
  const { clock, near, far, store } = tiers()
  await store.set('a', itemOf(1), minute)
  expect(near.get('a')).toBeDefined()
  expect(await far.get('a')).toBeDefined()
  clock.pass(5_000)
  expect(near.get('a')).toBeUndefined()
  expect(await store.get('a')).toBeDefined()
})

test('a guarded read answers at once from the near tier, and fills it from the far one', async () => {
  const { near, far, store } = tiers()
  const guarded = guardStore(store)
  await far.set('a', itemOf(1), minute)
  const first = guarded.get('a')
  expect(first).toBeInstanceOf(Promise)
  expect(await first).toBeDefined()
  expect(near.get('a')).toBeDefined()
  expect(guarded.get('a')).not.toBeInstanceOf(Promise)
})

test('what is deleted while the far tier is asked does not come back', async () => {
  const far = farStore()
  const { near, store } = tiers(far)
  const guarded = guardStore(store)
  await far.set('a', itemOf(1), minute)
  const asked = Promise.withResolvers<void>()
  const { get } = far
  vi.spyOn(far, 'get').mockImplementation(async (key) => {
    const found = await get(key)
    await asked.promise
    return found
  })
  const reading = guarded.get('a')
  const deleting = guarded.delete('a')
  asked.resolve()
  await Promise.all([reading, deleting])
  expect(near.get('a')).toBeUndefined()
})

test.each([
  ['delete', (store: GuardedStore) => store.delete('a')],
  ['clear', (store: GuardedStore) => store.clear()],
])('what is read while the far tier is still at a %s does not come back', async (_, remove) => {
  const far = farStore()
  const { near, store } = tiers(far)
  const guarded = guardStore(store)
  await far.set('a', itemOf(1), minute)
  const done = Promise.withResolvers<void>()
  for (const method of ['delete', 'clear'] as const) {
    const own = far[method]
    vi.spyOn(far, method).mockImplementation(async (...key: unknown[]) => {
      await done.promise
      await (own as (...key: unknown[]) => unknown)(...key)
    })
  }
  const removing = remove(guarded)
  await guarded.get('a')
  done.resolve()
  await removing
  expect(near.get('a')).toBeUndefined()
  expect(await guarded.get('a')).toBeUndefined()
})

test('latest asks the far tier whatever the near one has', async () => {
  const { near, far, store } = tiers()
  const guarded = guardStore(store)
  near.set('a', itemOf(1), minute)
  await far.set('a', itemOf(2), minute)
  expect((await guarded.latest('a'))?.body.length).toBe(2)
  expect((await guarded.get('a'))?.body.length).toBe(2)
})

test('a body too large for the near tier is kept in the far one only', async () => {
  const near = memoryStore({ maxEntrySize: 10 })
  const far = farStore()
  const guarded = guardStore(tieredStore(near, far))
  await guarded.set('a', itemOf(11), minute)
  expect(near.get('a')).toBeUndefined()
  expect((await guarded.get('a'))?.body.length).toBe(11)
})

test('a far tier that fails leaves the near one working', async () => {
  const { store, far } = tiers()
  const guarded = guardStore(store)
  vi.spyOn(far, 'set').mockRejectedValue(new Error('down'))
  vi.spyOn(far, 'get').mockRejectedValue(new Error('down'))
  expect(await guarded.set('a', itemOf(1), minute)).toBe(false)
  expect(await guarded.get('a')).toBeDefined()
  expect(store.health().state).toBe('degraded')
  expect(store.health().reason).toContain('down')
})

test.each([
  ['two far tiers', () => tieredStore(farStore(), farStore())],
  ['two near tiers', () => tieredStore(memoryStore(), memoryStore())],
  ['no far tier', () => tieredStore(memoryStore(), undefined as never)],
  ['a nearTtl of 0', () => tieredStore(memoryStore(), farStore(), { nearTtl: 0 })],
  ['an unknown option', () => tieredStore(memoryStore(), farStore(), { ttl: 1 } as never)],
])('refuses %s', (_, make) => {
  expect(make).toThrow(/tieredStore|nearTtl/)
})
