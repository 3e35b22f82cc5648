import { describe, expect, test } from 'vitest'
import type { CacheOptions } from '../../src/core/cache/options.ts'
import { type Asked, answer, ask, engine, exchange, exchangeOf, fate, field, replyOf } from '../support/engine.ts'

function stored(control: string, options: CacheOptions = {}, direction: 'in' | 'out' = 'in', headers = {}) {
  const made = engine(options, direction)
  exchange(made.mount, {}, { headers: { 'cache-control': control, ...headers } })
  return made
}

describe('stale-while-revalidate (RFC 5861 section 3)', () => {
  test('serves stale within its window and refreshes behind', () => {
    const { mount, clock } = stored('max-age=60, stale-while-revalidate=30')
    clock.pass(89)
    const decision = ask(mount)
    expect(decision.kind).toBe('stale')
    expect(field(replyOf(decision), 'cache-status')).toBe('Breakwater; hit; ttl=-29')
    answer(exchangeOf(decision), { headers: { 'cache-control': 'max-age=60' }, body: 'new' })
    expect(replyOf(ask(mount)).body?.toString()).toBe('new')
  })

  test.each([
    ['after its window', 'max-age=60, stale-while-revalidate=30', 90, {}],
    ['past must-revalidate', 'max-age=60, stale-while-revalidate=30, must-revalidate', 61, {}],
    ['past proxy-revalidate', 'max-age=60, stale-while-revalidate=30, proxy-revalidate', 61, {}],
    ['past s-maxage', 's-maxage=60, stale-while-revalidate=30', 61, {}],
    ['past no-cache', 'max-age=60, stale-while-revalidate=30, no-cache', 61, {}],
    ['past maxStale', 'max-age=60, stale-while-revalidate=30', 71, { maxStale: 10_000 }],
    ['for a request with no-cache', 'max-age=60, stale-while-revalidate=30', 61, {}, 'no-cache'],
    ['for a request with min-fresh', 'max-age=60, stale-while-revalidate=30', 61, {}, 'min-fresh=1'],
  ] as const)('serves nothing stale %s', (_, control, age, options, request?: string) => {
    const { mount, clock } = stored(control, options)
    clock.pass(age)
    expect(fate(mount, request === undefined ? {} : { headers: { 'cache-control': request } })).toBe('miss')
  })

  test.each([
    ['s-maxage where the switch is off', 's-maxage=60, stale-while-revalidate=30', { sMaxageRevalidates: false }, 'in'],
    [
      'proxy-revalidate in a private cache',
      'max-age=60, stale-while-revalidate=30, proxy-revalidate',
      { type: 'private' },
      'out',
    ],
    ['a window given by rule', 'max-age=60', { staleWhileRevalidate: 30_000 }, 'in'],
  ] as const)('serves stale with %s', (_, control, options, direction) => {
    const { mount, clock } = stored(control, options as CacheOptions, direction)
    clock.pass(61)
    expect(fate(mount)).toBe('stale')
  })

  test('the answer’s own window goes before the rule’s', () => {
    const { mount, clock } = stored('max-age=60, stale-while-revalidate=0', { staleWhileRevalidate: 30_000 })
    clock.pass(61)
    expect(fate(mount)).toBe('miss')
  })

  test('only-if-cached takes the stale answer and refreshes nothing', () => {
    const { mount, clock } = stored('max-age=60, stale-while-revalidate=30')
    clock.pass(61)
    expect(ask(mount, { headers: { 'cache-control': 'only-if-cached' } })).toMatchObject({
      kind: 'stale',
      refresh: undefined,
    })
  })
})

describe('a refresh behind', () => {
  const control = 'max-age=60, stale-while-revalidate=30'

  test('is one for many stale answers', () => {
    const { mount, clock, responses } = stored(control)
    clock.pass(61)
    const decisions = Array.from({ length: 50 }, () => ask(mount))
    const refreshes = decisions.flatMap((decision) => (decision.kind === 'stale' ? [decision.refresh] : []))
    expect(refreshes).toHaveLength(50)
    expect(refreshes.filter((refresh) => refresh !== undefined)).toHaveLength(1)
    refreshes[0]?.abandon()
    expect(fate(mount)).toBe('stale')
    expect(responses.inFlight.size).toBe(0)
  })

  test.each([true, false])('is one even with collapse: %s', (collapse) => {
    const { mount, clock } = stored(control, { collapse })
    clock.pass(61)
    expect([ask(mount), ask(mount)]).toMatchObject([{ refresh: expect.anything() }, { refresh: undefined }])
  })

  test.each([true, false])(
    "refresh: 'first' sends one forward and serves the others stale (collapse: %s)",
    (collapse) => {
      const { mount, clock, responses } = stored(control, { refresh: 'first', collapse }, 'in', { etag: '"a"' })
      clock.pass(61)
      const first = ask(mount)
      expect(first.kind).toBe('validate')
      expect(ask(mount)).toMatchObject({ kind: 'stale', refresh: undefined })
      answer(exchangeOf(first), { status: 304, headers: { 'cache-control': control } })
      expect(fate(mount)).toBe('hit')
      expect(responses.inFlight.size).toBe(0)
    },
  )

  test('carries only the fields of key and Vary on a server', () => {
    const { mount, clock } = engine()
    const headers = {
      cookie: 'a=b',
      authorization: 'x',
      'accept-language': 'de',
      'if-none-match': '"x"',
      range: 'bytes=0-1',
      'x-other': '1',
    }
    const response = { headers: { 'cache-control': `public, ${control}`, vary: 'accept-language' } }
    exchange(mount, { headers }, response)
    clock.pass(61)
    const { request } = exchangeOf(ask(mount, { method: 'HEAD', headers }))
    expect(request.method).toBe('GET')
    expect(request.fields).toEqual({ host: 'example.test', 'accept-language': 'de' })
  })

  test('carries all but conditions and ranges on a client', () => {
    const { mount, clock } = stored(control, {}, 'out')
    clock.pass(61)
    const headers = { cookie: 'a=b', 'if-none-match': '"x"', 'if-range': '"x"', range: 'bytes=0-1', 'x-other': '1' }
    const { request } = exchangeOf(ask(mount, { headers }))
    expect(request.fields).toEqual({ host: 'example.test', cookie: 'a=b', 'x-other': '1' })
  })

  test.each([
    ['cookie', 'in', 'validate'],
    ['authorization', 'in', 'validate'],
    ['cookie', 'out', 'stale'],
  ] as const)('goes first where the answer is selected by %s (%s)', (name, direction, kind) => {
    const { mount, clock } = engine({}, direction)
    const asked: Asked = { headers: { [name]: 'secret' } }
    exchange(mount, asked, { headers: { 'cache-control': `public, ${control}`, vary: name, etag: '"a"' } })
    clock.pass(61)
    expect(ask(mount, asked).kind).toBe(kind)
  })

  test.each([301, 404, 429, 500, 503])('that brings a %i leaves the entry as it was', (status) => {
    const { mount, clock } = stored(control, { policy: 'rfc9111' })
    clock.pass(61)
    answer(exchangeOf(ask(mount)), { status, headers: { 'cache-control': 'max-age=60' } })
    expect(fate(mount)).toBe('stale')
  })
})

describe('a stale answer for a lost origin (RFC 9111 section 4.2.4)', () => {
  const lost = (control: string, age: number, options: CacheOptions = {}, request: string | undefined = undefined) => {
    const { mount, clock, responses } = stored(control, options)
    clock.pass(age)
    const decision = ask(mount, request === undefined ? {} : { headers: { 'cache-control': request } })
    const exchanged = exchangeOf(decision)
    const reply = exchanged.lost()
    if (reply === undefined) exchanged.abandon()
    expect(responses.inFlight.size).toBe(0)
    return reply
  }

  test.each([
    ['is served', 'max-age=60', 61, {}, true],
    ['is served for 24 hours', 'max-age=60', 59 + 86400, {}, true],
    ['is not served beyond', 'max-age=60', 61 + 86400, {}, false],
    ['is not served beyond maxStale', 'max-age=60', 71, { maxStale: 10_000 }, false],
    ['is served within stale-if-error', 'max-age=60, stale-if-error=10', 70, {}, true],
    ['is not served beyond stale-if-error', 'max-age=60, stale-if-error=10', 71, {}, false],
    ['is not served past must-revalidate', 'max-age=60, must-revalidate, stale-if-error=10', 61, {}, false],
    ['is not served past proxy-revalidate', 'max-age=60, proxy-revalidate', 61, {}, false],
    ['is not served past s-maxage', 's-maxage=60', 61, {}, false],
    ['is served past s-maxage where the switch is off', 's-maxage=60', 61, { sMaxageRevalidates: false }, true],
    ['is not served past no-cache', 'max-age=60, no-cache', 1, {}, false],
    ['is not served to a request with no-cache', 'max-age=60', 61, {}, false, 'no-cache'],
  ] as const)('%s', (_, control, age, options, served, request?: string) => {
    expect(lost(control, age, options, request) !== undefined).toBe(served)
  })

  test('says so in Cache-Status', () => {
    expect(field(lost('max-age=60', 61)!, 'cache-status')).toBe('Breakwater; fwd=stale; ttl=-1; detail=origin-failed')
  })

  test('does not exist where nothing is stored', () => {
    const { mount, responses } = engine()
    const exchanged = exchangeOf(ask(mount))
    expect(exchanged.lost()).toBeUndefined()
    exchanged.abandon()
    expect(responses.inFlight.size).toBe(0)
  })

  test.each([
    [500, 'max-age=60', 'pass'],
    [503, 'max-age=60', 'pass'],
    [502, 'max-age=60', 'replace'],
    [504, 'max-age=60', 'replace'],
    [500, 'max-age=60, stale-if-error=10', 'replace'],
    [503, 'max-age=60, stale-if-error=10', 'replace'],
    [502, 'max-age=60, stale-if-error=0', 'pass'],
    [501, 'max-age=60, stale-if-error=10', 'pass'],
    [404, 'max-age=60, stale-if-error=10', 'pass'],
  ])('stands in for status %i with %s: %s (RFC 5861 section 4)', (status, control, kind) => {
    const { mount, clock } = stored(control)
    clock.pass(61)
    const outcome = exchange(mount, {}, { status })
    expect(outcome.kind).toBe(kind)
    if (outcome.kind === 'replace') {
      expect(field(outcome.reply, 'cache-status')).toBe(
        `Breakwater; fwd=stale; fwd-status=${status}; ttl=-1; detail=origin-failed`,
      )
    }
  })

  test('gives back the memory of a recording that had begun', () => {
    const { mount, clock, store } = stored('max-age=60')
    clock.pass(61)
    const before = (store as unknown as { size: number }).size
    const exchanged = exchangeOf(ask(mount))
    exchanged.head({ status: 200, lines: ['Cache-Control', 'max-age=60', 'Content-Length', '1000'] })
    expect(exchanged.lost()).toBeDefined()
    expect((store as unknown as { size: number }).size).toBe(before)
  })
})
