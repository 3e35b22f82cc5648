import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { FieldValue } from '../../src/core/http/message.ts'
import { parseContentRange, parseRange, rangeApplies, requestedRange } from '../../src/core/http/range.ts'
import { holds } from './holds.ts'

describe('RFC 9110 section 14.1.2: one range of ten bytes', () => {
  test.each<[FieldValue, { start: number; end: number }]>([
    ['bytes=0-1', { start: 0, end: 1 }],
    ['bytes=0-0', { start: 0, end: 0 }],
    ['bytes=1-', { start: 1, end: 9 }],
    ['bytes=9-', { start: 9, end: 9 }],
    ['bytes=-1', { start: 9, end: 9 }],
    ['bytes=-10', { start: 0, end: 9 }],
    ['bytes=-11', { start: 0, end: 9 }],
    ['bytes=0-10', { start: 0, end: 9 }],
    ['bytes=5-99999999999999999999999', { start: 5, end: 9 }],
    ['Bytes=0-1', { start: 0, end: 1 }],
    [' bytes=0-1 ', { start: 0, end: 1 }],
    ['bytes=00-01', { start: 0, end: 1 }],
    [['bytes=0-1'], { start: 0, end: 1 }],
  ])('%j', (value, expected) => {
    expect(parseRange(value, 10)).toEqual(expected)
  })

  test.each(['bytes=10-', 'bytes=10-20', 'bytes=-0', 'bytes=99999999999999999999999-'])(
    '%s is unsatisfiable',
    (value) => {
      expect(parseRange(value, 10)).toBe('unsatisfiable')
    },
  )

  test.each<[FieldValue]>([
    [undefined],
    [[]],
    [''],
    ['bytes'],
    ['bytes='],
    ['bytes=-'],
    ['bytes=2-1'],
    ['bytes=0-1, 3-4'],
    ['bytes=0-1,'],
    [['bytes=0-1', 'bytes=3-4']],
    ['items=0-1'],
    ['0-1'],
    ['bytes=a-b'],
    ['bytes=0-1x'],
    ['bytes= 0-1'],
    ['bytes =0-1'],
    ['bytes=0 -1'],
    ['bytes=+0-1'],
    ['bytes=--1'],
    ['bytes=0x0-0x1'],
  ])('%j is ignored', (value) => {
    expect(parseRange(value, 10)).toBeUndefined()
    expect(requestedRange(value)).toBeUndefined()
  })

  test('of an empty representation no byte can be had, and its last bytes are all of it', () => {
    expect(parseRange('bytes=0-', 0)).toBe('unsatisfiable')
    expect(parseRange('bytes=-0', 0)).toBe('unsatisfiable')
    expect(parseRange('bytes=-5', 0)).toBeUndefined()
  })

  test('what was asked for can be known without the size', () => {
    expect(requestedRange('bytes=5-9')).toEqual({ first: 5, last: 9 })
    expect(requestedRange('bytes=5-')).toEqual({ first: 5 })
    expect(requestedRange('bytes=-5')).toEqual({ suffix: 5 })
  })

  test('the bytes are those that a byte-by-byte reading selects', () => {
    const position = fc.option(fc.nat({ max: 15 }), { nil: undefined })
    holds(
      fc.property(position, position, fc.nat({ max: 12 }), (first, last, size) => {
        const bytes = Array.from({ length: size }, (_, i) => i)
        const selected = bytes.filter((i) =>
          first === undefined ? i >= size - (last ?? 0) : i >= first && i <= (last ?? size),
        )
        const range = parseRange(`bytes=${first ?? ''}-${last ?? ''}`, size)
        if (range !== undefined && range !== 'unsatisfiable') {
          expect(bytes.slice(range.start, range.end + 1)).toEqual(selected)
          expect(selected).not.toEqual([])
        } else expect(selected).toEqual([])
      }),
      { numRuns: 2000 },
    )
  })
})

describe('RFC 9110 section 14.4: Content-Range', () => {
  test.each<[FieldValue, object]>([
    ['bytes 4-9/10', { start: 4, end: 9, size: 10 }],
    ['bytes 0-0/1', { start: 0, end: 0, size: 1 }],
    ['bytes 4-9/*', { start: 4, end: 9, size: undefined }],
    ['BYTES 4-9/10', { start: 4, end: 9, size: 10 }],
    [[' bytes 4-9/10'], { start: 4, end: 9, size: 10 }],
  ])('%j', (value, expected) => {
    expect(parseContentRange(value)).toEqual(expected)
  })

  test.each<[FieldValue]>([
    [undefined],
    [[]],
    [''],
    ['bytes */10'],
    ['bytes 4-10/10'],
    ['bytes 9-4/10'],
    ['bytes 4-9/'],
    ['bytes 4-9'],
    ['bytes=4-9/10'],
    ['bytes  4-9/10'],
    ['bytes 4 - 9/10'],
    ['bytes 4-/10'],
    ['bytes -4/10'],
    ['bytes a-b/c'],
    ['items 4-9/10'],
    ['bytes 0-99999999999999999999/*'],
    ['bytes 0-1/99999999999999999999'],
    [['bytes 4-9/10', 'bytes 4-9/10']],
  ])('%j is not one', (value) => {
    expect(parseContentRange(value)).toBeUndefined()
  })
})

describe('RFC 9110 section 13.1.5: If-Range', () => {
  const lastModified = 'Sun, 06 Nov 1994 08:49:37 GMT'
  const at = Date.UTC(1994, 10, 6, 8, 49, 37)
  const stored = { etag: '"a"', lastModified, date: at + 1000 }

  test.each<[FieldValue, object]>([
    [undefined, stored],
    [undefined, {}],
    [[], stored],
    ['"a"', stored],
    [' "a" ', stored],
    [['"a"'], stored],
    [lastModified, stored],
    ['Sunday, 06-Nov-94 08:49:37 GMT', stored],
  ])('%j lets the range apply to %j', (condition, response) => {
    expect(rangeApplies({ 'if-range': condition }, response)).toBe(true)
  })

  test.each<[FieldValue, object]>([
    ['', stored],
    ['"b"', stored],
    ['W/"a"', stored],
    ['W/"a"', { ...stored, etag: 'W/"a"' }],
    ['"a"', { ...stored, etag: 'W/"a"' }],
    ['"a"', {}],
    ['a', { etag: 'a' }],
    ['*', stored],
    ['"a", "b"', stored],
    [['"a"', '"a"'], stored],
    ['Sun, 06 Nov 1994 08:49:36 GMT', stored],
    ['Sun, 06 Nov 1994 08:49:38 GMT', stored],
    [lastModified, { ...stored, date: at + 999 }],
    [lastModified, { lastModified }],
    [lastModified, { date: at }],
    [lastModified, { lastModified: 'yesterday', date: at }],
    ['yesterday', { lastModified: 'yesterday', date: at }],
  ])('%j does not let it apply to %j', (condition, response) => {
    expect(rangeApplies({ 'if-range': condition }, response)).toBe(false)
  })
})
