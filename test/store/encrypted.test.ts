import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { type EncryptedStoreOptions, encrypted } from '../../src/core/store/encrypted.ts'
import { memoryStore } from '../../src/core/store/memory.ts'
import { remoteStore } from '../../src/core/store/remote.ts'
import type { Store, StoreItem } from '../../src/core/store/store.ts'
import { itemOf } from './items.ts'
import { MapServer } from './map-backend.ts'

const minute = 60_000
const first = { id: 'first', secret: randomBytes(32) }
const second = { id: 'second', secret: randomBytes(32) }
const nameSecret = randomBytes(32)
const item: StoreItem = { meta: { owner: 'mallory@example.org' }, body: Buffer.from('a page for one person') }

/** A store that remembers everything that reached it. */
function watched(): { store: Store; names: string[]; items: Map<string, StoreItem>; saw(text: string): boolean } {
  const items = new Map<string, StoreItem>()
  const names: string[] = []
  const inner = memoryStore()
  const store: Store = {
    name: 'watched',
    near: true,
    maxEntrySize: inner.maxEntrySize,
    get: (key) => {
      names.push(key)
      return items.get(key)
    },
    set: (key, value) => {
      names.push(key)
      items.set(key, value)
    },
    delete: (key) => {
      names.push(key)
      items.delete(key)
    },
    clear: () => items.clear(),
    reserve: () => true,
    release: () => {},
  }
  const saw = (text: string): boolean => {
    const forms = [
      text,
      Buffer.from(text).toString('hex'),
      Buffer.from(text)
        .toString('base64')
        .replace(/.{2}=*$/, ''),
    ]
    const all = [...items.values()].map(({ meta, body }) => `${JSON.stringify(meta)} ${body.toString('latin1')}`)
    return [...names, ...all].some((seen) => forms.some((form) => seen.includes(form)))
  }
  return { store, names, items, saw }
}

describe('what the store sees', () => {
  test('neither key nor metadata nor body', () => {
    const { store, saw } = watched()
    const safe = encrypted(store, { keys: [first] })
    void safe.set('https://example.org/accounts/7', item, minute)
    expect(safe.get('https://example.org/accounts/7')).toEqual(item)
    void safe.delete('https://example.org/accounts/8')
    for (const text of ['example.org', 'accounts', 'mallory', 'owner', 'a page for one person']) {
      expect(saw(text), text).toBe(false)
    }
  })

  test('neither keys nor values nor channels nor messages of capabilities', async () => {
    const server = new MapServer()
    const backend = server.backend()
    const own = backend.capabilities!
    const sent: string[] = []
    const publish = async (channel: string, text: string) => {
      sent.push(channel, text)
      await own.publish?.(channel, text)
    }
    const remote = remoteStore('map', { ...backend, capabilities: { ...own, publish } }, {})
    const safe = encrypted(remote, { keys: [first] }).capabilities!
    await safe.setIfAbsent('lock of mallory', Buffer.from('held by alice'), minute)
    await safe.compareAndSwap('lock of mallory', Buffer.from('held by alice'), Buffer.from('held by bob'), minute)
    await safe.append?.('log of mallory', Buffer.from('held by alice'), minute)
    await safe.publish?.('channel of mallory', 'held by alice')
    const seen = [...server.kept].map(([key, value]) => `${key} ${value.toString('latin1')}`).join() + sent.join()
    expect(seen).not.toMatch(/mallory|held|alice|bob/)
    expect(seen).not.toContain(Buffer.from('held by').toString('base64').slice(0, 8))
  })

  test('the same item is other bytes each time', () => {
    const { store, items } = watched()
    const safe = encrypted(store, { keys: [first] })
    void safe.set('a', item, minute)
    const [before] = [...items.values()]
    void safe.set('a', item, minute)
    const [after] = [...items.values()]
    expect(items.size).toBe(1)
    expect(after?.body.equals(before!.body)).toBe(false)
  })
})

describe('what was tampered with is a miss', () => {
  const setUp = () => {
    const { store, items } = watched()
    const safe = encrypted(store, { keys: [first] })
    void safe.set('a', item, minute)
    void safe.set('b', { meta: { b: 1 }, body: Buffer.from('another one') }, minute)
    const [a = '', b = ''] = items.keys()
    return { safe, items, a, b }
  }

  test('two items that were exchanged', () => {
    const { safe, items, a, b } = setUp()
    const [itemA, itemB] = [items.get(a)!, items.get(b)!]
    items.set(a, itemB)
    items.set(b, itemA)
    expect([safe.get('a'), safe.get('b')]).toEqual([undefined, undefined])
    items.set(a, itemA)
    expect(safe.get('a')).toEqual(item)
  })

  test('the body of one with the metadata of another', () => {
    const { safe, items, a, b } = setUp()
    items.set(a, { meta: items.get(a)!.meta, body: items.get(b)!.body })
    expect(safe.get('a')).toBeUndefined()
  })

  test('any bit of the body', () => {
    const { safe, items, a } = setUp()
    const { meta, body } = items.get(a)!
    for (let bit = 0; bit < body.length * 8; bit++) {
      const changed = Buffer.from(body)
      changed[bit >> 3]! ^= 1 << (bit & 7)
      items.set(a, { meta, body: changed })
      expect(safe.get('a')).toBeUndefined()
    }
  })

  test.each(['key', 'iv', 'tag', 'meta', 'kind'])('any part of the metadata: %s', (name) => {
    const { safe, items, a } = setUp()
    const { meta, body } = items.get(a)!
    const parts = meta as Record<string, string>
    const other = Buffer.from(parts[name]!, 'base64')
    other[0]! ^= 1
    for (const part of [other.toString('base64'), '', 'AAAA', 7, null, undefined, {}, '#'.repeat(100)]) {
      items.set(a, { meta: { ...parts, [name]: part }, body })
      expect(safe.get('a')).toBeUndefined()
    }
  })

  test('bytes moved from the body to the metadata', () => {
    const { safe, items, a } = setUp()
    const { meta, body } = items.get(a)!
    const parts = meta as Record<string, string>
    const moved = Buffer.concat([Buffer.from(parts.meta!, 'base64'), body.subarray(0, 3)]).toString('base64')
    items.set(a, { meta: { ...parts, meta: moved }, body: body.subarray(3) })
    expect(safe.get('a')).toBeUndefined()
  })

  test('a short tag', () => {
    const { safe, items, a } = setUp()
    const { meta, body } = items.get(a)!
    const parts = meta as Record<string, string>
    const tag = Buffer.from(parts.tag!, 'base64').subarray(0, 4).toString('base64')
    items.set(a, { meta: { ...parts, tag }, body })
    expect(safe.get('a')).toBeUndefined()
  })

  test('an item that was never encrypted', () => {
    const { safe, items, a } = setUp()
    items.set(a, item)
    expect(safe.get('a')).toBeUndefined()
  })

  test('values of capabilities, which then count as absent', async () => {
    const server = new MapServer()
    const safe = encrypted(remoteStore('map', server.backend(), {}), { keys: [first] }).capabilities!
    const [one, two] = [Buffer.from('one'), Buffer.from('two')]
    await safe.setIfAbsent('a', one, minute)
    await safe.setIfAbsent('b', two, minute)
    const [a = '', b = ''] = server.kept.keys()
    server.write(a, server.read(b)!, minute)
    expect(await safe.read('a')).toBeUndefined()
    expect(await safe.compareAndSwap('a', two, one, minute)).toBe(false)
    for (const damage of [Buffer.alloc(0), Buffer.from([1]), Buffer.from([1, 255, 1]), Buffer.alloc(100)]) {
      server.write(a, damage, minute)
      expect(await safe.read('a')).toBeUndefined()
    }
    expect(await safe.setIfAbsent('a', two, minute)).toBe(true)
    expect((await safe.read('a'))?.toString()).toBe('two')
    expect(await safe.setIfAbsent('a', one, minute)).toBe(false)
  })

  test('a value in a list, which keeps its place', async () => {
    const server = new MapServer()
    const remote = remoteStore('map', server.backend(), {})
    const safe = encrypted(remote, { keys: [first] }).capabilities!
    const other = encrypted(remote, { keys: [second], nameSecret: first.secret }).capabilities!
    await safe.append?.('list', Buffer.from('one'), minute)
    await other.append?.('list', Buffer.from('foreign'), minute)
    await safe.append?.('list', Buffer.from('three'), minute)
    expect((await safe.slice?.('list', 0))?.map(String)).toEqual(['one', '', 'three'])
  })

  test('a message, which is not heard', async () => {
    const remote = remoteStore('map', new MapServer().backend(), {})
    const heard: string[] = []
    const listener = { message: (text: string) => heard.push(text), connected() {}, lost() {} }
    const safe = encrypted(remote, { keys: [first] }).capabilities!
    const other = encrypted(remote, { keys: [second], nameSecret: first.secret }).capabilities!
    await safe.subscribe?.('c', listener)
    await other.publish?.('c', 'foreign')
    await safe.publish?.('c', 'own')
    expect(heard).toEqual(['own'])
  })
})

describe.each([
  ['names of the last key', {}],
  ['names of their own secret', { nameSecret }],
] as [string, Partial<EncryptedStoreOptions>][])('rotation, %s', (_, names) => {
  test('the first key writes, all read; without a key what it wrote is a miss', () => {
    const { store } = watched()
    const before = encrypted(store, { keys: [first], ...names })
    const during = encrypted(store, { keys: [second, first], ...names })
    const after = encrypted(store, { keys: [second], ...names })
    void before.set('old', item, minute)
    void during.set('new', item, minute)
    expect([during.get('old'), during.get('new')]).toEqual([item, item])
    expect(before.get('new')).toBeUndefined()
    expect(after.get('old')).toBeUndefined()
    expect(() => after.set('old', item, minute)).not.toThrow()
    expect(after.get('old')).toEqual(item)
  })
})

test('with a secret for names, what the new key wrote outlasts the old key', () => {
  const { store } = watched()
  void encrypted(store, { keys: [second, first], nameSecret }).set('a', item, minute)
  expect(encrypted(store, { keys: [second], nameSecret }).get('a')).toEqual(item)
})

test('a process that has the old key only replaces and deletes what the new one wrote', () => {
  const { store } = watched()
  const [old, fresh] = [encrypted(store, { keys: [first] }), encrypted(store, { keys: [second, first] })]
  void fresh.set('a', item, minute)
  void old.delete('a')
  expect(fresh.get('a')).toBeUndefined()
  void fresh.set('a', item, minute)
  void old.set('a', itemOf(3), minute)
  expect(fresh.get('a')).toEqual(itemOf(3))
})

test.each(['base64', 'base64url', 'hex'] as const)('a secret as %s is the same as its bytes', (encoding) => {
  const { store } = watched()
  void encrypted(store, { keys: [first] }).set('a', item, minute)
  const secret = first.secret.toString(encoding)
  expect(encrypted(store, { keys: [{ id: 'first', secret }] }).get('a')).toEqual(item)
})

test.each([
  [undefined, /needs options with keys/],
  [{}, /keys must be an array of at least one/],
  [{ keys: [] }, /keys must be an array of at least one/],
  [{ keys: [{ id: 'a', secret: 'correct horse battery staple' }] }, /keys\[0\].secret must be 32 random bytes/],
  [{ keys: [{ id: 'a', secret: Buffer.alloc(16) }] }, /not 16 bytes; node -p .* makes one/],
  [{ keys: [{ id: 'a', secret: 7 }] }, /not something else/],
  [{ keys: [{ secret: Buffer.alloc(32) }] }, /keys\[0\].id must be 1 to 64/],
  [{ keys: [first, { ...second, id: 'first' }] }, /ids that differ/],
  [{ keys: [first, null] }, /keys\[1\].id/],
  [{ keys: [first], nameSecret: 'short' }, /nameSecret must be 32 random bytes/],
  [{ keys: [first], key: 1 }, /encrypted has no option 'key'/],
])('refuses the options %#', (options, message) => {
  expect(() => encrypted(memoryStore(), options as unknown as EncryptedStoreOptions)).toThrow(message)
})

test('secrets appear neither in an error nor in what a store prints as', () => {
  const secret = `${'s3cr3t'.repeat(6)}!`
  const attempt = () => encrypted(memoryStore(), { keys: [{ id: 'a', secret }] })
  expect(attempt).toThrow(TypeError)
  expect(attempt).not.toThrow(/s3cr3t/)
  const store = encrypted(memoryStore(), { keys: [first], nameSecret })
  const printed = inspect(store, { depth: 10, showHidden: true }) + JSON.stringify(store)
  expect(printed).not.toContain(first.secret.toString('base64'))
  expect(printed).not.toContain(first.secret.toString('hex').slice(0, 16))
})
