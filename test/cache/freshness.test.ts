import { describe, expect, test } from 'vitest'
import type { CacheOptions } from '../../src/core/cache/options.ts'
import { ask, engine, exchange, fate, field, replyOf } from '../support/engine.ts'

const NOW = 'Thu, 01 Jan 2026 00:00:00 GMT'

/** For how many seconds an answer is a hit. */
function lifetime(
  headers: Record<string, string | string[]>,
  options: CacheOptions = { policy: 'rfc9111' },
  direction: 'in' | 'out' = 'in',
  status = 200,
): number {
  let [low, high] = [-1, 400 * 86400]
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    const { mount, clock } = engine(options, direction)
    exchange(mount, {}, { status, headers })
    clock.pass(middle)
    if (fate(mount) === 'hit') low = middle
    else high = middle
  }
  return low + 1
}

describe('freshness lifetime (RFC 9111 section 4.2.1)', () => {
  test.each([
    ['max-age', { 'cache-control': 'max-age=60' }, 60],
    ['s-maxage before max-age', { 'cache-control': 'max-age=60, s-maxage=30' }, 30],
    ['max-age before Expires', { 'cache-control': 'max-age=60', expires: 'Thu, 01 Jan 2026 00:00:10 GMT' }, 60],
    ['Expires minus Date', { date: NOW, expires: 'Thu, 01 Jan 2026 00:00:10 GMT' }, 10],
    ['Expires without Date', { expires: 'Thu, 01 Jan 2026 00:00:10 GMT' }, 10],
    ['Expires: 0', { expires: '0' }, 0],
    ['Expires twice', { expires: ['Thu, 01 Jan 2026 00:00:10 GMT', 'Thu, 01 Jan 2026 00:00:10 GMT'] }, 0],
    ['max-age twice', { 'cache-control': 'max-age=60, max-age=5' }, 5],
    ['max-age in two lines', { 'cache-control': ['max-age=60', 'max-age=5'] }, 5],
    ['a negative max-age', { 'cache-control': 'max-age=-5' }, 0],
    ['max-age with a fraction', { 'cache-control': 'max-age=5.5' }, 0],
    ['max-age="60"', { 'cache-control': 'max-age="60"' }, 60],
    ['MAX-AGE', { 'cache-control': 'MAX-AGE=60' }, 60],
    ['immutable alone', { 'cache-control': 'immutable' }, 0],
    ['Age counts', { 'cache-control': 'max-age=60', age: '20' }, 40],
    ['Age beyond max-age', { 'cache-control': 'max-age=60', age: '70' }, 0],
    ['an invalid Age is ignored', { 'cache-control': 'max-age=60', age: 'x' }, 60],
    ['an old Date counts', { 'cache-control': 'max-age=60', date: 'Wed, 31 Dec 2025 23:59:40 GMT' }, 40],
    [
      'the larger of Age and Date counts',
      { 'cache-control': 'max-age=60', age: '5', date: 'Wed, 31 Dec 2025 23:59:40 GMT' },
      40,
    ],
    ['a Date to come is no credit', { 'cache-control': 'max-age=60', date: 'Thu, 01 Jan 2026 00:01:00 GMT' }, 60],
  ])('%s', (_, headers, seconds) => {
    expect(lifetime(headers)).toBe(seconds)
  })

  test('s-maxage means nothing to a private cache', () => {
    const headers = { 'cache-control': 'max-age=60, s-maxage=30' }
    expect(lifetime(headers, { type: 'private' }, 'out')).toBe(60)
  })

  test('the time an answer was under way counts for a client, not for a server', () => {
    for (const [direction, seconds] of [
      ['out', 50],
      ['in', 60],
    ] as const) {
      const { mount, clock } = engine({}, direction)
      const decision = ask(mount)
      if (decision.kind !== 'miss') throw new Error(decision.kind)
      clock.pass(10)
      decision.exchange.head({ status: 200, lines: ['Cache-Control', 'max-age=60'] })
      decision.exchange.finish()
      clock.pass(seconds - 1)
      expect(fate(mount)).toBe('hit')
      clock.pass(1)
      expect(fate(mount)).not.toBe('hit')
    }
  })
})

describe('heuristic freshness (RFC 9111 section 4.2.2)', () => {
  test.each([
    ['a tenth of the age', { date: NOW, 'last-modified': 'Wed, 31 Dec 2025 23:50:00 GMT' }, 60],
    ['at most 24 hours', { date: NOW, 'last-modified': 'Wed, 01 Jan 2020 00:00:00 GMT' }, 86400],
    ['none with Set-Cookie', { date: NOW, 'last-modified': 'Wed, 31 Dec 2025 23:50:00 GMT', 'set-cookie': 'a=b' }, 0],
    [
      'none with Pragma: no-cache',
      { date: NOW, 'last-modified': 'Wed, 31 Dec 2025 23:50:00 GMT', pragma: 'no-cache' },
      0,
    ],
    ['none from a date to come', { date: NOW, 'last-modified': 'Fri, 02 Jan 2026 00:00:00 GMT' }, 0],
  ])('%s', (_, headers, seconds) => {
    expect(lifetime(headers)).toBe(seconds)
    expect(lifetime(headers, { policy: 'safe' })).toBe(0)
  })

  test('public allows it for any status', () => {
    const headers = { date: NOW, 'last-modified': 'Wed, 31 Dec 2025 23:50:00 GMT', 'cache-control': 'public' }
    expect(lifetime(headers, { policy: 'rfc9111' }, 'in', 299)).toBe(60)
  })
})

describe('targeted fields (RFC 9213)', () => {
  test.each([
    ['go before Cache-Control', { 'cdn-cache-control': 'max-age=10', 'cache-control': 'max-age=60' }, 10],
    ['go before no-store', { 'cdn-cache-control': 'max-age=10', 'cache-control': 'no-store' }, 10],
    ['go before Expires', { 'cdn-cache-control': 'must-revalidate', expires: 'Thu, 01 Jan 2026 01:00:00 GMT' }, 0],
    ['can forbid', { 'cdn-cache-control': 'no-store', 'cache-control': 'max-age=60' }, 0],
    ['are ignored when invalid', { 'cdn-cache-control': 'max-age=10,,', 'cache-control': 'max-age=60' }, 60],
    ['are ignored when of the wrong type', { 'cdn-cache-control': 'max-age="10"', 'cache-control': 'max-age=60' }, 60],
    ['are ignored when empty', { 'cdn-cache-control': '', 'cache-control': 'max-age=60' }, 60],
  ])('%s', (_, headers, seconds) => {
    expect(lifetime(headers)).toBe(seconds)
  })

  test('the first valid one on the list counts', () => {
    const options: CacheOptions = { policy: 'rfc9111', targets: ['Mine-Cache-Control', 'CDN-Cache-Control'] }
    const cdn = { 'cdn-cache-control': 'max-age=10' }
    expect(lifetime({ ...cdn, 'mine-cache-control': 'max-age=20' }, options)).toBe(20)
    expect(lifetime({ ...cdn, 'mine-cache-control': '"' }, options)).toBe(10)
  })

  test('a private cache does not look at them', () => {
    const headers = { 'cdn-cache-control': 'max-age=10', 'cache-control': 'max-age=60' }
    expect(lifetime(headers, { type: 'private' }, 'out')).toBe(60)
  })
})

describe('Age (RFC 9111 section 5.1)', () => {
  test('grows from the initial age, one line only', () => {
    const { mount, clock } = engine()
    exchange(mount, {}, { headers: { 'cache-control': 'max-age=60', age: '7' } })
    clock.pass(5)
    const reply = replyOf(ask(mount))
    expect(field(reply, 'age')).toBe('12')
    expect(reply.lines.filter((name) => name.toLowerCase() === 'age')).toHaveLength(1)
  })
})

describe('a request (RFC 9111 section 5.2.1)', () => {
  const at = (age: number, control: string, options: CacheOptions = {}): string => {
    const { mount, clock } = engine(options)
    exchange(mount, {}, { headers: { 'cache-control': 'max-age=60' } })
    clock.pass(age)
    return fate(mount, { headers: { 'cache-control': control } })
  }
  const off = (name: string): CacheOptions => ({ requestDirectives: { [name]: false } })

  test.each([
    ['no-cache', 0, 'no-cache', {}, 'miss'],
    ['no-cache, off', 0, 'no-cache', off('noCache'), 'hit'],
    ['max-age, young enough', 10, 'max-age=10', {}, 'hit'],
    ['max-age, too old', 11, 'max-age=10', {}, 'miss'],
    ['max-age=0', 1, 'max-age=0', {}, 'miss'],
    ['max-age, off', 11, 'max-age=10', off('maxAge'), 'hit'],
    ['min-fresh, long enough', 50, 'min-fresh=10', {}, 'hit'],
    ['min-fresh, too short', 51, 'min-fresh=10', {}, 'miss'],
    ['min-fresh, off', 51, 'min-fresh=10', off('minFresh'), 'hit'],
    ['max-stale in a shared cache', 61, 'max-stale=10', {}, 'miss'],
    ['max-stale, on', 70, 'max-stale=10', { requestDirectives: { maxStale: true } }, 'stale'],
    ['max-stale, on, exceeded', 71, 'max-stale=10', { requestDirectives: { maxStale: true } }, 'miss'],
    ['bare max-stale, on', 3600, 'max-stale', { requestDirectives: { maxStale: true } }, 'stale'],
    [
      'bare max-stale, on, beyond maxStale',
      121,
      'max-stale',
      { maxStale: 60_000, requestDirectives: { maxStale: true } },
      'miss',
    ],
    ['only-if-cached, fresh', 10, 'only-if-cached', {}, 'hit'],
    ['only-if-cached, stale', 61, 'only-if-cached', {}, 'forbidden'],
    ['only-if-cached with no-store', 61, 'only-if-cached, no-store', {}, 'forbidden'],
    ['only-if-cached, off', 61, 'only-if-cached', off('onlyIfCached'), 'miss'],
    ['all off', 10, 'no-cache, no-store, max-age=0', { requestDirectives: false }, 'hit'],
  ] as const)('%s', (_, age, control, options, expected) => {
    expect(at(age, control, options as CacheOptions)).toBe(expected)
  })

  test('Pragma: no-cache counts only without Cache-Control (RFC 9111 section 5.4)', () => {
    const { mount } = engine()
    exchange(mount, {}, { headers: { 'cache-control': 'max-age=60' } })
    expect(fate(mount, { headers: { pragma: 'no-cache' } })).toBe('miss')
    expect(fate(mount, { headers: { pragma: 'no-cache', 'cache-control': 'max-age=60' } })).toBe('hit')
  })

  test('only-if-cached for what is not stored is a 504 without content', () => {
    const reply = replyOf(ask(engine().mount, { headers: { 'cache-control': 'only-if-cached' } }))
    expect(reply.status).toBe(504)
    expect(reply.body).toHaveLength(0)
    expect(field(reply, 'cache-status')).toBe('Breakwater; detail=only-if-cached')
  })

  test('max-stale is obeyed by a private cache', () => {
    const { mount, clock } = engine({ type: 'private' }, 'out')
    exchange(mount, {}, { headers: { 'cache-control': 'max-age=60' } })
    clock.pass(100)
    expect(fate(mount, { headers: { 'cache-control': 'max-stale=60' } })).toBe('stale')
  })
})

describe('a fresh answer with immutable (RFC 8246)', () => {
  const at = (age: number, asked: string, control = 'max-age=60, immutable'): string => {
    const { mount, clock } = engine()
    exchange(mount, {}, { headers: { 'cache-control': control, etag: '"a"' } })
    clock.pass(age)
    return fate(mount, { headers: { 'cache-control': asked } })
  }

  test.each([
    ['is enough for a reload', 10, 'max-age=0', 'hit'],
    ['is not enough where validation is asked for', 10, 'no-cache', 'validate'],
    ['is not enough where it ends too soon', 10, 'min-fresh=51', 'validate'],
    ['is no longer one once it is stale', 61, 'max-age=0', 'validate'],
  ])('%s', (_, age, asked, expected) => {
    expect(at(age, asked)).toBe(expected)
  })

  test.each(['immutable=1, max-age=60', 'max-age=60'])('%s is no such answer', (control) => {
    expect(at(10, 'max-age=0', control)).toBe('validate')
  })
})

describe('an answer with no-cache', () => {
  test.each(['no-cache, max-age=60', 'no-cache="x", no-cache, max-age=60', 'no-cache="", max-age=60'])(
    '%s is never served without validation',
    (control) => {
      const { mount } = engine({ requestDirectives: { maxStale: true } })
      exchange(mount, {}, { headers: { 'cache-control': control, etag: '"a"' } })
      expect(fate(mount)).toBe('validate')
      expect(fate(mount, { headers: { 'cache-control': 'max-stale' } })).toBe('validate')
    },
  )
})
