import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type CacheControl, parseCacheControl } from '../../src/core/http/cache-control.ts'
import type { FieldValue } from '../../src/core/http/message.ts'
import { holds } from './holds.ts'

const CAP = 2 ** 31

/** What was said, without everything that was not. */
function said(value: FieldValue): Partial<CacheControl> {
  const entries = Object.entries(parseCacheControl(value)).filter(([, v]) => v !== undefined && v !== false)
  return Object.fromEntries(entries)
}

describe('RFC 9111 section 5.2: directives', () => {
  test.each<[FieldValue, Partial<CacheControl>]>([
    [undefined, {}],
    ['', {}],
    [[], {}],
    [[''], {}],
    [' ,\t, ,', {}],
    ['max-age=60', { maxAge: 60 }],
    ['s-maxage=60', { sMaxage: 60 }],
    ['stale-while-revalidate=30, stale-if-error=40', { staleWhileRevalidate: 30, staleIfError: 40 }],
    ['min-fresh=5', { minFresh: 5 }],
    ['max-stale=5', { maxStale: 5 }],
    ['max-stale', { maxStale: Number.POSITIVE_INFINITY }],
    ['no-store', { noStore: true }],
    ['no-cache', { noCache: true }],
    ['private', { private: true }],
    ['public', { public: true }],
    ['immutable', { immutable: true }],
    ['no-transform', { noTransform: true }],
    ['only-if-cached', { onlyIfCached: true }],
    ['must-revalidate, proxy-revalidate', { mustRevalidate: true, proxyRevalidate: true }],
    ['must-understand, no-store', { mustUnderstand: true, noStore: true }],
    ['NO-STORE', { noStore: true }],
    ['MaX-aGe=60', { maxAge: 60 }],
    ['public,max-age=60\t,\tno-transform', { public: true, maxAge: 60, noTransform: true }],
    [['max-age=60', 'private'], { maxAge: 60, private: true }],
  ])('%j says %j', (value, expected) => {
    expect(said(value)).toEqual(expected)
  })

  test.each([
    'foobar',
    'foo=bar',
    'foo="bar"',
    'foo="max-age=3600, no-store"',
    'foo="\\", no-store"',
    'pre-check=0',
    'xmax-age=3',
    'no-storex',
    'no-\u212ache',
    '=',
    '=no-store',
  ])('the extension %j is ignored', (value) => {
    expect(said(value)).toEqual({})
    expect(said(`${value}, max-age=60`)).toEqual({ maxAge: 60 })
    expect(said(`max-age=60, ${value}`)).toEqual({ maxAge: 60 })
  })

  test('a field name for each of thousands of directives costs no more than the directives', () => {
    const line = Array.from({ length: 50_000 }, (_, i) => `no-cache="a${i}"`).join()
    expect(said(line)).toEqual({ noCache: true })
  })

  test('no-store counts with an argument', () => {
    expect(said('no-store=foo')).toEqual({ noStore: true })
    expect(said('no-store="foo"')).toEqual({ noStore: true })
    expect(said('no-store = foo')).toEqual({ noStore: true })
  })

  test.each(['no-store', 'private', 'no-cache', 'must-revalidate'])(
    '%s counts with something else behind it',
    (name) => {
      expect(said(`${name}; foo`)).toEqual(said(name))
      expect(said(`${name} foo`)).toEqual(said(name))
    },
  )

  test.each(['public', 'immutable', 'must-understand'])('%s, which allows something, has to stand alone', (name) => {
    expect(said(`${name}=1`)).toEqual({})
    expect(said(`${name}; foo`)).toEqual({})
  })
})

describe('RFC 9111 section 1.2.2: delta-seconds', () => {
  test.each([
    ['max-age="60"', 60],
    ['max-age="6\\0"', 60],
    ['max-age=003600', 3600],
    ['max-age=0', 0],
    ['max-age=2147483647', 2147483647],
    ['max-age=2147483648', CAP],
    ['max-age=2147483649', CAP],
    ['max-age=99999999999999999999999999', CAP],
  ])('%s is %d', (value, seconds) => {
    expect(parseCacheControl(value).maxAge).toBe(seconds)
  })

  const invalid = ['=-1', '=+1', '=1e3', '=3600.0', '=3600.5', '=a100', '=100a', '=', '', "='3600'", '=""', '="60"x']
  const spaced = [' =3600', '= 3600', ' = 3600', '\t=3600', '=36 00', '=3600; foo', '=٣']

  test.each([...invalid, ...spaced])('max-age%s is stale at once', (argument) => {
    expect(said(`max-age${argument}`)).toEqual({ maxAge: 0 })
    expect(said(`s-maxage${argument}`)).toEqual({ sMaxage: 0 })
  })

  test.each([...invalid, ...spaced])('stale-if-error%s allows nothing', (argument) => {
    expect(said(`stale-while-revalidate${argument}, stale-if-error${argument}`)).toEqual({
      staleWhileRevalidate: 0,
      staleIfError: 0,
    })
  })

  test.each([...invalid, ...spaced].filter((argument) => argument !== ''))('max-stale%s is ignored', (argument) => {
    expect(said(`max-stale${argument}, min-fresh${argument}`)).toEqual({})
  })
})

describe('RFC 9111 section 4.2.1: duplicates', () => {
  test.each<[FieldValue, Partial<CacheControl>]>([
    ['max-age=1800, max-age=1', { maxAge: 1 }],
    ['max-age=1, max-age=1800', { maxAge: 1 }],
    [['max-age=1800', 'max-age=1'], { maxAge: 1 }],
    ['max-age=1800, max-age=foo', { maxAge: 0 }],
    ['s-maxage=9, s-maxage=8', { sMaxage: 8 }],
    ['stale-if-error=9, stale-if-error=8', { staleIfError: 8 }],
    ['max-stale, max-stale=5', { maxStale: 5 }],
    ['min-fresh=5, min-fresh=9', { minFresh: 9 }],
    ['min-fresh=9, min-fresh=5', { minFresh: 9 }],
    ['min-fresh=5, min-fresh=foo', { minFresh: 5 }],
  ])('of %j the stricter one counts', (value, expected) => {
    expect(said(value)).toEqual(expected)
  })
})

describe('RFC 9111 sections 5.2.2.4 and 5.2.2.7: qualified forms', () => {
  test.each<[FieldValue, CacheControl['private']]>([
    ['X="Set-Cookie"', ['set-cookie']],
    ['X=Set-Cookie', ['set-cookie']],
    ['X="a, b"', ['a', 'b']],
    ['X=" a ,,\tb ,"', ['a', 'b']],
    ['X="A, a"', ['a']],
    ['X="a", X="b, a"', ['a', 'b']],
    [
      ['X="a"', 'X="b"'],
      ['a', 'b'],
    ],
    ['X="a, public"', ['a', 'public']],
  ])('%j names fields', (value, names) => {
    for (const [name, key] of [
      ['private', 'private'],
      ['no-cache', 'noCache'],
    ] as const) {
      const named = typeof value === 'string' ? value.replaceAll('X', name) : value?.map((l) => l.replace('X', name))
      expect(said(named)).toEqual({ [key]: names })
    }
  })

  test.each([
    'X=""',
    'X=',
    'X=" "',
    'X=","',
    'X="a b"',
    'X="a;b"',
    'X="a" b',
    'X =a',
    'X= a',
    'X="ä"',
    'X, X="a"',
    'X="a", X',
    'X="a", X=""',
  ])('%s is the unqualified form', (value) => {
    expect(said(value.replaceAll('X', 'private'))).toEqual({ private: true })
    expect(said(value.replaceAll('X', 'no-cache'))).toEqual({ noCache: true })
  })
})

describe('RFC 9110 section 5.6.4: quotes', () => {
  test.each(['max-age=5, foo="', '"', 'foo="bar\\"', 'max-age=5"', 'foo=a"b, public"', 'fo"o, public', 'foo="a""b"'])(
    'nothing is stored after %s, whose quotes do not match',
    (value) => {
      expect(parseCacheControl(value).noStore).toBe(true)
    },
  )

  test('a quote left open in one line does not swallow the next', () => {
    expect(said(['foo="a', 'private, b="c"'])).toEqual({ noStore: true, private: true })
  })
})

test('what was seen before is not parsed again', () => {
  expect(parseCacheControl('max-age=61')).toBe(parseCacheControl('max-age=61'))
})

test('more values than are remembered are still read right', () => {
  for (let i = 0; i < 1000; i++) expect(parseCacheControl(`max-age=${i}`).maxAge).toBe(i)
  for (let i = 0; i < 1000; i++) expect(parseCacheControl(`max-age=${i}`).maxAge).toBe(i)
})

test('generated directives parse back, in any order, case and spacing', () => {
  const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/)
  const delta = fc.option(fc.nat({ max: CAP }), { nil: undefined })
  const names = fc.oneof(fc.boolean(), fc.uniqueArray(name, { minLength: 1, maxLength: 4 }))
  const control = fc.record({
    'max-age': delta,
    's-maxage': delta,
    'min-fresh': delta,
    'max-stale': delta,
    'stale-while-revalidate': delta,
    'stale-if-error': delta,
    'no-store': fc.boolean(),
    'must-revalidate': fc.boolean(),
    'proxy-revalidate': fc.boolean(),
    'must-understand': fc.boolean(),
    'no-transform': fc.boolean(),
    'only-if-cached': fc.boolean(),
    immutable: fc.boolean(),
    public: fc.boolean(),
    'no-cache': names,
    private: names,
  })
  const style = fc.record({ comma: fc.constantFrom(',', ', ', ' ,\t'), upper: fc.boolean(), quoted: fc.boolean() })
  const camel = (text: string) => text.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())

  holds(
    fc.property(control, style, fc.infiniteStream(fc.nat()), (directives, { comma, upper, quoted }, order) => {
      const lines = Object.entries(directives).flatMap(([directive, value]) => {
        const written = upper ? directive.toUpperCase() : directive
        if (value === true) return [written]
        if (typeof value === 'number') return [quoted ? `${written}="${value}"` : `${written}=${value}`]
        return Array.isArray(value) ? [`${written}="${value.join(comma)}"`] : []
      })
      const shuffled = lines.map((line) => [order.next().value, line] as const).sort((a, b) => a[0] - b[0])
      const field = shuffled.map(([, line]) => line).join(comma)
      const expected = Object.fromEntries(Object.entries(directives).map(([key, value]) => [camel(key), value]))
      expect(parseCacheControl(field)).toEqual(expected)
    }),
  )
})
