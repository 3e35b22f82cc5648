import { describe, expect, test } from 'vitest'
import { parseAge } from '../../src/core/http/age.ts'
import type { FieldValue } from '../../src/core/http/message.ts'

describe('RFC 9111 section 5.1: Age', () => {
  test.each<[FieldValue, number]>([
    ['0', 0],
    ['7200', 7200],
    [' 7200\t', 7200],
    ['007', 7],
    ['7200, 0', 7200],
    ['0, 7200', 0],
    ['0 , abc', 0],
    [['7200', '0'], 7200],
    [['0', '7200'], 0],
    ['2147483647', 2147483647],
    ['2147483648', 2147483648],
    ['2147483649', 2147483648],
    ['99999999999999999999', 2147483648],
  ])('%j is %d seconds', (value, seconds) => {
    expect(parseAge(value)).toBe(seconds)
  })

  test.each<[FieldValue]>([
    [undefined],
    [[]],
    [''],
    [', 7200'],
    ['abc'],
    ['-7200'],
    ['+7200'],
    ['7200.0'],
    ['7e3'],
    ['"7200"'],
    ['7200;foo=bar'],
    ['7200;foo=111'],
    ['72 00'],
    [['abc', '7200']],
  ])('%j is ignored', (value) => {
    expect(parseAge(value)).toBeUndefined()
  })
})
