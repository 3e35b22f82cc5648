import { finished } from 'node:stream/promises'
import { keyvCacheStore } from 'breakwater/undici'
import Keyv from 'keyv'
import KeyvSix from 'keyv6'
import { describe, expect, test } from 'vitest'
import { afterwards, answering, releases, startOrigin, until } from './support.ts'

/** Long enough for a machine under load. */
const patient = { storeTimeout: 5000 }

const value = (changes: object = {}) => ({
  statusCode: 200,
  statusMessage: 'OK',
  headers: { 'content-type': 'text/plain' },
  cacheControlDirectives: { 'max-age': 60 },
  cachedAt: Date.now(),
  staleAt: Date.now() + 60_000,
  deleteAt: Date.now() + 60_000,
  ...changes,
})
const key = (changes: object = {}) => ({
  origin: 'http://a.example',
  method: 'GET',
  path: '/',
  headers: {},
  ...changes,
})

async function put(store: ReturnType<typeof keyvCacheStore>, at: ReturnType<typeof key>, body: string, more = {}) {
  const stream = store.createWriteStream(at, value(more) as never)
  stream.end(body)
  await finished(stream)
}

const textOf = (result: { body?: unknown } | undefined): string | undefined =>
  result && Buffer.concat(result.body as Buffer[]).toString()

describe.each([
  ['keyv 5', () => new Keyv()],
  ['keyv 6', () => new KeyvSix() as unknown as Keyv],
])("a store for undici's own cache on %s", (_name, make) => {
  test('an answer is there once its stream has ended, and not before', async () => {
    const store = keyvCacheStore(make(), patient)
    const stream = store.createWriteStream(key(), value() as never)
    stream.write('ab')
    expect(await store.get(key())).toBeUndefined()
    stream.end('c')
    await finished(stream)
    const found = await store.get(key())
    expect(textOf(found)).toBe('abc')
    expect(found).toMatchObject({ statusCode: 200, headers: { 'content-type': 'text/plain' } })
    expect(found).not.toHaveProperty('vary')
  })

  test('a stream that breaks off leaves nothing', async () => {
    const store = keyvCacheStore(make(), patient)
    const stream = store.createWriteStream(key(), value() as never)
    stream.on('error', () => {})
    stream.write('ab')
    stream.destroy(new Error('gone'))
    expect(await store.get(key())).toBeUndefined()
  })

  test('Vary selects, and an absent field is a value', async () => {
    const store = keyvCacheStore(make(), patient)
    await put(store, key(), 'en', { vary: { 'accept-language': 'en' } })
    await put(store, key(), 'none', { vary: { 'accept-language': null } })
    const ask = async (headers: object) => textOf(await store.get(key({ headers })))
    expect(await ask({ 'accept-language': 'en' })).toBe('en')
    expect(await ask({})).toBe('none')
    expect(await ask({ 'accept-language': 'de' })).toBeUndefined()
    expect((await store.get(key({ headers: { 'accept-language': 'en' } })))?.vary).toEqual({ 'accept-language': 'en' })
  })

  test('answers that vary by different fields are all found', async () => {
    const store = keyvCacheStore(make(), patient)
    await put(store, key(), 'a', { vary: { a: '1' } })
    await put(store, key(), 'b', { vary: { b: '1' } })
    expect(textOf(await store.get(key({ headers: { a: '1' } })))).toBe('a')
    expect(textOf(await store.get(key({ headers: { b: '1' } })))).toBe('b')
  })

  test('delete removes all methods and variants, for good', async () => {
    const store = keyvCacheStore(make(), patient)
    await put(store, key(), 'get')
    await put(store, key({ method: 'HEAD' }), '')
    await put(store, key(), 'en', { vary: { 'accept-language': 'en' } })
    await store.delete(key({ method: 'POST' }))
    await put(store, key({ method: 'OPTIONS' }), 'new')
    expect(await store.get(key())).toBeUndefined()
    expect(await store.get(key({ method: 'HEAD' }))).toBeUndefined()
    expect(await store.get(key({ headers: { 'accept-language': 'en' } }))).toBeUndefined()
    expect(textOf(await store.get(key({ method: 'OPTIONS' })))).toBe('new')
  })

  test('answers written at the same time are all found', async () => {
    const store = keyvCacheStore(make(), patient)
    const names = ['en', 'de', 'fr']
    await Promise.all(names.map((name) => put(store, key(), name, { vary: { 'accept-language': name } })))
    for (const name of names) expect(textOf(await store.get(key({ headers: { 'accept-language': name } })))).toBe(name)
  })

  test('URLs that only look alike are different, and an origin has one form', async () => {
    const store = keyvCacheStore(make(), patient)
    await put(store, key({ origin: 'http://a.example', path: '/b' }), 'x')
    expect(await store.get(key({ path: '/b/' }))).toBeUndefined()
    expect(await store.get(key({ origin: 'https://a.example', path: '/b' }))).toBeUndefined()
    expect(textOf(await store.get(key({ origin: 'http://A.example:80/', path: '/b' })))).toBe('x')
  })

  test('what is too large is dropped without an error', async () => {
    const store = keyvCacheStore(make(), { ...patient, maxEntrySize: 10 })
    await put(store, key(), 'x'.repeat(11))
    expect(await store.get(key())).toBeUndefined()
    await put(store, key(), 'x'.repeat(10))
    expect(textOf(await store.get(key()))).toHaveLength(10)
  })

  test('what is past deleteAt is gone', async () => {
    const store = keyvCacheStore(make(), patient)
    await put(store, key(), 'x', { deleteAt: Date.now() - 1 })
    expect(await store.get(key())).toBeUndefined()
  })

  test('garbage under its keys is a miss', async () => {
    const keyv = make()
    const store = keyvCacheStore(keyv, patient)
    await put(store, key(), 'x')
    const kept = keyv.get.bind(keyv)
    keyv.get = (async (name: string) => ((await kept(name)) === undefined ? undefined : 'garbage')) as never
    expect(await store.get(key())).toBeUndefined()
  })
})

test.each<[string, () => unknown]>([
  ['rejects', () => Promise.reject(new Error('down'))],
  ['hangs', () => new Promise(() => {})],
])('a Keyv that %s is a miss and harms nobody', async (_kind, behave) => {
  const keyv = new Keyv()
  keyv.get = behave as never
  keyv.set = behave as never
  keyv.delete = behave as never
  const store = keyvCacheStore(keyv, { storeTimeout: 20 })
  expect(await store.get(key())).toBeUndefined()
  store.createWriteStream(key(), value() as never).end('x')
  store.delete(key())
})

test('something else than a Keyv is refused', () => {
  expect(() => keyvCacheStore(new Map() as never)).toThrow(TypeError)
  expect(() => keyvCacheStore(new Keyv(), { unknown: 1 } as never)).toThrow(TypeError)
})

test.each(releases)('the cache interceptor of %s itself works on it', async (_name, undici) => {
  const origin = await startOrigin((request, response) => {
    if (request.headers['if-none-match'] === '"v"') response.writeHead(304, { 'cache-control': 'max-age=60' }).end()
    else
      answering('body', { 'cache-control': request.url === '/0' ? 'max-age=1' : 'max-age=60', etag: '"v"' })(
        request,
        response,
      )
  })
  const keyv = new Keyv()
  const agent = new undici.Agent()
  afterwards(() => agent.destroy())
  const dispatcher = agent.compose(undici.interceptors.cache({ store: keyvCacheStore(keyv, patient) }))
  const ask = async (method: string, path = '/'): Promise<string> =>
    (await undici.request(origin.url + path, { dispatcher, method: method as 'GET' })).body.text()
  expect(await ask('GET')).toBe('body')
  let size = 0
  await until(() => {
    size = (keyv.opts.store as Map<string, unknown>).size
    return size === 2
  })
  expect(await ask('GET')).toBe('body')
  expect(origin.seen).toHaveLength(1)
  await ask('POST')
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(await ask('GET')).toBe('body')
  expect(origin.seen).toHaveLength(3)
  await ask('GET', '/0')
  await new Promise((resolve) => setTimeout(resolve, 1100))
  expect(await ask('GET', '/0')).toBe('body')
  expect(origin.seen.at(-1)?.headers['if-none-match']).toBe('"v"')
})
