import * as fc from 'fast-check'
import { parseList, Token } from 'structured-headers'
import { describe, expect, test } from 'vitest'
import { type CacheStatusParts, cacheStatus, isValidCacheName } from '../../src/core/http/cache-status.ts'
import { holds } from './holds.ts'

describe('RFC 9211 section 2: Cache-Status', () => {
  test.each<[CacheStatusParts, string]>([
    [{}, 'breakwater'],
    [{ hit: true }, 'breakwater; hit'],
    [{ hit: true, ttl: 376 }, 'breakwater; hit; ttl=376'],
    [{ hit: true, ttl: -412 }, 'breakwater; hit; ttl=-412'],
    [{ hit: true, ttl: 0 }, 'breakwater; hit; ttl=0'],
    [{ hit: true, fwd: 'stale' }, 'breakwater; hit'],
    [{ hit: false, fwd: 'uri-miss', stored: true }, 'breakwater; fwd=uri-miss; stored'],
    [{ fwd: 'stale', fwdStatus: 304 }, 'breakwater; fwd=stale; fwd-status=304'],
    [{ fwd: 'uri-miss', collapsed: true, stored: false }, 'breakwater; fwd=uri-miss; collapsed'],
    [{ detail: 'memory' }, 'breakwater; detail=memory'],
    [{ detail: 'say "hi" \\ bye' }, 'breakwater; detail="say \\"hi\\" \\\\ bye"'],
    [{ detail: 'a\r\nb\u00e4' }, 'breakwater; detail="a??b?"'],
    [{ detail: '' }, 'breakwater; detail=""'],
    [{ fwd: 'not a token', ttl: 1.5, fwdStatus: Number.NaN }, 'breakwater'],
  ])('%j is %s', (parts, member) => {
    expect(cacheStatus('breakwater', parts)).toBe(member)
  })

  test('a name that is no token is a string', () => {
    expect(cacheStatus('my cache', { hit: true })).toBe('"my cache"; hit')
    expect(cacheStatus('1st', { hit: true })).toBe('"1st"; hit')
    expect(cacheStatus('a:80/b', { hit: true })).toBe('a:80/b; hit')
  })

  test.each(['breakwater', 'my cache', 'cdn.example:443', '"'])('%j is a name', (name) => {
    expect(isValidCacheName(name)).toBe(true)
  })

  test.each(['', 'a\n', 'a\r\nSet-Cookie: b', 'bröckwater', '\u0000'])('%j is none', (name) => {
    expect(isValidCacheName(name)).toBe(false)
  })

  test('any member is one structured-field item, and says what it was given', () => {
    const printable = fc.stringMatching(/^[ -~]+$/)
    const text = (item: unknown) => (item instanceof Token ? item.toString() : item)
    const parts = fc.record({
      hit: fc.constant(false),
      fwd: fc.constantFrom('bypass', 'method', 'uri-miss', 'vary-miss', 'miss', 'request', 'stale', 'partial'),
      fwdStatus: fc.integer({ min: 100, max: 999 }),
      ttl: fc.integer(),
      detail: printable,
    })
    holds(
      fc.property(printable, parts, (name, given) => {
        const members = parseList(cacheStatus(name, given))
        expect(members).toHaveLength(1)
        const [item, parameters] = members[0]!
        expect(text(item)).toBe(name)
        expect(parameters.get('ttl')).toBe(given.ttl)
        expect(parameters.get('fwd-status')).toBe(given.fwdStatus)
        expect(text(parameters.get('fwd'))).toBe(given.fwd)
        expect(text(parameters.get('detail'))).toBe(given.detail)
      }),
    )
  })
})
