import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { FieldValue } from '../../src/core/http/message.ts'
import { languageMatches, normaliseSelecting, parseVary } from '../../src/core/http/vary.ts'
import { anyFieldValue } from './arbitraries.ts'
import { holds } from './holds.ts'

describe('RFC 9110 section 12.5.5: Vary', () => {
  test.each<[FieldValue, '*' | string[]]>([
    [undefined, []],
    [[], []],
    ['', []],
    [' , ', []],
    ['Accept-Encoding', ['accept-encoding']],
    ['foo, BAR,\tbaz', ['bar', 'baz', 'foo']],
    ['Foo, foo', ['foo']],
    [
      ['Foo', 'Bar, foo'],
      ['bar', 'foo'],
    ],
    ['*', '*'],
    ['*, *', '*'],
    [['*', '*'], '*'],
    [', *', '*'],
    [['', '*'], '*'],
    ['*, Foo', '*'],
    ['Foo, *', '*'],
  ])('%j selects by %j', (value, expected) => {
    expect(parseVary(value)).toEqual(expected)
  })

  test.each(['Foo Bar', '"Foo"', 'Foo; Bar', 'Foo, (', 'Foo:', 'Föö', 'Foo\u00a0'])('%j could be anything', (value) => {
    expect(parseVary(value)).toBe('*')
  })
})

/** Whether requests with these values are served the same stored response. */
function agree(name: string, a: FieldValue, b: FieldValue): boolean {
  return normaliseSelecting(name, a) === normaliseSelecting(name, b)
}

describe('RFC 9111 section 4.1: requests that ask for the same', () => {
  test.each<[string, FieldValue, FieldValue]>([
    ['foo', undefined, []],
    ['foo', '1, 2', ['1', '2']],
    ['foo', '1,2', ' 1, 2 '],
    ['foo', '1,2', '1\t,\t\t2'],
    ['foo', 'a;b=c', 'a ; b = c'],
    ['foo', '"a, b",c', '"a, b" , c'],
    ['accept-language', 'en, de', 'de, en'],
    ['accept-language', 'en, de', 'eN, De'],
    ['accept-language', 'en, de', ' en ,   de'],
    ['accept-language', 'en, de', ['de', 'en']],
    ['accept-language', 'en;q=1, de;q=0.50', 'de ; Q=0.5 , en;q=1.000'],
    ['accept-encoding', 'gzip, br', 'br,gzip, GZIP'],
    ['accept-encoding', 'gzip;q=0', 'gzip;q=0.000'],
    ['accept', 'text/html;level=1;q=0.7, */*', '*/*, text/HTML;q=0.7;level=1'],
    ['accept', 'a/b;x="Q;q=0,1"', 'A/B ; x="Q;q=0,1"'],
    ['accept-charset', 'utf-8,,iso-8859-1', 'ISO-8859-1, UTF-8'],
  ])('%s: %j and %j', (name, a, b) => {
    expect(agree(name, a, b)).toBe(true)
  })
})

describe('RFC 9111 section 4.1: requests that ask for something else', () => {
  test.each<[string, FieldValue, FieldValue]>([
    ['foo', undefined, ''],
    ['foo', '1', '2'],
    ['foo', '1,2', '2,1'],
    ['foo', 'a', 'A'],
    ['foo', 'a b', 'ab'],
    ['foo', '"a, b"', '"a,b"'],
    ['foo', '"a\\" , b"', '"a\\",b"'],
    ['cookie', 'a=b; c=d', 'a=b; c=D'],
    ['accept-encoding', undefined, ''],
    ['accept-encoding', 'gzip', 'gzip;q=0'],
    ['accept-encoding', 'gzip', 'gzip, br'],
    ['accept-encoding', 'gzip', 'gzip;q=2'],
    ['accept-encoding', 'gzip;q=x', 'gzip;q=y'],
    ['accept-language', 'en;q=0.8, de', 'en, de;q=0.8'],
    ['accept', 'a/b;x="Y"', 'a/b;x="y"'],
    ['accept', 'a/b;x="1,2"', 'a/b;x="1, 2"'],
  ])('%s: %j and %j', (name, a, b) => {
    expect(agree(name, a, b)).toBe(false)
  })
})

test('the canonical spelling is by weight, then by name', () => {
  expect(normaliseSelecting('accept-encoding', 'identity;q=0, zstd;q=0.5, gzip, br;q=1.0, gzip, *;q=0.10')).toBe(
    'br,gzip,zstd;q=0.5,*;q=0.1,identity;q=0',
  )
})

test('the canonical spelling stays as it is when it is normalised again', () => {
  const names = fc.constantFrom('foo', 'accept', 'accept-encoding', 'accept-language')
  holds(
    fc.property(names, anyFieldValue, (name, value) => {
      const once = normaliseSelecting(name, value)
      expect(normaliseSelecting(name, once)).toBe(once)
    }),
    { numRuns: 1000 },
  )
})

test('of what has a quote without an end, the order stays', () => {
  expect(normaliseSelecting('accept', 'b, ", ", "')).toBe('b,", ","')
})

test('neither order nor spacing of an Accept-Language says anything', () => {
  const range = fc.stringMatching(/^[a-z]{2}(-[A-Z]{2})?$/)
  const member = fc.tuple(range, fc.integer({ min: 0, max: 10 })).map(([tag, q]) => `${tag};q=${q / 10}`)
  const space = fc.constantFrom('', ' ', '\t ')
  holds(
    fc.property(fc.array(member), space, fc.infiniteStream(fc.nat()), (members, around, order) => {
      const shuffled = members.map((m) => [order.next().value, m] as const).sort((a, b) => a[0] - b[0])
      const spelled = shuffled.map(([, m]) => `${around}${m.replace(';', `${around};${around}`)}${around}`).join(',')
      expect(normaliseSelecting('accept-language', spelled)).toBe(normaliseSelecting('accept-language', members.join()))
    }),
  )
})

describe('RFC 9110 section 12.5.4: the best language that a client can get', () => {
  test.each<[FieldValue, FieldValue]>([
    ['fr;q=0.5, de;q=1.0', 'de'],
    ['en, de', 'de'],
    ['DE', 'de-CH'],
    ['de-ch, de;q=0.9', 'de-CH'],
    ['*', 'de'],
    ['*;q=0.5', 'de'],
    ['en, *', 'de'],
    ['de;q=0.1', 'de'],
    [['fr;q=0.5', 'de'], 'de'],
    ['de, en', 'de, en'],
  ])('%j gets %j', (accepted, content) => {
    expect(languageMatches(accepted, content)).toBe(true)
  })

  test.each<[FieldValue, FieldValue]>([
    ['fr;q=0.5, de;q=1.0', 'fr'],
    ['de', 'en'],
    ['de-CH', 'de'],
    ['d', 'de'],
    ['de', 'den'],
    ['en, en-gb;q=0.5', 'en-GB'],
    ['*, de;q=0', 'de'],
    ['de;q=0', 'de'],
    ['de;q=2', 'de'],
    ['de', 'de, en'],
    ['de', ''],
    ['de', undefined],
    ['', 'de'],
    [undefined, 'de'],
  ])('%j may get something better than %j', (accepted, content) => {
    expect(languageMatches(accepted, content)).toBe(false)
  })
})
