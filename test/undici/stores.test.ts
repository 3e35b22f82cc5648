import type { Store } from 'breakwater'
import { memoryStore, ResponseCache } from 'breakwater'
import { cache } from 'breakwater/undici'
import Keyv from 'keyv'
import { describe, expect, test } from 'vitest'
import { afterwards, answering, releases, startClient, startOrigin } from './support.ts'

const far = (changes: Partial<Store>): Store => ({
  name: 'broken',
  near: false,
  maxEntrySize: 1024 * 1024,
  get: async () => undefined,
  set: async () => {},
  delete: async () => {},
  clear: async () => {},
  reserve: () => true,
  release: () => {},
  ...changes,
})

const reject = () => Promise.reject(new Error('down'))
const hang = () => new Promise<never>(() => {})
const fail = () => {
  throw new Error('down')
}

describe.each(releases)('%s: stores', (_name, undici) => {
  test.each<[string, Partial<Store>]>([
    ['rejects', { get: reject, set: reject, delete: reject }],
    ['throws', { get: fail, set: fail, delete: fail, reserve: fail, release: fail }],
    ['hangs', { get: hang, set: hang, delete: hang }],
    ['returns garbage', { get: async () => ({ meta: { kind: 'response' }, body: 'no' }) as never }],
    ['throws although it is near', { near: true, get: fail, set: fail, delete: fail }],
  ])('a store that %s never fails a request', async (_kind, changes) => {
    const origin = await startOrigin(answering('x'))
    const responses = new ResponseCache({ store: far(changes), storeTimeout: 30 })
    const client = startClient(undici, origin, { cache: responses })
    for (let i = 0; i < 3; i++) expect((await client.get('/')).text).toBe('x')
    expect((await client.send('POST', '/', { body: 'x' })).text).toBe('x')
  })

  test('a request ends by its signal while a store hangs', async () => {
    const origin = await startOrigin(answering('x'))
    const responses = new ResponseCache({ store: far({ get: hang }), storeTimeout: 10_000 })
    const client = startClient(undici, origin, { cache: responses })
    const asked = client.send('GET', '/', { signal: AbortSignal.timeout(20) })
    await expect(asked).rejects.toThrow(/abort|timeout/)
    expect(origin.seen).toHaveLength(0)
  })

  test('a Keyv given as store keeps the answers', async () => {
    const origin = await startOrigin(answering('x'))
    const agent = new undici.Agent()
    afterwards(() => agent.destroy())
    const keyv = new Keyv()
    const ask = async (): Promise<string> => {
      const dispatcher = agent.compose(cache({ store: keyv }))
      const { headers, body } = await undici.request(`${origin.url}/`, { dispatcher })
      return (await body.text()) + String(headers['cache-status'])
    }
    expect(await ask()).toContain('fwd=uri-miss')
    await new Promise((resolve) => setTimeout(resolve, 10))
    expect(await ask()).toContain('hit')
    expect(origin.seen).toHaveLength(1)
  })

  test('a bare ResponseCache stands for { cache }', async () => {
    const origin = await startOrigin(answering('x'))
    const responses = new ResponseCache({ store: memoryStore() })
    const agent = new undici.Agent()
    afterwards(() => agent.destroy())
    const dispatcher = agent.compose(cache(responses))
    await (await undici.request(`${origin.url}/`, { dispatcher })).body.text()
    expect(responses.stats().stored).toBe(1)
  })
})

test.each<[string, unknown]>([
  ['an unknown option', { stroe: 1 }],
  ['cache and store together', { cache: new ResponseCache(), store: memoryStore() }],
  ['a store as cache', { cache: memoryStore() }],
  ['an origin that is none', { origins: ['nonsense'] }],
  ['origins that are no array', { origins: 'http://a' }],
])('%s is refused at once', (_kind, options) => {
  expect(() => cache(options as never)).toThrow(TypeError)
})
