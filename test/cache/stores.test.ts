import * as fc from 'fast-check'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { Entry, reviveEntry } from '../../src/core/cache/entry.ts'
import { Mount } from '../../src/core/cache/mount.ts'
import { mountSettings } from '../../src/core/cache/options.ts'
import { ResponseCache } from '../../src/core/cache/response-cache.ts'
import { isVariantIndex } from '../../src/core/cache/variants.ts'
import { memoryStore } from '../../src/core/store/memory.ts'
import type { Store, StoreItem } from '../../src/core/store/store.ts'
import {
  type Answer,
  type Asked,
  answer,
  content,
  engine,
  exchangeOf,
  farStore,
  field,
  lookup,
  ManualClock,
  replyOf,
  responseHead,
} from '../support/engine.ts'

const fresh = { 'cache-control': 'max-age=60' }
/** Lets the writes to a far store arrive. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 5))

afterEach(() => void vi.useRealTimers())

describe('a far store decides as a near one', () => {
  const steps: [string, Asked, Answer?, number?][] = [
    ['stored', { url: '/a' }, { headers: { ...fresh, etag: '"a"' }, body: 'one' }],
    ['fresh', { url: '/a' }],
    ['HEAD', { url: '/a', method: 'HEAD' }],
    ['a range', { url: '/a', headers: { range: 'bytes=1-1' } }],
    ['a condition', { url: '/a', headers: { 'if-none-match': '"a"' } }],
    ['stale', { url: '/a' }, { status: 304, headers: { etag: '"a"' } }, 61],
    ['fresh again', { url: '/a' }],
    ['a variant', { url: '/b', headers: { 'x-a': '1' } }, { headers: { ...fresh, vary: 'x-a' }, body: 'two' }],
    ['another', { url: '/b', headers: { 'x-a': '2' } }, { headers: { ...fresh, vary: 'x-a' }, body: 'three' }],
    ['the first', { url: '/b', headers: { 'x-a': '1' } }],
    ['no variant', { url: '/b' }, { status: 500 }],
    ['only-if-cached', { url: '/c', headers: { 'cache-control': 'only-if-cached' } }],
    [
      'a part',
      { url: '/d', headers: { range: 'bytes=0-3' } },
      { status: 206, headers: { ...fresh, 'content-range': 'bytes 0-3/9', 'content-length': '4' } },
    ],
    ['the part', { url: '/d', headers: { range: 'bytes=1-2' } }],
    ['a write', { url: '/b', method: 'POST' }, {}],
    ['after it', { url: '/b', headers: { 'x-a': '1' } }, { status: 500 }],
    ['lost', { url: '/a' }, { status: 502 }, 61],
  ]

  test('step by step', async () => {
    const run = async (store: Store | undefined) => {
      const { mount, clock } = engine({}, 'in', store)
      const seen: unknown[] = []
      for (const [name, asked, response, seconds] of steps) {
        clock.pass(seconds ?? 0)
        const decision = await lookup(mount, asked)
        const outcome = 'exchange' in decision ? answer(decision.exchange, response) : decision
        const reply = 'reply' in outcome ? outcome.reply : undefined
        seen.push([name, decision.kind, outcome.kind, reply?.status, reply?.lines, reply?.body?.toString()])
        await settled()
      }
      return seen
    }
    expect(await run(farStore())).toEqual(await run(undefined))
  })

  test('keeps all of several variants that are stored at once', async () => {
    const { mount, responses } = engine({}, 'in', farStore())
    const values = ['1', '2', '3', '4']
    const decisions = await Promise.all(
      values.map((value) => lookup(mount, { headers: { 'x-a': value, cookie: 'c' } })),
    )
    for (const decision of decisions) answer(exchangeOf(decision), { headers: { ...fresh, vary: 'x-a' } })
    await settled()
    for (const value of values) expect((await lookup(mount, { headers: { 'x-a': value } })).kind).toBe('hit')
    expect(responses.inFlight.size).toBe(0)
  })

  test('purges one URL and all, hard and soft', async () => {
    const { mount, responses, clock } = engine({}, 'in', farStore())
    const store = async () => {
      const decision = await lookup(mount)
      answer(exchangeOf(decision), { headers: { 'cache-control': 'max-age=60, stale-while-revalidate=60' } })
      await settled()
    }
    for (const request of [{ url: 'http://example.test/' }, { all: true as const }]) {
      await store()
      await responses.purge(request)
      const after = await lookup(mount)
      expect(after.kind).toBe('miss')
      exchangeOf(after).abandon()
    }
    await store()
    clock.pass(1)
    await responses.purge({ url: 'http://example.test/', soft: true })
    const after = await lookup(mount)
    expect(after.kind).toBe('stale')
    exchangeOf(after).abandon()
  })

  test.each([{ url: 'http://example.test/' }, { all: true as const }])(
    'does not store what was under way: %o',
    async (request) => {
      const { mount, responses } = engine({}, 'in', farStore())
      const leader = exchangeOf(await lookup(mount))
      const purging = responses.purge(request)
      answer(leader, { headers: fresh })
      await purging
      await settled()
      const after = await lookup(mount)
      expect(after.kind).toBe('miss')
      exchangeOf(after).abandon()
    },
  )
})

describe('a store that is broken is a miss', () => {
  const broken = (changes: Partial<Store>): Store => ({
    name: 'broken',
    near: true,
    maxEntrySize: 1e6,
    get: () => undefined,
    set: () => undefined,
    delete: () => undefined,
    clear: () => undefined,
    reserve: () => true,
    release: () => undefined,
    ...changes,
  })
  const fail = () => {
    throw new Error('broken')
  }
  const item = (meta: unknown, body: unknown = Buffer.from('body')) => ({ meta, body }) as StoreItem

  test.each<[string, Partial<Store>]>([
    ['throws', { get: fail, set: fail, delete: fail, reserve: fail, release: fail }],
    ['rejects', { near: false, get: async () => fail(), set: async () => fail(), delete: async () => fail() }],
    ['answers a near call with a promise', { get: async () => undefined }],
    ['answers null', { get: () => null as never }],
    ['answers a text', { get: () => 'x' as never }],
    ['answers without a body', { get: () => item({ kind: 'response' }, 'text') }],
    ['answers with another kind', { get: () => item({ kind: 'sequence' }) }],
    ['answers with half an entry', { get: () => item({ kind: 'response', id: 'a', status: 200 }) }],
    ['answers with an index of nonsense', { get: () => item({ kind: 'variants', variants: [null] }) }],
    ['answers with an index of nothing', { get: () => item({ kind: 'variants', variants: [] }) }],
    [
      'answers with an index of itself',
      { get: () => item({ kind: 'variants', variants: [{ key: 'a', names: ['x'] }] }) },
    ],
    [
      'answers with a language that is none',
      { get: () => item({ kind: 'variants', variants: [{ key: 'a', names: ['accept-language'], language: 5 }] }) },
    ],
    ['has no memory', { reserve: () => false }],
  ])('where it %s', async (_, changes) => {
    const { mount, responses } = engine({ policy: 'rfc9111' }, 'in', broken(changes))
    for (let i = 0; i < 2; i++) {
      const decision = await lookup(mount, { headers: { 'accept-language': 'de' } })
      expect(decision.kind).toBe('miss')
      answer(exchangeOf(decision), { headers: { ...fresh, vary: 'accept-language' } })
    }
    await settled()
    expect(responses.inFlight.size).toBe(0)
  })

  test('where it hangs, within storeTimeout', async () => {
    const store = broken({ near: false, get: () => new Promise(() => {}), set: () => new Promise(() => {}) })
    const responses = new ResponseCache({ store, storeTimeout: 20 })
    const mount = new Mount(responses, mountSettings({}, 'in'))
    const start = performance.now()
    const decision = await lookup(mount)
    expect(decision.kind).toBe('miss')
    expect(performance.now() - start).toBeLessThan(200)
    exchangeOf(decision).abandon()
  })

  test('and a request that is gone does not wait for it', async () => {
    const { mount } = engine({}, 'in', broken({ near: false, get: () => new Promise(() => {}) }))
    const controller = new AbortController()
    const decision = lookup(mount, { signal: controller.signal })
    controller.abort()
    exchangeOf(await decision).abandon()
  })

  test('whatever is wrong with what it gives back', async () => {
    const kept = new Map<string, StoreItem>()
    const store = broken({ get: (key) => kept.get(key), set: (key, one) => void kept.set(key, one) })
    const { mount } = engine({ policy: 'rfc9111' }, 'in', store)
    const asked: Asked = { headers: { 'x-a': '1', range: 'bytes=0-1', 'accept-language': 'de' } }
    answer(exchangeOf(await lookup(mount, asked)), { headers: { ...fresh, etag: '"a"', vary: 'x-a' } })
    const [whole] = [...kept.entries()].map(([key, one]) => [key, JSON.parse(JSON.stringify(one.meta))] as const)
    const junk = fc.oneof(fc.constantFrom(null, -1, 'x', true, [], {}, [null], [1, 2], 1e300), fc.jsonValue())
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...kept.keys()), junk, fc.nat(), async (key, value, which) => {
        const original = kept.get(key) as StoreItem
        const meta = JSON.parse(JSON.stringify(original.meta)) as Record<string, unknown>
        const names = Object.keys(meta)
        meta[names[which % names.length] as string] = value
        kept.set(key, { meta, body: original.body })
        const decision = await lookup(mount, asked)
        if ('exchange' in decision) decision.exchange.abandon()
        else if (decision.kind === 'stale') decision.refresh?.abandon()
        kept.set(key, original)
      }),
      { numRuns: 500 },
    )
    expect(whole).toBeDefined()
  })
})

describe('an entry', () => {
  const stored = (response: Answer = {}): Entry => {
    const { mount } = engine()
    const exchange = exchangeOf(lookup(mount) as never)
    answer(exchange, response)
    const found = mount.responses.shelf.find(mount.keyOf(exchange.request, undefined), exchange.request, {
      budget: undefined,
      signal: undefined,
      byLanguage: false,
    })
    if (found === undefined || !('entry' in found)) throw new Error('not stored')
    return found.entry
  }

  test('survives JSON', () => {
    const entry = stored({
      headers: { ...fresh, etag: '"a"', 'set-cookie': [], 'cache-groups': '"g"', 'x-a': ['1', '2'] },
    })
    for (const one of [entry, entry.with({ expiredAt: 5, staleIfError: 7, range: { start: 0, end: 1, size: 2 } })]) {
      const revived = reviveEntry(JSON.parse(JSON.stringify(one)))
      expect(revived).toBeInstanceOf(Entry)
      expect(revived?.toJSON()).toEqual(one.toJSON())
      expect(revived?.validators).toEqual(one.validators)
      expect(revived?.hitLines(one.bornAt + 5000, 'x')).toEqual(one.hitLines(one.bornAt + 5000, 'x'))
    }
  })

  test.each([
    'kind',
    'id',
    'version',
    'status',
    'lines',
    'authority',
    'target',
    'bornAt',
    'lifetime',
    'staleWhileRevalidate',
    'staleForbidden',
    'noCache',
    'vary',
    'groups',
    'bansPassed',
  ])('without %s is none', (name) => {
    const data = JSON.parse(JSON.stringify(stored({ headers: fresh })))
    delete data[name]
    expect(reviveEntry(data)).toBeUndefined()
  })

  test('that knows of no absences has none', () => {
    const data = JSON.parse(JSON.stringify(stored({ headers: fresh })))
    delete data.absences
    expect(reviveEntry(data)?.absences).toEqual([])
    expect(reviveEntry({ ...data, absences: ['user'] })?.absences).toEqual(['user'])
    for (const absences of ['user', [1], null]) expect(reviveEntry({ ...data, absences })).toBeUndefined()
  })

  test('that does not know whether it is immutable is not', () => {
    const data = JSON.parse(JSON.stringify(stored({ headers: { 'cache-control': 'max-age=60, immutable' } })))
    expect(reviveEntry(data)?.immutable).toBe(true)
    delete data.immutable
    expect(reviveEntry(data)?.immutable).toBe(false)
    expect(reviveEntry({ ...data, immutable: 'yes' })).toBeUndefined()
  })

  test('with an odd number of lines is none', () => {
    const data = JSON.parse(JSON.stringify(stored({ headers: fresh })))
    expect(reviveEntry({ ...data, lines: ['a'] })).toBeUndefined()
  })

  test('gives the same lines for a whole second', () => {
    const entry = stored({ headers: fresh })
    expect(entry.hitLines(entry.bornAt + 1000, 'x')).toBe(entry.hitLines(entry.bornAt + 1999, 'x'))
    expect(entry.hitLines(entry.bornAt + 2000, 'x')).not.toBe(entry.hitLines(entry.bornAt + 1000, 'x'))
    expect(entry.hitLines(entry.bornAt + 2000, false)).not.toContain('Cache-Status')
  })
})

describe('an index of variants', () => {
  test.each([
    [{ kind: 'variants', variants: [] }, true],
    [{ kind: 'variants', variants: [{ key: 'a', names: ['b'] }] }, true],
    [{ kind: 'variants', variants: [{ key: 'a', names: [5] }] }, false],
    [{ kind: 'variants', variants: [{ key: 'a', names: ['b'], language: 5 }] }, false],
    [{ kind: 'variants' }, false],
    [{ kind: 'response', variants: [] }, false],
  ])('%o: %s', (meta, valid) => {
    expect(isVariantIndex(meta)).toBe(valid)
  })
})

describe('inspect', () => {
  test('tells what is stored, and why not', async () => {
    const { mount, responses, clock } = engine()
    const url = 'http://example.test/'
    expect(await responses.inspect({ url })).toMatchObject([{ stored: false, reason: 'not-seen' }])
    answer(exchangeOf(await lookup(mount)), { headers: { 'cache-control': 'no-store' } })
    expect(await responses.inspect({ url })).toMatchObject([{ stored: false, reason: 'no-store' }])
    clock.pass(121)
    answer(exchangeOf(await lookup(mount)), { headers: { ...fresh, 'cache-groups': '"g"' } })
    clock.pass(5)
    expect(await responses.inspect({ url })).toMatchObject([
      {
        stored: true,
        reason: 'max-age',
        status: 200,
        age: 5,
        bytes: 4,
        groups: ['g'],
        freshUntil: clock.now() + 55_000,
      },
    ])
    expect(await responses.inspect({ url, method: 'POST' })).toMatchObject([{ stored: false, reason: 'method' }])
    expect(responses.inFlight.size).toBe(0)
  })
})

describe('inspect', () => {
  const url = 'http://example.test/'

  test.each([
    [undefined, 'undefined'],
    ['http://example.test/', "'http://example.test/'"],
    [{}, 'undefined'],
    [{ url: '/a' }, "'/a'"],
    [{ url: 'ftp://a/b' }, "'ftp://a/b'"],
    [{ url, method: 'GET', path: '/' }, "'path'"],
    [{ url, signal: 'now' }, "'now'"],
  ])('refuses %o, mounted or not', async (asked, quoted) => {
    for (const responses of [new ResponseCache(), engine().responses]) {
      await expect(responses.inspect(asked as never)).rejects.toThrow(TypeError)
      await expect(responses.inspect(asked as never)).rejects.toThrow(quoted)
    }
  })

  test('ends with its signal, whatever the store does', async () => {
    const { responses } = engine({}, 'in', { ...farStore(), get: () => new Promise(() => {}) })
    const controller = new AbortController()
    const inspecting = responses.inspect({ url, signal: controller.signal })
    controller.abort('enough')
    await expect(inspecting).rejects.toBe('enough')
  })
})

describe('warming', () => {
  test('asks anew for what is stored', async () => {
    const { mount } = engine()
    answer(exchangeOf(await lookup(mount)), { headers: fresh, body: 'old' })
    const head = exchangeOf(await lookup(mount, { url: '/other' }))
    head.abandon()
    const warming = mount.warming({ ...head.request, target: '/' }, undefined)
    expect(warming.head(responseHead({ headers: fresh })).kind).toBe('record')
    warming.finish()
    expect(warming.stored).toBe(true)
    expect(await content(replyOf(await lookup(mount)))).toBe('')
    expect(field(replyOf(await lookup(mount)), 'cache-status')).toBe('Breakwater; hit; ttl=60')
  })

  test('needs something to run requests through', async () => {
    const responses = new ResponseCache({ store: memoryStore(), clock: new ManualClock() })
    await expect(responses.warm(['http://a.test/'])).rejects.toThrow('nothing to run requests through')
  })

  test.each([
    [['/a'], {}, "'/a'"],
    ['http://a.test/', {}, "'http://a.test/'"],
    [undefined, {}, 'undefined'],
    [[], { signal: 'now' }, "'now'"],
    [[], { concurrency: 0 }, '0'],
    [[], { onProgress: 'log' }, "'log'"],
    [[], { parallel: 2 }, "'parallel'"],
  ])('of %o with %o is refused', async (urls, options, quoted) => {
    const warming = engine().responses.warm(urls as never, options as never)
    await expect(warming).rejects.toThrow(quoted)
  })

  test('runs at most so many at a time, and stops at the signal', async () => {
    const responses = new ResponseCache({ store: memoryStore() })
    let running = 0
    let most = 0
    responses.attach({
      serves: ({ hostname }) => hostname === 'a.test',
      run: async ({ pathname }) => {
        most = Math.max(most, ++running)
        await new Promise(setImmediate)
        running--
        if (pathname === '/fail') throw new Error('x')
        return pathname !== '/refuse'
      },
    })
    const urls = ['/1', '/2', '/3', '/fail', '/refuse'].map((path) => `http://a.test${path}`)
    expect(await responses.warm([...urls, 'http://b.test/'], { concurrency: 2 })).toEqual({
      stored: 3,
      refused: 1,
      failed: 2,
    })
    expect(most).toBe(2)
    await expect(responses.warm(urls, { signal: AbortSignal.abort('enough') })).rejects.toBe('enough')
  })
})
