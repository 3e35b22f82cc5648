import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatHttpDate, parseHttpDate } from '../../src/core/http/date.ts'
import { holds } from './holds.ts'

const at = Date.UTC(1994, 10, 6, 8, 49, 37)

describe('RFC 9110 section 5.6.7: dates that count', () => {
  test.each([
    ['Sun, 06 Nov 1994 08:49:37 GMT', at],
    ['Sunday, 06-Nov-94 08:49:37 GMT', at],
    ['Sun Nov  6 08:49:37 1994', at],
    ['Sun Nov 16 08:49:37 1994', Date.UTC(1994, 10, 16, 8, 49, 37)],
    ['SUN, 06 Nov 1994 08:49:37 GMT', at],
    ['Sun, 06 NOV 1994 08:49:37 GMT', at],
    ['Sun, 06 Nov 1994 08:49:37 gMT', at],
    ['SUNDAY, 06-nov-94 08:49:37 gmt', at],
    ['Tue, 19 Jan 2038 14:14:08 GMT', Date.UTC(2038, 0, 19, 14, 14, 8)],
    ['Sun, 21 Nov 2286 04:46:39 GMT', Date.UTC(2286, 10, 21, 4, 46, 39)],
    ['Thursday, 18-Aug-50 02:01:18 GMT', Date.UTC(2050, 7, 18, 2, 1, 18)],
    ['Thu Aug  8 02:01:18 2050', Date.UTC(2050, 7, 8, 2, 1, 18)],
    ['Thu, 29 Feb 2024 00:00:00 GMT', Date.UTC(2024, 1, 29)],
    ['Sat, 31 Dec 2016 23:59:60 GMT', Date.UTC(2017, 0, 1)],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
    ['Fri, 31 Dec 9999 23:59:59 GMT', Date.UTC(9999, 11, 31, 23, 59, 59)],
  ])('%s', (text, ms) => {
    expect(parseHttpDate(text)).toBe(ms)
  })

  test('the day of the week is not held against the date', () => {
    expect(parseHttpDate('Mon, 06 Nov 1994 08:49:37 GMT')).toBe(at)
  })

  test('years before 100 are not in the twentieth century', () => {
    expect(new Date(parseHttpDate('Sat, 01 Jan 0050 00:00:00 GMT') as number).getUTCFullYear()).toBe(50)
  })
})

describe('RFC 9110 section 5.6.7: everything else is no date', () => {
  test.each([
    '',
    '0',
    '-1',
    '1994',
    '784111777',
    'tomorrow',
    '1994-11-06T08:49:37Z',
    'Sun, 06 Nov 1994 08:49:37 UTC',
    'Sun, 06 Nov 1994 08:49:37 AEST',
    'Sun, 06 Nov 1994 08:49:37 +0000',
    'Sun, 06 Nov 1994 08:49:37',
    'Sun, 06 Nov 94 08:49:37 GMT',
    'Sun 06 Nov 1994 08:49:37 GMT',
    'Sun, 06  Nov  1994 08:49:37 GMT',
    'Sun,  06 Nov 1994 08:49:37 GMT',
    'Sun,06 Nov 1994 08:49:37 GMT',
    ' Sun, 06 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 08:49:37 GMT ',
    'Sun, 06-Nov-1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 08.49.37 GMT',
    'Sun, 06 Nov 1994 8:49:37 GMT',
    'Sun, 6 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 08:49 GMT',
    'Sun, 06 Nov 1994 24:00:00 GMT',
    'Sun, 06 Nov 1994 08:60:00 GMT',
    'Sun, 06 Nov 1994 08:49:61 GMT',
    'Sun, 00 Nov 1994 08:49:37 GMT',
    'Sun, 31 Nov 1994 08:49:37 GMT',
    'Sun, 31 Feb 1994 08:49:37 GMT',
    'Wed, 29 Feb 2023 08:49:37 GMT',
    'Sun, 06 Foo 1994 08:49:37 GMT',
    'Foo, 06 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT',
    'Sun, 06-Nov-94 08:49:37 GMT',
    'Sunday, 06 Nov 1994 08:49:37 GMT',
    'Sunday, 06-Nov-1994 08:49:37 GMT',
    'Sunday, 31-Feb-94 08:49:37 GMT',
    'Sun Nov 6 08:49:37 1994',
    'Sun Nov 06 08:49:37 1994 GMT',
    'Sun Nov  6 08:49:37 94',
    'Sun, 0\u0666 Nov 1994 08:49:37 GMT',
  ])('%j', (text) => {
    expect(parseHttpDate(text)).toBeUndefined()
  })
})

describe('RFC 9110 section 5.6.7: a two-digit year is at most 50 years ahead', () => {
  const year = (digits: string, now: number) =>
    new Date(parseHttpDate(`Monday, 01-Mar-${digits} 00:00:00 GMT`, now) as number).getUTCFullYear()

  test.each([
    ['26', 2026, 2026],
    ['76', 2026, 2076],
    ['77', 2026, 1977],
    ['99', 2026, 1999],
    ['00', 2026, 2000],
    ['01', 2099, 2101],
    ['49', 2099, 2149],
    ['50', 2099, 2050],
    ['94', 1994, 1994],
    ['44', 1994, 2044],
    ['45', 1994, 1945],
  ])('%s, read in March %d, is %d', (digits, now, expected) => {
    expect(year(digits, Date.UTC(now, 2, 2))).toBe(expected)
  })

  test('fifty years and a day are too many', () => {
    expect(year('76', Date.UTC(2026, 1, 28))).toBe(1976)
  })

  test('a leap day belongs to a leap year', () => {
    expect(parseHttpDate('Tuesday, 29-Feb-00 00:00:00 GMT', Date.UTC(2060, 0, 1))).toBe(Date.UTC(2000, 1, 29))
  })
})

test('what is formatted parses back', () => {
  const seconds = fc.integer({ min: -62_167_219_200, max: 253_402_300_799 })
  holds(
    fc.property(seconds, (s) => {
      expect(parseHttpDate(formatHttpDate(s * 1000))).toBe(s * 1000)
    }),
  )
})

test('dates are formatted as IMF-fixdate', () => {
  expect(formatHttpDate(at)).toBe('Sun, 06 Nov 1994 08:49:37 GMT')
  expect(formatHttpDate(at + 999)).toBe('Sun, 06 Nov 1994 08:49:37 GMT')
})

test('moments that IMF-fixdate cannot write become the nearest that it can', () => {
  expect(formatHttpDate(Number.POSITIVE_INFINITY)).toBe('Fri, 31 Dec 9999 23:59:59 GMT')
  expect(formatHttpDate(-1e300)).toBe('Sat, 01 Jan 0000 00:00:00 GMT')
  expect(formatHttpDate(Number.NaN)).toBe('Thu, 01 Jan 1970 00:00:00 GMT')
})
