import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { type Events, ResponseCache, type Store } from 'breakwater'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { fetchFrom } from './client.ts'
import { type Kind, mounted, type Running, serve } from './subjects.ts'

type StoreTold = Events['breakwater:store']

const never = (): Promise<never> => new Promise(() => {})
const broken = (): never => {
  throw new Error('store broken')
}
const rejects = async (): Promise<never> => broken()

/** A store that keeps nothing, with some of its methods replaced. */
function storeWith(near: boolean, methods: Partial<Store>): Store {
  const answer = <T>(value: T): T | Promise<T> => (near ? value : Promise.resolve(value))
  return {
    name: 'broken',
    near,
    maxEntrySize: 1_000_000,
    get: () => answer(undefined),
    set: () => answer(undefined),
    delete: () => answer(undefined),
    clear: () => answer(undefined),
    reserve: () => true,
    release: () => {},
    ...methods,
  }
}

const garbage = [null, 7, 'text', [], {}, { meta: {}, body: 'text' }, { meta: null, body: Buffer.alloc(0) }]
const strangeEntries = [
  { meta: {}, body: Buffer.from('x') },
  { meta: { kind: 'response' }, body: Buffer.from('x') },
  { meta: { kind: 'variants', variants: 'none' }, body: Buffer.alloc(0) },
]

const stores: readonly (readonly [string, Store, boolean])[] = [
  ['near, get throws', storeWith(true, { get: broken }), true],
  ['near, get answers with a promise', storeWith(true, { get: rejects }), true],
  ['near, set throws', storeWith(true, { set: broken }), true],
  ['near, set answers with a promise', storeWith(true, { set: rejects }), true],
  ['near, reserve throws', storeWith(true, { reserve: broken }), true],
  ['near, reserve refuses', storeWith(true, { reserve: () => false }), false],
  ['near, release throws', storeWith(true, { release: broken }), true],
  ['near, everything throws', storeWith(true, { get: broken, set: broken, delete: broken, release: broken }), true],
  ...garbage.map(
    (item) => [`near, get gives ${JSON.stringify(item)}`, storeWith(true, { get: () => item as never }), true] as const,
  ),
  ...strangeEntries.map(
    (item) =>
      [`near, get gives an item ${JSON.stringify(item.meta)}`, storeWith(true, { get: () => item }), false] as const,
  ),
  ['far, get hangs', storeWith(false, { get: never }), true],
  ['far, get rejects', storeWith(false, { get: rejects }), true],
  ['far, get throws', storeWith(false, { get: broken }), true],
  ['far, get answers at once', storeWith(false, { get: () => undefined }), false],
  ['far, set hangs', storeWith(false, { set: never }), false],
  ['far, set rejects', storeWith(false, { set: rejects }), true],
  ['far, set throws', storeWith(false, { set: broken }), true],
  ['far, everything hangs', storeWith(false, { get: never, set: never, delete: never }), true],
  ...garbage.map(
    (item) =>
      [`far, get gives ${JSON.stringify(item)}`, storeWith(false, { get: async () => item as never }), true] as const,
  ),
]

const storeTimeout = 60

describe.each<Kind>(['node', 'express 5'])('on %s', (kind) => {
  let running: Running
  const told: StoreTold[] = []
  const onTold = (event: unknown): void => void told.push(event as StoreTold)
  beforeEach(() => {
    told.length = 0
    subscribe('breakwater:store', onTold)
  })
  afterEach(async () => {
    unsubscribe('breakwater:store', onTold)
    await running.close()
  })

  test.each(stores)('a store that is broken (%s) fails no request and holds none', async (_name, store, tells) => {
    const responses = new ResponseCache({ store, storeTimeout })
    const mount = mounted({ cache: responses, ttl: 60_000 })
    running = await serve(kind, (_request, response) => response.end('answered'), mount)
    for (let i = 0; i < 2; i++) {
      const start = performance.now()
      const [first, second] = await Promise.all([fetchFrom(running.url), fetchFrom(`${running.url}/other`)])
      expect([first.body, second.body]).toEqual(['answered', 'answered'])
      expect(performance.now() - start).toBeLessThan(storeTimeout + 400)
    }
    expect(told.length > 0).toBe(tells)
    expect(responses.stats().storeErrors > 0).toBe(tells)
    expect(told.every(({ store: name }) => name === 'broken')).toBe(true)
    expect(responses.inFlight.size).toBe(0)
  })

  test('a purge of a store that hangs says so in time', async () => {
    const responses = new ResponseCache({
      store: storeWith(false, { get: never, delete: never, clear: never }),
      storeTimeout,
    })
    running = await serve(kind, (_request, response) => response.end('answered'), mounted({ cache: responses }))
    await fetchFrom(running.url)
    await expect(responses.purge({ all: true })).rejects.toThrow('The purge did not reach the store')
  })
})
