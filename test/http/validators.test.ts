import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatHttpDate } from '../../src/core/http/date.ts'
import type { Fields, FieldValue } from '../../src/core/http/message.ts'
import {
  evaluateConditions,
  hasConditions,
  matchesAny,
  strongEqual,
  validatorsOf,
  weakEqual,
} from '../../src/core/http/validators.ts'
import { holds } from './holds.ts'

describe('RFC 9110 section 8.8.3.2: comparison of entity tags', () => {
  test.each([
    ['W/"1"', 'W/"1"', false, true],
    ['W/"1"', 'W/"2"', false, false],
    ['W/"1"', '"1"', false, true],
    ['"1"', '"1"', true, true],
    ['""', '""', true, true],
    ['"1"', '"2"', false, false],
    ['abc', 'abc', false, true],
    ['abc', '"abc"', false, false],
    ['w/"1"', '"1"', false, false],
    ['"', '"', false, true],
    ['a"', 'a"', false, true],
    ['"1""', '"1""', false, true],
    ['', '', false, false],
  ])('%s and %s: strong %s, weak %s', (a, b, strong, weak) => {
    expect([strongEqual(a, b), strongEqual(b, a)]).toEqual([strong, strong])
    expect([weakEqual(a, b), weakEqual(b, a)]).toEqual([weak, weak])
  })
})

describe('RFC 9110 section 13.1.2: If-None-Match', () => {
  test.each<[FieldValue, string]>([
    ['"a"', '"a"'],
    ['W/"a"', '"a"'],
    ['"a"', 'W/"a"'],
    ['"a", "b", "c"', '"a"'],
    ['"a", "b", "c"', '"b"'],
    ['"a","b","c"', '"c"'],
    ['  ,"a"\t,, W/"b" ,', '"b"'],
    [['"a"', '"b"'], '"b"'],
    ['"a,b", "c"', '"a,b"'],
    ['"a, "b"', '"a, "b"'],
    ['"a\\", "b"', '"b"'],
    ['"üü"', '"üü"'],
    ['abc', 'abc'],
    ['"x", abc', 'abc'],
    ['w/"a"', 'w/"a"'],
    ['*', '"a"'],
    [' * ', '"a"'],
    [['*'], ''],
  ])('%j matches %s', (list, etag) => {
    expect(matchesAny(list, etag)).toBe(true)
  })

  test.each<[FieldValue, string]>([
    [undefined, '"a"'],
    [[], '"a"'],
    ['', '"a"'],
    ['', ''],
    [',,', ''],
    ['""', ''],
    ['"a"', '"A"'],
    ['"a", "b"', '"c"'],
    ['"a, b"', 'b"'],
    ['"a,b"', '"b"'],
    ['"a", *', '"b"'],
    [['*', '"a"'], '"b"'],
    ['"a" "b"', '"a"'],
  ])('%j does not match %s', (list, etag) => {
    expect(matchesAny(list, etag)).toBe(false)
  })
})

const modified = 'Sun, 06 Nov 1994 08:49:37 GMT'
const earlier = 'Sun, 06 Nov 1994 08:49:36 GMT'
const later = 'Sun, 06 Nov 1994 08:49:38 GMT'

describe('RFC 9110 section 13.2.2 and RFC 9111 section 4.3.2: what a cache answers', () => {
  const stored = { etag: '"a"', lastModified: modified }

  test.each<[string, Fields, object, 'proceed' | 'not-modified']>([
    ['no condition', {}, stored, 'proceed'],
    ['the same tag', { 'if-none-match': '"a"' }, stored, 'not-modified'],
    ['a weak form of the tag', { 'if-none-match': 'W/"a"' }, stored, 'not-modified'],
    ['another tag', { 'if-none-match': '"b"' }, stored, 'proceed'],
    ['any tag', { 'if-none-match': '*' }, stored, 'not-modified'],
    ['any tag where there is none', { 'if-none-match': '*' }, {}, 'not-modified'],
    ['a tag where there is none', { 'if-none-match': '"a"' }, {}, 'proceed'],
    ['the same date', { 'if-modified-since': modified }, stored, 'not-modified'],
    ['a later date', { 'if-modified-since': later }, stored, 'not-modified'],
    ['an earlier date', { 'if-modified-since': earlier }, stored, 'proceed'],
    [
      'the same date in RFC 850 form',
      { 'if-modified-since': 'Sunday, 06-Nov-94 08:49:37 GMT' },
      stored,
      'not-modified',
    ],
    ['one line', { 'if-modified-since': [modified] }, stored, 'not-modified'],
    ['two dates', { 'if-modified-since': [later, later] }, stored, 'proceed'],
    ['an invalid date', { 'if-modified-since': 'tomorrow' }, stored, 'proceed'],
    ['an invalid Last-Modified', { 'if-modified-since': later }, { lastModified: 'yesterday' }, 'proceed'],
    ['a date where there is none', { 'if-modified-since': later }, { etag: '"a"', date: 0 }, 'proceed'],
    ['the same tag, an earlier date', { 'if-none-match': '"a"', 'if-modified-since': earlier }, stored, 'not-modified'],
    ['another tag, the same date', { 'if-none-match': '"b"', 'if-modified-since': modified }, stored, 'proceed'],
    ['an empty list of tags, the same date', { 'if-none-match': '', 'if-modified-since': modified }, stored, 'proceed'],
    ['no line of tags, the same date', { 'if-none-match': [], 'if-modified-since': modified }, stored, 'not-modified'],
    ['If-Match, which is for the origin', { 'if-match': '"b"' }, stored, 'proceed'],
    ['If-Unmodified-Since, likewise', { 'if-unmodified-since': earlier }, stored, 'proceed'],
  ])('%s', (_, request, response, expected) => {
    expect(evaluateConditions(request, response, 'GET')).toBe(expected)
    expect(evaluateConditions(request, response, 'HEAD')).toBe(expected)
    expect(evaluateConditions(request, response, 'POST')).toBe('proceed')
  })

  test('every combination is as the RFC lists it', () => {
    const tag = fc.constantFrom('"a"', 'W/"a"', '"b"', 'W/"b"', '"c,d"')
    const second = fc.integer({ min: 0, max: 3 }).map((s) => s * 1000)
    const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
    const strong = (text: string) => text.replace('W/', '')
    holds(
      fc.property(
        optional(fc.array(tag, { minLength: 1, maxLength: 3 })),
        optional(second),
        optional(tag),
        optional(second),
        fc.constantFrom('GET', 'HEAD', 'POST'),
        (tags, since, etag, lastModified, method) => {
          let expected = 'proceed'
          if (method !== 'POST') {
            if (tags) {
              if (tags.some((t) => etag !== undefined && strong(t) === strong(etag))) expected = 'not-modified'
            } else if (since !== undefined && lastModified !== undefined) {
              if (lastModified <= since) expected = 'not-modified'
            }
          }
          const request = {
            'if-none-match': tags?.join(', '),
            'if-modified-since': since === undefined ? undefined : formatHttpDate(since),
          }
          const response = { etag, lastModified: lastModified === undefined ? undefined : formatHttpDate(lastModified) }
          expect(evaluateConditions(request, response, method)).toBe(expected)
        },
      ),
      { numRuns: 1000 },
    )
  })
})

describe('RFC 9110 section 13.1: a request is conditional', () => {
  test.each(['if-none-match', 'if-modified-since', 'if-match', 'if-unmodified-since'])('with %s', (name) => {
    expect(hasConditions({ [name]: 'x' })).toBe(true)
    expect(hasConditions({ [name]: [] })).toBe(false)
  })

  test('not with If-Range, which belongs to Range', () => {
    expect(hasConditions({ 'if-range': '"a"', range: 'bytes=0-1' })).toBe(false)
  })
})

describe('RFC 9110 section 8.8: validators of a response', () => {
  test.each<[Fields, object]>([
    [{}, {}],
    [{ etag: '', 'last-modified': ' ' }, {}],
    [
      { etag: '"a"', 'last-modified': modified },
      { etag: '"a"', lastModified: modified },
    ],
    [{ etag: ' "a"\t' }, { etag: '"a"' }],
    [{ etag: ['"a"', '"b"'] }, { etag: '"a"' }],
    [{ etag: [] }, {}],
    [{ etag: 'abc' }, { etag: 'abc' }],
  ])('%j: %j', (fields, expected) => {
    expect(validatorsOf(fields)).toEqual(expected)
  })
})
