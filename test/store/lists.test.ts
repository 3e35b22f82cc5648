import { expect, test, vi } from 'vitest'
import type { StoreCapabilities } from '../../src/core/store/capabilities.ts'
import { withLists } from '../../src/core/store/lists.ts'

const minute = 60_000

/** What a store without lists can do: a Map behind promises, each answer a turn of the event loop later. */
function onMap(): StoreCapabilities & { readonly kept: Map<string, Buffer> } {
  const kept = new Map<string, Buffer>()
  const later = <T>(answer: T): Promise<T> => new Promise((resolve) => setImmediate(resolve, answer))
  return {
    kept,
    scope: 'cluster',
    read: (key) => later(kept.get(key)),
    increment: () => Promise.reject(new Error('not needed')),
    setIfAbsent: (key, value) => {
      const isAbsent = !kept.has(key)
      if (isAbsent) kept.set(key, value)
      return later(isAbsent)
    },
    compareAndSwap: (key, expected, next) => {
      const isSame = kept.get(key)?.equals(expected) === true
      if (isSame && next !== undefined) kept.set(key, next)
      return later(isSame)
    },
  }
}

test('a list keeps its values in order, empty ones too, and is empty before', async () => {
  const lists = withLists(onMap())
  expect(await lists.slice('log', 0)).toEqual([])
  const values = ['first', '', 'third', 'Grüße \0'].map((text) => Buffer.from(text))
  for (const [index, value] of values.entries()) expect(await lists.append('log', value, minute)).toBe(index + 1)
  expect(await lists.slice('log', 0)).toEqual(values)
  expect(await lists.slice('log', 2)).toEqual(values.slice(2))
  expect(await lists.slice('log', 4)).toEqual([])
  expect(await lists.slice('other', 0)).toEqual([])
})

test('each of 100 appends at once is given the length that its place in the list has', async () => {
  const store = onMap()
  const processes = [withLists(store), withLists(store)]
  const appends = Array.from({ length: 100 }, async (_, i) => ({
    value: `value ${i}`,
    length: await processes[i % 2]?.append('log', Buffer.from(`value ${i}`), minute),
  }))
  const made = await Promise.all(appends)
  made.sort((a, b) => Number(a.length) - Number(b.length))
  expect(made.map(({ length }) => length)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1))
  expect((await withLists(store).slice('log', 0)).map(String)).toEqual(made.map(({ value }) => value))
})

test('an append that others always come before gives up with a sentence', async () => {
  const lists = withLists({ ...onMap(), setIfAbsent: async () => false })
  const random = vi.spyOn(Math, 'random').mockReturnValue(0)
  await expect(lists.append('log', Buffer.from('a'), minute)).rejects.toThrow('written by too many at once')
  random.mockRestore()
})

test.each([['ab'], ['\0\0\0\u0005ab']])('a value that is no list is an error: %j', async (text) => {
  const store = onMap()
  store.kept.set('log', Buffer.from(text))
  await expect(withLists(store).append('log', Buffer.from('c'), minute)).rejects.toThrow('is not a list')
  await expect(withLists(store).slice('log', 0)).rejects.toThrow('is not a list')
  expect(String(store.kept.get('log'))).toBe(text)
})

test('a store’s own lists are used', async () => {
  const own = { ...onMap(), append: vi.fn(async () => 7), slice: vi.fn(async () => []) }
  expect(withLists(own)).toBe(own)
})

test('everything else stays the store’s own, with its own this', async () => {
  class Own {
    readonly scope = 'host' as const
    readonly #name = 'own'
    read = async (): Promise<Buffer> => Buffer.from(this.#name)
    async increment(): Promise<number> {
      return this.#name.length
    }
    async setIfAbsent(): Promise<boolean> {
      return this.#name === 'own'
    }
    async compareAndSwap(): Promise<boolean> {
      return this.#name === 'own'
    }
    async publish(): Promise<void> {
      if (this.#name !== 'own') throw new Error()
    }
  }
  const lists = withLists(new Own())
  const value = Buffer.from('a')
  expect(lists.scope).toBe('host')
  expect(String(await lists.read('a'))).toBe('own')
  expect(await lists.increment('a', 1, minute)).toBe(3)
  expect(await lists.setIfAbsent('a', value, minute)).toBe(true)
  expect(await lists.compareAndSwap('a', value, undefined, minute)).toBe(true)
  await lists.publish?.('channel', 'text')
  expect(lists.subscribe).toBeUndefined()
})
