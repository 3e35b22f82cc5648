import { describe, expect, test } from 'vitest'
import { ask, engine, exchange, fate, field, isStored, replyOf } from '../support/engine.ts'

const fresh = { 'cache-control': 'max-age=60' }
const modified = { 'last-modified': 'Mon, 01 Dec 2025 00:00:00 GMT', date: 'Thu, 01 Jan 2026 00:00:00 GMT' }

describe('a shared cache stores (RFC 9111 section 3)', () => {
  test.each([
    ['max-age', { 'cache-control': 'max-age=60' }, true, true],
    ['s-maxage', { 'cache-control': 's-maxage=60' }, true, true],
    ['Expires', { expires: 'Thu, 01 Jan 2026 01:00:00 GMT' }, true, true],
    ['public alone', { 'cache-control': 'public' }, false, false],
    ['nothing', {}, false, false],
    ['a validator alone', { etag: '"a"' }, false, true],
    ['Last-Modified alone', modified, false, true],
    ['no-cache with a validator', { 'cache-control': 'no-cache', etag: '"a"' }, false, true],
    ['no-cache with max-age', { 'cache-control': 'no-cache, max-age=60' }, true, true],
    ['no-store', { 'cache-control': 'no-store, max-age=60' }, false, false],
    ['NO-STORE', { 'cache-control': 'NO-STORE, max-age=60' }, false, false],
    ['no-store=1', { 'cache-control': 'no-store=1, max-age=60' }, false, false],
    ['private', { 'cache-control': 'private, max-age=60' }, false, false],
    ['private=""', { 'cache-control': 'private="", max-age=60' }, false, false],
    ['private="x-a"', { 'cache-control': 'private="x-a", max-age=60' }, true, true],
    ['private=x a', { 'cache-control': 'private="x a", max-age=60' }, false, false],
    ['an open quote', { 'cache-control': 'max-age=60, private="x' }, false, false],
    ['an open quote in one of two lines', { 'cache-control': ['max-age=60', 'a="'] }, false, false],
    ['Vary: *', { ...fresh, vary: '*' }, false, false],
    ['Vary: a, *', { ...fresh, vary: 'a, *' }, false, false],
    ['a Vary that is no list of names', { ...fresh, vary: 'a b' }, false, false],
    ['Set-Cookie', { ...fresh, 'set-cookie': 'a=b' }, false, true],
    ['must-understand over no-store', { 'cache-control': 'must-understand, no-store, max-age=60' }, true, true],
    ['a Content-Length that is none', { ...fresh, 'content-length': '4, 4' }, false, false],
  ])('%s: safe and rfc9111 as said', (_, headers, safe, rfc9111) => {
    expect(isStored({ policy: 'safe' }, 'in', {}, { headers })).toBe(safe)
    expect(isStored({ policy: 'rfc9111' }, 'in', {}, { headers })).toBe(rfc9111)
  })

  test.each([
    [200, true, true],
    [203, true, true],
    [204, true, true],
    [299, true, true],
    [301, true, true],
    [302, true, true],
    [307, true, true],
    [308, true, true],
    [400, false, true],
    [401, false, true],
    [403, false, true],
    [404, true, true],
    [405, false, true],
    [406, false, true],
    [410, true, true],
    [412, false, false],
    [413, false, true],
    [416, false, false],
    [417, false, true],
    [429, false, true],
    [431, false, true],
    [500, false, true],
    [503, false, true],
    [304, false, false],
    [206, false, false],
  ])('status %i with explicit freshness: safe and rfc9111 as said', (status, safe, rfc9111) => {
    const body = status === 204 ? '' : 'body'
    expect(isStored({ policy: 'safe' }, 'in', {}, { status, headers: fresh, body })).toBe(safe)
    expect(isStored({ policy: 'rfc9111' }, 'in', {}, { status, headers: fresh, body })).toBe(rfc9111)
  })

  test.each([418, 501, 599])('must-understand does not help status %i unless its rules are known', (status) => {
    const headers = { 'cache-control': 'must-understand, no-store, max-age=60' }
    expect(isStored({ policy: 'rfc9111' }, 'in', {}, { status, headers })).toBe(status === 501)
  })

  test.each([
    [200, true],
    [404, true],
    [501, true],
    [302, false],
    [403, false],
    [500, false],
  ])('status %i with Last-Modified alone is heuristically fresh: %s (RFC 9111 section 4.2.2)', (status, stored) => {
    expect(isStored({ policy: 'rfc9111' }, 'in', {}, { status, headers: modified })).toBe(stored)
  })

  test('an interim answer decides nothing', () => {
    const { mount, responses } = engine()
    const decision = ask(mount)
    if (decision.kind !== 'miss') throw new Error(decision.kind)
    expect(decision.exchange.head({ status: 103, lines: ['Cache-Control', 'max-age=60'] }).kind).toBe('pass')
    expect(decision.exchange.head({ status: 200, lines: ['Cache-Control', 'max-age=60'] }).kind).toBe('record')
    decision.exchange.finish()
    expect(fate(mount)).toBe('hit')
    expect(responses.inFlight.size).toBe(0)
  })
})

describe('an answer to a request with Authorization (RFC 9111 section 3.5)', () => {
  const headers = { authorization: 'Bearer x' }
  test.each([
    ['max-age=60', false],
    ['max-age=60, public', true],
    ['max-age=60, public=1', false],
    ['max-age=60, must-revalidate', true],
    ['s-maxage=60', true],
    ['max-age=60, proxy-revalidate', false],
  ])('%s: shared stores it: %s', (control, stored) => {
    for (const policy of ['safe', 'rfc9111'] as const) {
      expect(isStored({ policy }, 'in', { headers }, { headers: { 'cache-control': control } })).toBe(stored)
    }
  })

  test('is stored by a private cache', () => {
    expect(isStored({ type: 'private' }, 'out', { headers }, { headers: fresh })).toBe(true)
  })

  test('is not made storable by a rule', () => {
    expect(isStored({ ttl: 1000, force: true }, 'in', { headers }, {})).toBe(false)
  })
})

describe('a private cache', () => {
  test.each([['private, max-age=60'], ['private="", max-age=60'], ['max-age=60, private="a']])('%s', (control) => {
    const expected = !control.includes('"a')
    expect(isStored({ type: 'private' }, 'out', {}, { headers: { 'cache-control': control } })).toBe(expected)
  })
})

describe('what is left out of a stored answer', () => {
  test.each([
    [
      'connection fields (RFC 9111 section 3.1)',
      { connection: 'x-a', 'x-a': '1', 'keep-alive': 'timeout=5' },
      ['connection', 'x-a', 'keep-alive'],
    ],
    ['fields named by qualified no-cache', { 'cache-control': 'max-age=60, no-cache="x-a"', 'x-a': '1' }, ['x-a']],
    [
      'fields named by qualified private',
      { 'cache-control': 'max-age=60, private="x-a, X-B"', 'x-a': '1', 'X-B': '2' },
      ['x-a', 'x-b'],
    ],
    [
      'proxy authentication',
      { 'proxy-authenticate': 'Basic', 'proxy-authentication-info': 'x' },
      ['proxy-authenticate', 'proxy-authentication-info'],
    ],
  ])('%s', (_, headers, gone) => {
    const { mount } = engine({ policy: 'rfc9111' })
    exchange(mount, {}, { headers: { ...fresh, 'x-kept': 'yes', ...headers } })
    const reply = replyOf(ask(mount))
    for (const name of gone) expect(field(reply, name)).toBeUndefined()
    expect(field(reply, 'x-kept')).toBe('yes')
  })

  test('a private cache keeps what qualified private names', () => {
    const { mount } = engine({ type: 'private' }, 'out')
    exchange(mount, {}, { headers: { 'cache-control': 'max-age=60, private="x-a"', 'x-a': '1' } })
    expect(field(replyOf(ask(mount)), 'x-a')).toBe('1')
  })

  test('a missing Date is recorded and then never renewed (RFC 9110 section 6.6.1)', () => {
    const { mount, clock } = engine()
    const recorded = clock.date()
    exchange(mount, {}, { headers: fresh })
    clock.pass(30)
    expect(field(replyOf(ask(mount)), 'date')).toBe(recorded)
  })
})

describe('requests that are never answered from the cache nor stored', () => {
  test.each([
    ['GET with content', { hasBody: true }],
    ['no-store', { headers: { 'cache-control': 'no-store' } }],
    ['OPTIONS', { method: 'OPTIONS' }],
    ['QUERY', { method: 'QUERY' }],
  ])('%s', (_, asked) => {
    const { mount } = engine()
    expect(exchange(mount, asked, { headers: fresh }).kind).toBe('pass')
    expect(fate(mount)).toBe('miss')
    exchange(mount, {}, { headers: fresh })
    expect(fate(mount, asked)).toBe('miss')
  })

  test('no-store of a request is disregarded where told so', () => {
    const { mount } = engine({ requestDirectives: { noStore: false } })
    exchange(mount, { headers: { 'cache-control': 'no-store' } }, { headers: fresh })
    expect(fate(mount)).toBe('hit')
  })
})

describe('a rule', () => {
  test.each([
    ['ttl gives freshness where there is none', { ttl: 5000 }, {}, 5],
    ['ttl does not replace max-age', { ttl: 5000 }, { 'cache-control': 'max-age=60' }, 60],
    ['force replaces max-age', { ttl: 5000, force: true }, { 'cache-control': 'max-age=60' }, 5],
    ['force does not replace s-maxage', { ttl: 5000, force: true }, { 'cache-control': 'max-age=9, s-maxage=60' }, 60],
    ['force does not replace Expires', { ttl: 5000, force: true }, { expires: 'Thu, 01 Jan 2026 00:01:00 GMT' }, 60],
    [
      'force replaces max-age before Expires',
      { ttl: 5000, force: true },
      { 'cache-control': 'max-age=9', expires: '0' },
      5,
    ],
    ['force does not replace no-store', { ttl: 5000, force: true }, { 'cache-control': 'no-store' }, undefined],
    ['force does not replace private', { ttl: 5000, force: true }, { 'cache-control': 'private' }, undefined],
    ['force does not replace no-cache', { ttl: 5000, force: true }, { 'cache-control': 'no-cache' }, undefined],
    ['force does not store Set-Cookie', { ttl: 5000, force: true }, { 'set-cookie': 'a=b' }, undefined],
    ['ttl does not store Set-Cookie', { ttl: 5000 }, { 'set-cookie': 'a=b' }, undefined],
  ])('%s', (_, rule, headers, seconds) => {
    const { mount, clock } = engine(rule)
    exchange(mount, {}, { headers })
    if (seconds === undefined) return expect(fate(mount)).toBe('miss')
    clock.pass(seconds - 1)
    expect(fate(mount)).toBe('hit')
    clock.pass(1)
    expect(fate(mount)).toBe('miss')
    return undefined
  })

  test.each([401, 403, 429, 500])('ttl does not make a %i storable', (status) => {
    expect(isStored({ ttl: 5000 }, 'in', {}, { status })).toBe(false)
  })

  test('shouldCache has the last word', () => {
    expect(isStored({ shouldCache: () => false }, 'in', {}, { headers: fresh })).toBe(false)
    expect(isStored({ shouldCache: () => true }, 'in', {}, { headers: fresh })).toBe(true)
    expect(isStored({ shouldCache: () => true }, 'in', {}, {})).toBe(false)
  })

  test('an inner mount adds to it', () => {
    const { mount } = engine({ ttl: 1000, groups: ['outer'] })
    const decision = ask(mount)
    if (decision.kind !== 'miss') throw new Error(decision.kind)
    decision.exchange.addRule({ groups: () => ['inner'] })
    decision.exchange.head({ status: 200, lines: [] })
    decision.exchange.finish()
    const held = mount.responses.shelf.find(
      mount.keyOf(decision.exchange.request, undefined),
      decision.exchange.request,
      {
        budget: undefined,
        signal: undefined,
        byLanguage: false,
      },
    )
    expect(held).toMatchObject({ entry: { groups: ['outer', 'inner'] } })
  })
})

describe('an answer that repeats a tracing id', () => {
  const headers = { 'x-request-id': 'abcdef-12345' }
  test.each([
    ['is not stored on a server', {}, 'in', false],
    ['is stored where the guard is off', { guard: { mode: 'off' } }, 'in', true],
    ['is stored by a client', {}, 'out', true],
  ] as const)('%s', (_, options, direction, stored) => {
    expect(isStored(options, direction, { headers }, { headers: { ...fresh, 'X-Id': 'abcdef-12345' } })).toBe(stored)
  })
})
