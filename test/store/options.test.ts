import { describe, expect, test } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import {
  clockOption,
  duration,
  flag,
  knownOptions,
  limit,
  oneOf,
  optionalFunction,
  positiveInteger,
} from '../../src/core/options.ts'

type Check = (name: string, value: unknown, fallback: never) => unknown

const checks: [string, Check, good: unknown[], bad: [unknown, typeof TypeError | typeof RangeError, string][]][] = [
  [
    'positiveInteger',
    positiveInteger,
    [1, 2 ** 40],
    [
      [0, RangeError, 'max must be a whole number of at least 1, not 0'],
      [1.5, RangeError, 'not 1.5'],
      [Infinity, RangeError, 'not Infinity'],
      ['5', TypeError, "max must be a number, not '5'"],
      [null, TypeError, 'not null'],
      [5n, TypeError, 'not 5n'],
    ],
  ],
  ['limit', limit, [1, Infinity], [[0, RangeError, 'not 0']]],
  [
    'duration',
    duration,
    [0.5, 100, 2 ** 31 - 1],
    [
      [0, RangeError, 'max must be milliseconds above 0 and at most 2147483647, not 0'],
      [Number.NaN, RangeError, 'not NaN'],
      [2 ** 31, RangeError, 'not 2147483648'],
      ['1s', TypeError, "not '1s'"],
    ],
  ],
  ['flag', flag, [true, false], [['yes', TypeError, "max must be true or false, not 'yes'"]]],
  [
    'clockOption',
    clockOption,
    [systemClock],
    [
      [{ now: () => 1 }, TypeError, 'max must have the methods now and monotonic'],
      [null, TypeError, 'not be null'],
    ],
  ],
  [
    'oneOf',
    (name, value, fallback) => oneOf(name, value, ['a', 'b'], fallback),
    ['a', 'b'],
    [
      ['c', TypeError, "max must be one of 'a', 'b', not 'c'"],
      [['a'], TypeError, "not [ 'a' ]"],
    ],
  ],
]

describe.each(checks)('%s', (_, check, good, bad) => {
  test.each(good)('takes %o', (value) => {
    expect(check('max', value, 'fallback' as never)).toBe(value)
  })

  test('gives the fallback where the option was left out', () => {
    expect(check('max', undefined, 'fallback' as never)).toBe('fallback')
  })

  test.each(bad)('refuses %o', (value, type, message) => {
    const run = () => check('max', value, 'fallback' as never)
    expect(run).toThrow(type)
    expect(run).toThrow(message)
  })
})

test('optionalFunction takes a function or nothing', () => {
  const run = () => {}
  expect([optionalFunction('filter', run), optionalFunction('filter', undefined)]).toEqual([run, undefined])
  expect(() => optionalFunction('filter', /x/)).toThrow('filter must be a function, not /x/')
})

test('knownOptions names what it does not know and what it knows', () => {
  knownOptions('cache', undefined, ['ttl'])
  knownOptions('cache', { ttl: 5 }, ['ttl'])
  expect(() => knownOptions('cache', { tll: 5 }, ['ttl', 'key'])).toThrow(
    "cache has no option 'tll'; it knows ttl, key",
  )
  expect(() => knownOptions('cache', [], ['ttl'])).toThrow('cache takes an object of options, not []')
  expect(() => knownOptions('cache', () => {}, ['ttl'])).toThrow(TypeError)
})

test('a long value is quoted in part', () => {
  expect(() => knownOptions('cache', 'x'.repeat(5_000), [])).toThrow(/^.{0,200}$/)
})
