import { describe, expect, test } from 'vitest'
import { memoryStore } from '../../src/core/store/memory.ts'
import { namespaced } from '../../src/core/store/namespaced.ts'
import { remoteStore } from '../../src/core/store/remote.ts'
import type { Store } from '../../src/core/store/store.ts'
import { itemOf } from './items.ts'
import { MapServer } from './map-backend.ts'

const minute = 60_000

describe.each([
  ['memory', () => memoryStore()],
  ['remote', () => remoteStore('map', new MapServer().backend(), {})],
] as [string, () => Store][])('parts of a %s store', (_, create) => {
  test('share no key with each other nor with the store', async () => {
    const store = create()
    const parts = [store, namespaced(store, 'a'), namespaced(store, 'b'), namespaced(namespaced(store, 'a'), 'b')]
    for (const [part, one] of parts.entries()) await one.set('key', itemOf(1, { part }), minute)
    for (const [part, one] of parts.entries()) expect((await one.get('key'))?.meta).toEqual({ part })
    await parts[1]?.delete('key')
    const left = await Promise.all(parts.map((one) => one.get('key')))
    expect(left.map((found) => found !== undefined)).toEqual([true, false, true, true])
  })

  test('are cleared alone', async () => {
    const store = create()
    const [a, b] = [namespaced(store, 'a'), namespaced(store, 'b')]
    for (const one of [store, a, b]) await one.set('key', itemOf(1), minute)
    await a.clear()
    expect(await a.get('key')).toBeUndefined()
    expect(await b.get('key')).toBeDefined()
    expect(await store.get('key')).toBeDefined()
    await a.set('key', itemOf(2), minute)
    expect(await a.get('key')).toBeDefined()
  })

  test('of one name are one', async () => {
    const store = create()
    await namespaced(store, 'a').set('key', itemOf(1), minute)
    expect(await namespaced(store, 'a').get('key')).toBeDefined()
    await namespaced(store, 'a').clear()
    expect(await namespaced(store, 'a').get('key')).toBeUndefined()
  })

  test('are gone when the store is cleared, and work on', async () => {
    const store = create()
    const part = namespaced(store, 'a')
    await part.set('key', itemOf(1), minute)
    await store.clear()
    expect(await part.get('key')).toBeUndefined()
    await part.set('key', itemOf(1), minute)
    expect(await part.get('key')).toBeDefined()
  })

  test('many that write at once into a part that is new lose nothing', async () => {
    const part = namespaced(create(), 'a')
    const names = Array.from({ length: 20 }, (_, index) => `key ${index}`)
    await Promise.all(names.map((name) => part.set(name, itemOf(1), minute)))
    for (const name of names) expect(await part.get(name)).toBeDefined()
  })
})

test('a near part hands out the very item that was set', () => {
  const part = namespaced(memoryStore(), 'a')
  const item = itemOf(10)
  void part.set('key', item, minute)
  expect(part.get('key')).toBe(item)
})

test('values and channels of parts are apart', async () => {
  const store = remoteStore('map', new MapServer().backend(), {})
  const [a, b] = [namespaced(store, 'a').capabilities!, namespaced(store, 'b').capabilities!]
  expect(await a.increment('n', 1, minute)).toBe(1)
  expect(await b.increment('n', 1, minute)).toBe(1)
  const heard: string[] = []
  await b.subscribe?.('c', { message: (text) => heard.push(text), connected() {}, lost() {} })
  await a.publish?.('c', 'from a')
  await b.publish?.('c', 'from b')
  expect(heard).toEqual(['from b'])
})

test.each(['', 'a b', 'x'.repeat(65), 7, undefined])('refuses the name %o', (name) => {
  expect(() => namespaced(memoryStore(), name as string)).toThrow(/1 to 64 letters, digits, - or _, not/)
})
