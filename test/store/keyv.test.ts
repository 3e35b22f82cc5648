import { EventEmitter } from 'node:events'
import { Keyv } from 'keyv'
import { Keyv as Keyv6 } from 'keyv6'
import { describe, expect, test, vi } from 'vitest'
import { asStore } from '../../src/core/store/as-store.ts'
import { defaultStore } from '../../src/core/store/default-store.ts'
import { guardStore } from '../../src/core/store/guard.ts'
import { type KeyvLike, type KeyvStoreOptions, keyvStore } from '../../src/core/store/keyv.ts'
import { memoryStore } from '../../src/core/store/memory.ts'
import type { Store } from '../../src/core/store/store.ts'
import { itemOf } from './items.ts'

const minute = 60_000

/** A Keyv that keeps what it is told, and fails as it is told. */
class FakeKeyv extends EventEmitter implements KeyvLike {
  readonly calls: unknown[][] = []
  answer: unknown
  fault: (() => void) | undefined

  async #call(...call: unknown[]): Promise<unknown> {
    this.calls.push(call)
    this.fault?.()
    return this.answer
  }

  get(key: string) {
    return this.#call('get', key)
  }
  set(key: string, value: string, ttl?: number) {
    return this.#call('set', key, value, ttl)
  }
  delete(key: string) {
    return this.#call('delete', key)
  }
  clear() {
    return this.#call('clear')
  }
}

type AnyKeyv = KeyvLike & { emit(event: string, error: unknown): unknown }

const versions: [string, (store?: Map<string, unknown>) => AnyKeyv][] = [
  ['keyv 5', (store) => new Keyv({ ...(store && { store }), namespace: 'responses' })],
  ['keyv 6', (store) => new Keyv6({ ...(store && { store }), namespace: 'responses' })],
]

describe.each(versions)('keyvStore over %s', (_, newKeyv) => {
  test('its namespace holds', async () => {
    const map = new Map<string, unknown>()
    await keyvStore(newKeyv(map)).set('a', itemOf(1), minute)
    const [key] = map.keys()
    expect(key).toMatch(/^responses::?bw1:[\w-]{43}$/)
  })

  test('an unhandled error event of the Keyv does not end the process, and is the last error', async () => {
    const keyv = newKeyv()
    const store = keyvStore(keyv)
    expect(store.lastError).toBeUndefined()
    const error = new Error('connection lost')
    keyv.emit('error', error)
    expect(store.lastError).toBe(error)
    expect(await store.get('a')).toBeUndefined()
  })

  test.each([
    ['a number', 5],
    ['text', 'hello'],
    ['null', null],
    ['an object', { meta: {}, body: 'x' }],
    ['bytes', Buffer.from('abc')],
    ['base64 of something else', Buffer.from('something else that is long enough').toString('base64')],
    ['nothing', ''],
  ])('%s under our key is a miss', async (_, value) => {
    const keyv = newKeyv()
    const key = await keyOf(keyv, 'a')
    await keyv.set(key, value as string)
    expect(await keyv.get(key)).not.toBeUndefined()
    expect(await keyvStore(keyv).get('a')).toBeUndefined()
  })

  test('a value that was damaged is a miss', async () => {
    const keyv = newKeyv()
    const store = keyvStore(keyv)
    await store.set('a', itemOf(100), minute)
    const key = await keyOf(keyv, 'a')
    const value = String(await keyv.get(key))
    const other = value[50] === 'A' ? 'B' : 'A'
    await keyv.set(key, value.slice(0, 50) + other + value.slice(51))
    expect(await store.get('a')).toBeUndefined()
    await keyv.set(key, value)
    expect(await store.get('a')).toBeDefined()
  })

  test('an item that was cut is a miss', async () => {
    const keyv = newKeyv()
    const store = keyvStore({
      ...bound(keyv),
      set: (key, value, ttl) => keyv.set(key, value.slice(0, value.length / 2), ttl),
    })
    await store.set('a', itemOf(100), minute)
    expect(await store.get('a')).toBeUndefined()
  })

  test('a write that its adapter refuses is an error', async () => {
    const map = new Map<string, unknown>()
    map.set = () => {
      throw new Error('disk full')
    }
    await expect(keyvStore(newKeyv(map)).set('a', itemOf(1), minute)).rejects.toThrow('disk full')
  })

  test('a hundred stores listen once', () => {
    const keyv = newKeyv()
    const on = vi.spyOn(keyv, 'on')
    for (let i = 0; i < 100; i++) keyvStore(keyv)
    expect(on).toHaveBeenCalledTimes(1)
  })
})

/** What keyvStore makes of a key. */
async function keyOf(keyv: KeyvLike, key: string): Promise<string> {
  const keys: string[] = []
  const get = (hashed: string) => {
    keys.push(hashed)
    return keyv.get(hashed)
  }
  await keyvStore({ ...bound(keyv), get }).get(key)
  return String(keys[0])
}

/** A Keyv's own methods, so that one of them can be replaced. */
function bound(keyv: KeyvLike): KeyvLike {
  return {
    get: (key) => keyv.get(key),
    set: (key, value, ttl) => keyv.set(key, value, ttl),
    delete: (key) => keyv.delete(key),
    clear: () => keyv.clear(),
    on: (event, listener) => keyv.on(event, listener),
  }
}

describe('keyvStore', () => {
  test('hands on whole milliseconds, never 0 and never endless', async () => {
    const keyv = new FakeKeyv()
    const store = keyvStore(keyv)
    for (const lifetime of [0.2, 1, 1500.9, Infinity]) await store.set('a', itemOf(1), lifetime)
    expect(keyv.calls.map(([, , , ttl]) => ttl)).toEqual([1, 1, 1500, 365 * 24 * 3600 * 1000])
  })

  test('keeps nothing for longer than maxLifetime', async () => {
    const keyv = new FakeKeyv()
    const store = keyvStore(keyv, { maxLifetime: 1_000 })
    for (const lifetime of [10, 5_000, Infinity]) await store.set('a', itemOf(1), lifetime)
    expect(keyv.calls.map(([, , , ttl]) => ttl)).toEqual([10, 1_000, 1_000])
  })

  test('says how it does, without the password of a URL in what its adapter said', async () => {
    const keyv = new FakeKeyv()
    const store = keyvStore(keyv)
    const guarded = guardStore(store)
    expect(store.health().state).toBe('up')
    keyv.fault = () => {
      throw new Error('no answer from redis://user:s3cret@host')
    }
    await guarded.get('a')
    expect(store.health()).toMatchObject({ state: 'degraded', reason: 'no answer from redis://***@host' })
    for (let i = 0; i < 5; i++) await guarded.get('a')
    expect(store.health().state).toBe('down')
  })

  test('an error that Keyv reports instead of failing makes the call fail', async () => {
    const keyv = new FakeKeyv()
    const store = keyvStore(keyv)
    keyv.fault = () => keyv.emit('error', new Error('connection lost'))
    await expect(store.get('a')).rejects.toThrow('connection lost')
    await expect(store.set('a', itemOf(1), minute)).rejects.toThrow('connection lost')
    await expect(store.delete('a')).rejects.toThrow('connection lost')
    await expect(store.clear()).rejects.toThrow('connection lost')
    keyv.fault = undefined
    expect(await store.get('a')).toBeUndefined()
    await store.set('a', itemOf(1), minute)
  })

  test('one error makes one call fail, not all that were under way', async () => {
    const keyv = new FakeKeyv()
    const store = keyvStore(keyv)
    const calls = Array.from({ length: 20 }, () => store.get('a'))
    const error = new Error('connection lost')
    keyv.emit('error', error)
    keyv.emit('error', error)
    const outcomes = await Promise.allSettled(calls)
    expect(outcomes.filter(({ status }) => status === 'rejected').length).toBe(1)
  })

  test('an error while a value is found does not take the value away', async () => {
    const keyv = new FakeKeyv()
    const store = keyvStore(keyv)
    await store.set('a', itemOf(5), minute)
    keyv.answer = keyv.calls[0]![2]
    keyv.fault = () => keyv.emit('error', new Error('another call failed'))
    expect((await store.get('a'))?.body.equals(itemOf(5).body)).toBe(true)
  })

  test('a write that Keyv says it did not make is an error', async () => {
    const keyv = new FakeKeyv()
    keyv.answer = false
    await expect(keyvStore(keyv).set('a', itemOf(1), minute)).rejects.toThrow('did not keep')
    await keyvStore(keyv).delete('a')
  })

  test('stores of two namespaces on one Keyv do not see each other', async () => {
    const keyv = new Keyv()
    const one = keyvStore(keyv, { namespace: 'one' })
    const two = keyvStore(keyv, { namespace: 'two' })
    await one.set('a', itemOf(1, { store: 1 }), minute)
    expect(await two.get('a')).toBeUndefined()
    expect((await keyvStore(keyv, { namespace: 'one' }).get('a'))?.meta).toEqual({ store: 1 })
  })

  test.each([
    [{ maxEntrySize: 0 }, 'maxEntrySize must be a whole number of at least 1, not 0'],
    [{ maxRecordingBytes: 'x' }, "maxRecordingBytes must be a number, not 'x'"],
    [{ namespace: 5 }, 'namespace must be a string, not 5'],
    [{ ttl: 5 }, "keyvStore has no option 'ttl'; it knows maxEntrySize, maxRecordingBytes, maxLifetime, namespace"],
  ])('refuses %o', (options, message) => {
    expect(() => keyvStore(new Keyv(), options as unknown as KeyvStoreOptions)).toThrow(message)
  })
})

describe('asStore', () => {
  test('without anything it is the store of this process', () => {
    expect(asStore(undefined)).toBe(defaultStore())
  })

  test('a Store is itself', () => {
    const store = memoryStore()
    expect(asStore(store)).toBe(store)
  })

  test.each(versions)('a Keyv is a far store, %s', async (_, newKeyv) => {
    const store: Store = asStore(newKeyv())
    expect([store.name, store.near]).toEqual(['keyv', false])
    await store.set('a', itemOf(3), minute)
    expect((await store.get('a'))?.body.equals(itemOf(3).body)).toBe(true)
  })

  test.each<[unknown, string]>([
    [null, "store needs a Keyv, such as new Keyv() or new Keyv(new KeyvRedis('redis://...')), not null"],
    ['redis://localhost', "not 'redis://localhost'"],
    [{}, 'store needs a Keyv'],
    [new Map(), 'store needs a Keyv, such as new Keyv({ store: map }), not Map'],
    [{ near: true }, 'store must be a Store; it lacks the method get'],
    [{ ...methodsOf(memoryStore()), near: undefined }, 'store.name must be a string, not undefined'],
    [{ ...methodsOf(memoryStore()), name: 'x' }, 'store.near must be true (answers at once) or false (promises)'],
    [{ ...methodsOf(memoryStore()), name: 'x', near: true }, 'store.maxEntrySize must be bytes above 0, not undefined'],
    [{ ...methodsOf(memoryStore()), name: 'x', near: true, maxEntrySize: 0 }, 'bytes above 0, not 0'],
    [{ ...methodsOf(memoryStore()), release: 5 }, 'store must be a Store; it lacks the method release'],
  ])('refuses %o', (value, message) => {
    expect(() => asStore(value as Store)).toThrow(TypeError)
    expect(() => asStore(value as Store)).toThrow(message)
  })
})

function methodsOf(store: Store) {
  return {
    get: (key: string) => store.get(key),
    set: store.set.bind(store),
    delete: store.delete.bind(store),
    clear: store.clear.bind(store),
    reserve: store.reserve.bind(store),
    release: store.release.bind(store),
  }
}
