import { expect, test } from 'vitest'
import { parseRetryAfter } from '../../src/core/http/retry-after.ts'

const now = Date.UTC(2026, 0, 1)

test.each<[string | string[] | undefined, number | undefined]>([
  ['120', 120_000],
  [' 120 ', 120_000],
  ['0', 0],
  [['5', '9'], 5_000],
  ['99999999999999999999', 2 ** 31 * 1000],
  ['Thu, 01 Jan 2026 00:01:00 GMT', 60_000],
  ['Thursday, 01-Jan-26 00:01:00 GMT', 60_000],
  ['Thu Jan  1 00:01:00 2026', 60_000],
  ['Wed, 31 Dec 2025 23:59:00 GMT', 0],
  ['-1', undefined],
  ['1.5', undefined],
  ['soon', undefined],
  ['', undefined],
  [undefined, undefined],
])('Retry-After %j is %d ms', (field, ms) => {
  expect(parseRetryAfter(field, now)).toBe(ms)
})
