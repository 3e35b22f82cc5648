import { describe, expect, test } from 'vitest'
import type { CacheControl } from '../../src/core/http/cache-control.ts'
import type { FieldValue } from '../../src/core/http/message.ts'
import { parseTargetedCacheControl } from '../../src/core/http/targeted.ts'

function said(value: FieldValue): Partial<CacheControl> | undefined {
  const control = parseTargetedCacheControl(value)
  return control && Object.fromEntries(Object.entries(control).filter(([, v]) => v !== undefined && v !== false))
}

describe('RFC 9213 section 2.1: a targeted field is a dictionary', () => {
  test.each<[FieldValue, Partial<CacheControl>]>([
    ['max-age=3600', { maxAge: 3600 }],
    ['max-age=99999999999', { maxAge: 2 ** 31 }],
    ['max-age=60;foo="bar"', { maxAge: 60 }],
    ['max-age=60, max-age=30', { maxAge: 30 }],
    [
      's-maxage=1, stale-while-revalidate=2, stale-if-error=3',
      { sMaxage: 1, staleWhileRevalidate: 2, staleIfError: 3 },
    ],
    ['no-store, public, immutable', { noStore: true, public: true, immutable: true }],
    ['must-revalidate, proxy-revalidate', { mustRevalidate: true, proxyRevalidate: true }],
    ['must-understand, no-transform=?1', { mustUnderstand: true, noTransform: true }],
    ['private', { private: true }],
    ['no-cache', { noCache: true }],
    ['private="Set-Cookie, a"', { private: ['set-cookie', 'a'] }],
    ['private=set-cookie', { private: ['set-cookie'] }],
    ['no-cache=("A" "b" c)', { noCache: ['a', 'b', 'c'] }],
    ['no-cache=("A" "")', { noCache: true }],
    ['no-cache=()', { noCache: true }],
    ['private=""', { private: true }],
    ['private="a b"', { private: true }],
    ['foobar, max-age=60', { maxAge: 60 }],
    ['foo=1.5, bar=:AAAA:, max-age=60', { maxAge: 60 }],
    ['foo', {}],
    ['max-stale=foo, min-fresh, only-if-cached', {}],
    [['max-age=60', 'private'], { maxAge: 60, private: true }],
  ])('%j says %j', (value, expected) => {
    expect(said(value)).toEqual(expected)
  })
})

describe('RFC 9213 section 2.2: a field that is empty or invalid is as if it were not there', () => {
  test.each<[FieldValue]>([
    [undefined],
    [''],
    ['  '],
    [[]],
    ['max-age=10000, &&&&&'],
    ['max-age =100'],
    ['max-age= 100'],
    ['MaX-aGe=3600'],
    ['max-age=60,'],
    ['max-age="10000"'],
    ['max-age=-1'],
    ['max-age=1.5'],
    ['max-age=(1)'],
    ['max-age'],
    ['stale-if-error'],
    ['no-store=?0'],
    ['no-store=1'],
    ['public="yes"'],
    ['private=?0'],
    ['private=1'],
    ['private=(1 "a")'],
    [['max-age=60', '&']],
  ])('%j', (value) => {
    expect(parseTargetedCacheControl(value)).toBeUndefined()
  })
})
