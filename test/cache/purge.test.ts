import { describe, expect, test } from 'vitest'
import { BanLog } from '../../src/core/cache/bans.ts'
import type { Exchange } from '../../src/core/cache/exchange.ts'
import { Mount } from '../../src/core/cache/mount.ts'
import { mountSettings } from '../../src/core/cache/options.ts'
import { type PurgeRequest, purgeBan } from '../../src/core/cache/purge.ts'
import { ResponseCache } from '../../src/core/cache/response-cache.ts'
import type { Store } from '../../src/core/store/store.ts'
import {
  type Answer,
  type Asked,
  ask,
  content,
  engine,
  exchange,
  farStore,
  fate,
  field,
  replyOf,
} from '../support/engine.ts'

const fresh = { 'cache-control': 'max-age=60' }
const ok: Answer = { headers: fresh }

/** Which of these URLs are still hits after `act`. */
function left(
  urls: readonly string[],
  act: (made: ReturnType<typeof engine>) => unknown,
  answers: Answer = ok,
): string[] {
  const made = engine()
  for (const url of urls) exchange(made.mount, { url }, answers)
  void act(made)
  return urls.filter((url) => fate(made.mount, { url }) === 'hit')
}

describe('an unsafe method invalidates (RFC 9111 section 4.4)', () => {
  const urls = ['/a', '/b', '/c', 'http://other.test/b', 'https://example.test/b']
  const by = (method: string, response: Answer = {}) =>
    left(urls, ({ mount }) => exchange(mount, { method, url: '/a' }, response))
  const without = (...gone: string[]) => urls.filter((url) => !gone.includes(url))

  test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'FOO'])('its target: %s', (method) => {
    expect(by(method)).toEqual(without('/a'))
  })

  test('its target in absolute form', () => {
    const gone = left(urls, ({ mount }) => {
      const request = { method: 'PUT', scheme: 'http', authority: 'example.test', fields: {}, hasBody: false }
      const decision = mount.lookup({ ...request, target: 'http://example.test/a' }, undefined)
      ;(decision as { readonly exchange: Exchange }).exchange.head({ status: 204, lines: [] })
    })
    expect(gone).toEqual(without('/a'))
  })

  test.each(['OPTIONS', 'TRACE', 'QUERY', 'SEARCH', 'PROPFIND'])('but a safe one nothing: %s', (method) => {
    expect(by(method)).toEqual(urls)
  })

  test.each([
    [200, true],
    [204, true],
    [303, true],
    [400, false],
    [404, false],
    [500, false],
  ])('with status %i: %s', (status, invalidates) => {
    expect(by('POST', { status })).toEqual(invalidates ? without('/a') : urls)
  })

  test.each(['location', 'content-location'])('and %s on the same origin only', (name) => {
    expect(by('POST', { headers: { [name]: '/b' } })).toEqual(without('/a', '/b'))
    expect(by('POST', { headers: { [name]: 'c' } })).toEqual(without('/a', '/c'))
    expect(by('POST', { headers: { [name]: 'http://example.test/b' } })).toEqual(without('/a', '/b'))
    expect(by('POST', { headers: { [name]: 'http://other.test/b' } })).toEqual(without('/a'))
    expect(by('POST', { headers: { [name]: 'https://example.test/b' } })).toEqual(without('/a'))
    expect(by('POST', { headers: { [name]: '//other.test/b' } })).toEqual(without('/a'))
    expect(by('POST', { headers: { [name]: 'http://[' } })).toEqual(without('/a'))
  })

  test('in all its variants', () => {
    const { mount } = engine()
    const asked = (value: string): Asked => ({ headers: { 'x-a': value } })
    for (const value of ['1', '2']) exchange(mount, asked(value), { headers: { ...fresh, vary: 'x-a' } })
    exchange(mount, { method: 'POST' })
    for (const value of ['1', '2']) expect(fate(mount, asked(value))).toBe('miss')
  })

  test('only in its own direction', () => {
    const { mount, responses } = engine()
    const out = new Mount(responses, mountSettings({}, 'out'))
    exchange(out, {}, ok)
    exchange(mount, { method: 'POST' })
    expect(fate(out)).toBe('hit')
  })
})

describe('the answer to a POST that says it is what a GET gives (RFC 9110 section 9.3.3)', () => {
  const posted = (policy: 'safe' | 'rfc9111', headers = {}) => {
    const { mount } = engine({ policy })
    exchange(mount, { method: 'POST', url: '/a', hasBody: true }, { headers: { ...fresh, ...headers } })
    return fate(mount, { url: '/a' })
  }
  test.each([
    ['rfc9111', '/a', 'hit'],
    ['rfc9111', 'http://example.test/a', 'hit'],
    ['rfc9111', '/b', 'miss'],
    ['rfc9111', 'http://other.test/a', 'miss'],
    ['rfc9111', undefined, 'miss'],
    ['safe', '/a', 'miss'],
  ] as const)('%s, Content-Location %s: %s', (policy, location, kind) => {
    expect(posted(policy, location === undefined ? {} : { 'content-location': location })).toBe(kind)
  })

  test('never serves a POST', () => {
    const { mount } = engine({ policy: 'rfc9111' })
    exchange(mount, { method: 'POST' }, { headers: { ...fresh, 'content-location': '/' } })
    expect(fate(mount, { method: 'POST' })).toBe('miss')
  })
})

describe('groups (RFC 9875)', () => {
  const grouped = { '/a': '"one", "two"', '/b': '"two"', '/c': '"One"', 'http://other.test/a': '"one"' }
  const remaining = (act: (made: ReturnType<typeof engine>) => unknown): string[] => {
    const made = engine()
    for (const [url, groups] of Object.entries(grouped)) {
      exchange(made.mount, { url }, { headers: { ...fresh, 'cache-groups': groups } })
    }
    void act(made)
    return Object.keys(grouped).filter((url) => fate(made.mount, { url }) === 'hit')
  }
  const invalidating = (method: string, value: string, status = 200) =>
    remaining(({ mount }) =>
      exchange(mount, { method, url: '/x' }, { status, headers: { 'cache-group-invalidation': value } }),
    )

  test('Cache-Group-Invalidation ends a group, case-sensitively, on its own origin (section 3)', () => {
    expect(invalidating('POST', '"one"')).toEqual(['/b', '/c', 'http://other.test/a'])
    expect(invalidating('POST', '"one", "two"')).toEqual(['/c', 'http://other.test/a'])
  })

  test.each([
    ['GET', '"one"', 200],
    ['HEAD', '"one"', 200],
    ['QUERY', '"one"', 200],
    ['POST', '"one"', 500],
    ['POST', 'one', 200],
    ['POST', '"one', 200],
  ])('but nothing for %s, %s, %i', (method, value, status) => {
    expect(invalidating(method, value, status)).toEqual(Object.keys(grouped))
  })

  test('a purge ends a group on every origin', () => {
    expect(remaining(({ responses }) => responses.purge({ group: 'one' }))).toEqual(['/b', '/c'])
  })

  test.each([
    ['Surrogate-Key', { 'surrogate-key': 'x one' }, true],
    ['Cache-Tag', { 'cache-tag': 'x, one' }, true],
    ['Cache-Groups before Surrogate-Key', { 'cache-groups': '"x"', 'surrogate-key': 'one' }, false],
    ['Surrogate-Key before Cache-Tag', { 'surrogate-key': 'x', 'cache-tag': 'one' }, false],
  ])('are read from %s', (_, headers, purged) => {
    const { mount, responses } = engine()
    exchange(mount, {}, { headers: { ...fresh, ...headers } })
    void responses.purge({ group: 'one' })
    expect(fate(mount)).toBe(purged ? 'miss' : 'hit')
  })

  test.each([[['one']], [() => ['one']]])('are given by rule', (groups) => {
    const { mount, responses } = engine({ groups })
    exchange(mount, {}, { headers: { ...fresh, 'cache-groups': '"two"' } })
    void responses.purge({ group: 'one' })
    expect(fate(mount)).toBe('miss')
  })
})

describe('a purge', () => {
  const urls = ['/a', '/a?b', '/ab', '/c', 'http://other.test/a', 'https://example.test/a']
  test.each<[PurgeRequest, string[]]>([
    [{ url: 'http://example.test/a' }, ['/a', 'https://example.test/a']],
    [{ url: 'http://EXAMPLE.test/a' }, ['/a', 'https://example.test/a']],
    [{ url: '/a' }, ['/a', 'http://other.test/a', 'https://example.test/a']],
    [{ url: '/a?b' }, ['/a?b']],
    [{ prefix: '/a' }, ['/a', '/a?b', '/ab', 'http://other.test/a', 'https://example.test/a']],
    [{ prefix: 'http://other.test/' }, ['http://other.test/a']],
    [{ all: true }, urls],
  ])('of %o removes what it names', (request, gone) => {
    expect(left(urls, ({ responses }) => responses.purge(request))).toEqual(urls.filter((url) => !gone.includes(url)))
  })

  test.each(["/?q='x'", '/a/../b', '/{id}', '//a', '/%7ea', '/?a|b'])('finds %s as it was asked for', (target) => {
    const { mount, responses } = engine()
    // The engine's own URLs are parsed ones; a server's are not.
    const request = { method: 'GET', scheme: 'http', authority: 'shop.test:80', target, fields: {}, hasBody: false }
    const decision = mount.lookup(request, undefined) as { readonly exchange: Exchange }
    decision.exchange.head({ status: 200, lines: ['Cache-Control', 'max-age=60', 'Content-Length', '0'] })
    decision.exchange.finish()
    expect(mount.lookup(request, undefined)).toMatchObject({ kind: 'hit' })
    void responses.purge({ url: `http://Shop.test:80${target}` })
    expect(mount.lookup(request, undefined)).toMatchObject({ kind: 'miss' })
  })

  test('finds what a client that follows the URL standard made of the same URL', () => {
    const { mount, responses } = engine()
    exchange(mount, { url: '/?q=%27x%27' }, ok)
    void responses.purge({ url: "http://example.test:80/b/../?q='x'" })
    expect(fate(mount, { url: '/?q=%27x%27' })).toBe('miss')
  })

  test.each<[PurgeRequest]>([[{ url: '/' }], [{ prefix: '/' }], [{ group: 'g' }], [{ all: true }]])(
    'of %o, soft, makes stale instead',
    async (request) => {
      const { mount, responses, clock } = engine()
      const headers = { 'cache-control': 'max-age=60, stale-while-revalidate=10', 'cache-groups': '"g"', etag: '"a"' }
      exchange(mount, {}, { headers, body: 'old' })
      clock.pass(5)
      await responses.purge({ ...request, soft: true })
      const decision = ask(mount)
      expect(decision.kind).toBe('stale')
      if (decision.kind === 'stale') decision.refresh?.abandon()
      expect(await content(replyOf(decision))).toBe('old')
      clock.pass(10)
      expect(fate(mount)).toBe('validate')
      expect(field(replyOf(exchange(mount, {}, { status: 304 })), 'age')).toBe('0')
      expect(fate(mount)).toBe('hit')
    },
  )

  test('touches nothing that is recorded after it', () => {
    const { mount, responses } = engine()
    exchange(mount, {}, ok)
    void responses.purge({ url: '/' })
    expect(fate(mount)).toBe('miss')
    exchange(mount, {}, ok)
    expect(fate(mount)).toBe('hit')
  })

  test('tells on the channel what was purged', async () => {
    const { subscribe, unsubscribe } = await import('node:diagnostics_channel')
    const told: unknown[] = []
    const listen = (message: unknown) => told.push(message)
    subscribe('breakwater:cache:purge', listen)
    await engine().responses.purge({ url: '/', soft: true })
    unsubscribe('breakwater:cache:purge', listen)
    expect(told).toEqual([{ what: { kind: 'target', authority: undefined, target: '/' }, soft: true }])
  })

  test.each<[PurgeRequest]>([[{ group: 'g' }], [{ prefix: '/' }], [{ url: '/' }], [{ all: true, soft: true }]])(
    'of %o is more than a far store can do',
    async (request) => {
      await expect(engine({}, 'in', farStore()).responses.purge(request)).rejects.toThrow(TypeError)
    },
  )

  test.each([{ key: () => 'k' }, { partition: () => 'p' }])(
    'of a URL is refused on a far store for %o',
    async (options) => {
      const { responses } = engine(options, 'in', farStore())
      await expect(responses.purge({ url: 'http://example.test/' })).rejects.toThrow(/key or partition/)
    },
  )

  test('of a URL is refused on a far store where no mount knows its key', async () => {
    const responses = new ResponseCache({ store: farStore() })
    await expect(responses.purge({ url: 'http://example.test/' })).rejects.toThrow(/only where this cache has a mount/)
    await expect(responses.purge({ all: true })).resolves.toBeUndefined()
  })

  test.each([
    [{}, TypeError, '{}'],
    [{ url: '/', all: true }, TypeError, 'exactly one'],
    [{ url: 'a' }, TypeError, "'a'"],
    [{ url: '//a/b' }, TypeError, "'//a/b'"],
    [{ url: 'ftp://a/b' }, TypeError, "'ftp://a/b'"],
    [{ url: 5 }, TypeError, '5'],
    [{ prefix: '' }, TypeError, "''"],
    [{ group: '' }, TypeError, "''"],
    [{ group: 5 }, TypeError, '5'],
    [{ all: false }, TypeError, 'false'],
    [{ all: true, soft: 1 }, TypeError, '1'],
    [{ all: true, signal: 'now' }, TypeError, "'now'"],
    [{ uri: '/' }, TypeError, "'uri'"],
    [null, TypeError, 'null'],
    ['/', TypeError, "'/'"],
    [undefined, TypeError, 'undefined'],
  ])('of %o is refused', (request, type, quoted) => {
    expect(() => purgeBan(request as never)).toThrow(type)
    expect(() => purgeBan(request as never)).toThrow(quoted)
  })

  test('ends with its signal, whatever the store does', async () => {
    const far: Store = { ...farStore(), clear: () => new Promise(() => {}) }
    const { responses } = engine({}, 'in', far)
    const controller = new AbortController()
    const purging = responses.purge({ all: true, signal: controller.signal })
    controller.abort('enough')
    await expect(purging).rejects.toBe('enough')
  })

  test('whose signal is aborted already does nothing', async () => {
    const { responses, mount } = engine()
    exchange(mount, {}, ok)
    await expect(responses.purge({ all: true, signal: AbortSignal.abort('never mind') })).rejects.toBe('never mind')
    expect(fate(mount)).toBe('hit')
  })

  test('of more things than are remembered one by one is not undone', () => {
    const made = engine()
    exchange(made.mount, { url: '/0' }, ok)
    for (let i = 0; i <= 10_000; i++) void made.responses.purge({ url: `/${i}` })
    expect(fate(made.mount, { url: '/0' })).toBe('miss')
  })
})

describe('a ban log', () => {
  test('keeps the first of two soft purges as the time since when', () => {
    const log = new BanLog()
    const entry = { authority: 'a', target: '/', groups: [], bansPassed: 0 } as never
    log.add({ kind: 'all' }, true, 5)
    log.add({ kind: 'target', authority: 'a', target: '/' }, true, 9)
    expect(log.check(entry)).toEqual({ staleAt: 5 })
    log.add({ kind: 'target', authority: 'b', target: '/' }, false, 10)
    expect(log.check(entry)).toEqual({ staleAt: 5 })
    log.add({ kind: 'target', authority: 'a', target: '/' }, false, 11)
    expect(log.check(entry)).toBe('removed')
  })
})

test('a group that a far store cannot invalidate is told of', async () => {
  const { subscribe, unsubscribe } = await import('node:diagnostics_channel')
  const told: unknown[] = []
  const listen = (message: unknown) => told.push(message)
  subscribe('breakwater:store', listen)
  const { responses } = engine({}, 'in', farStore())
  responses.invalidateGroup('example.test', 'g')
  unsubscribe('breakwater:store', listen)
  expect(told).toEqual([{ store: 'far', type: 'unsupported', operation: 'group' }])
})
