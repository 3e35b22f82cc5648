import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Events } from '../../src/core/events.ts'
import { capabilitiesOf, localCapabilities } from '../../src/core/store/local-capabilities.ts'
import { memoryStore } from '../../src/core/store/memory.ts'
import { farStore, ManualClock } from '../support/engine.ts'

const minute = 60_000
const bytes = (text: string) => Buffer.from(text)

describe('capabilitiesOf', () => {
  const heard: Events['breakwater:store'][] = []
  const listener = (message: unknown) => heard.push(message as Events['breakwater:store'])
  afterEach(() => {
    unsubscribe('breakwater:store', listener)
    heard.length = 0
  })

  test('a store’s own capabilities are handed out as they are', () => {
    const own = localCapabilities()
    expect(capabilitiesOf({ ...farStore(), capabilities: own })).toBe(own)
  })

  test('all who ask for the same store share one stand-in, and other stores have their own', async () => {
    const store = farStore()
    await capabilitiesOf(store).increment('a', 1, minute)
    expect(await capabilitiesOf(store).increment('a', 1, minute)).toBe(2)
    expect(await capabilitiesOf(farStore()).increment('a', 1, minute)).toBe(1)
    expect(capabilitiesOf(store).scope).toBe('process')
  })

  test('a stand-in for a far store is announced once', () => {
    subscribe('breakwater:store', listener)
    const store = farStore()
    capabilitiesOf(store)
    capabilitiesOf(store)
    expect(heard).toEqual([
      { store: 'far', type: 'local-capabilities', reason: expect.stringContaining('within this process only') },
    ])
    capabilitiesOf(farStore())
    expect(heard.length).toBe(2)
  })

  test('who listens later hears of it as well', () => {
    const store = farStore()
    capabilitiesOf(store)
    subscribe('breakwater:store', listener)
    capabilitiesOf(store)
    expect(heard.map(({ type }) => type)).toEqual(['local-capabilities'])
  })

  test('nothing is announced for a store of this process', () => {
    subscribe('breakwater:store', listener)
    capabilitiesOf(memoryStore())
    expect(heard).toEqual([])
  })
})

describe('localCapabilities', () => {
  test('100 callers at once: one sets what was absent, one swaps, none counts twice', async () => {
    const local = localCapabilities()
    const crowd = <T>(call: (i: number) => Promise<T>) => Promise.all(Array.from({ length: 100 }, (_, i) => call(i)))
    const set = await crowd((i) => local.setIfAbsent('lock', bytes(`owner ${i}`), minute))
    expect(set.filter(Boolean).length).toBe(1)
    const owner = (await local.read('lock')) as Buffer
    const swapped = await crowd((i) => local.compareAndSwap('lock', owner, bytes(`next ${i}`), minute))
    expect(swapped.filter(Boolean).length).toBe(1)
    const counts = await crowd(() => local.increment('count', 1, minute))
    expect(new Set(counts).size).toBe(100)
    expect(Math.max(...counts)).toBe(100)
    const lengths = await crowd((i) => local.append('list', bytes(String(i)), minute))
    expect(new Set(lengths).size).toBe(100)
    const list = (await local.slice('list', 0)).map(String)
    for (const [i, length] of lengths.entries()) expect(list[length - 1]).toBe(String(i))
  })

  test('everything ends with its lifetime, which each write starts anew', async () => {
    const clock = new ManualClock()
    const local = localCapabilities({ clock })
    await local.setIfAbsent('lock', bytes('a'), 1000)
    await local.increment('count', 5, 1000)
    await local.append('list', bytes('a'), 1000)
    clock.pass(0.9)
    expect(await local.compareAndSwap('lock', bytes('a'), bytes('b'), 1000)).toBe(true)
    expect(await local.increment('count', -2, 1000)).toBe(3)
    expect(await local.append('list', bytes('b'), 1000)).toBe(2)
    clock.pass(0.9)
    expect(String(await local.read('lock'))).toBe('b')
    expect((await local.slice('list', 1)).map(String)).toEqual(['b'])
    clock.pass(0.1)
    expect(await local.read('lock')).toBeUndefined()
    expect(await local.compareAndSwap('lock', bytes('b'), bytes('c'), 1000)).toBe(false)
    expect(await local.setIfAbsent('lock', bytes('d'), 1000)).toBe(true)
    expect(await local.increment('count', 1, 1000)).toBe(1)
    expect(await local.slice('list', 0)).toEqual([])
  })

  test('a swap for nothing removes, and only what is expected', async () => {
    const local = localCapabilities()
    await local.setIfAbsent('lock', bytes('mine'), minute)
    expect(await local.compareAndSwap('lock', bytes('theirs'), undefined, minute)).toBe(false)
    expect(await local.compareAndSwap('lock', bytes('mine'), undefined, minute)).toBe(true)
    expect(await local.read('lock')).toBeUndefined()
    expect(await local.compareAndSwap('lock', bytes(''), bytes('a'), minute)).toBe(false)
  })

  test('what is kept does not change with the bytes that were handed in or out', async () => {
    const local = localCapabilities()
    const value = bytes('abc')
    await local.setIfAbsent('a', value, minute)
    value.fill(0)
    ;(await local.read('a'))?.fill(0)
    expect(String(await local.read('a'))).toBe('abc')
  })

  test('keeps within its bytes: what has ended goes first, then the oldest', async () => {
    const clock = new ManualClock()
    const local = localCapabilities({ clock, maxBytes: 10_000 })
    const value = Buffer.alloc(700)
    await local.setIfAbsent('kept', value, minute)
    for (let i = 0; i < 8; i++) await local.setIfAbsent(`short ${i}`, value, 10)
    clock.pass(5)
    for (let i = 0; i < 5; i++) await local.setIfAbsent(`long ${i}`, value, minute)
    expect(await local.read('kept')).toBeDefined()
    for (let i = 5; i < 1000; i++) await local.setIfAbsent(`long ${i}`, value, minute)
    expect(await local.read('kept')).toBeUndefined()
    const found = await Promise.all(Array.from({ length: 1000 }, (_, i) => local.read(`long ${i}`)))
    expect(found.filter((bytes) => bytes !== undefined).length).toBe(10)
    expect(found.at(-1)).toBeDefined()
  })

  test('a value larger than all it may keep is refused, and the old one stays', async () => {
    const local = localCapabilities({ maxBytes: 1000 })
    await local.setIfAbsent('a', bytes('old'), minute)
    await expect(local.compareAndSwap('a', bytes('old'), Buffer.alloc(1000), minute)).rejects.toThrow('more than')
    expect(String(await local.read('a'))).toBe('old')
  })

  test('a counter on what is no number, and a key of the other kind, are refused', async () => {
    const local = localCapabilities()
    await local.setIfAbsent('text', bytes('twelve'), minute)
    await local.append('list', bytes('a'), minute)
    await expect(local.increment('text', 1, minute)).rejects.toThrow('not a whole number')
    await expect(local.append('text', bytes('a'), minute)).rejects.toThrow('used for a list')
    await expect(local.read('list')).rejects.toThrow('used for a value')
  })

  test('subscribers hear of their channel until they end', async () => {
    const local = localCapabilities()
    const subscriber = { message: vi.fn(), connected: vi.fn(), lost: vi.fn() }
    const end = await local.subscribe('news', subscriber)
    expect(subscriber.connected).toHaveBeenCalledOnce()
    await local.publish('news', 'one')
    await local.publish('other', 'two')
    await end()
    await local.publish('news', 'three')
    expect(subscriber.message.mock.calls).toEqual([['one']])
  })
})
