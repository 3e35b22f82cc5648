import { describe, expect, test } from 'vitest'
import { parseGroups } from '../../src/core/http/groups.ts'
import type { FieldValue } from '../../src/core/http/message.ts'
import { parseTags } from '../../src/core/http/surrogate.ts'

const many = Array.from({ length: 1100 }, (_, i) => `g${i}`)

describe('RFC 9875 section 2: Cache-Groups', () => {
  test.each<[FieldValue, string[]]>([
    [undefined, []],
    [[], []],
    ['', []],
    ['"a"', ['a']],
    ['"a", "B";x=1,"a"', ['a', 'B']],
    [
      ['"a"', '"b"'],
      ['a', 'b'],
    ],
    ['"a,b", "c\\"d"', ['a,b', 'c"d']],
  ])('%j names %j', (value, names) => {
    expect(parseGroups(value)).toEqual(names)
  })

  test.each(['a', '"a", b', '"a", 1', '("a")', '"a', '"a",', '"ä"', '"a" "b"', '"a", ?1'])('%s is invalid', (value) => {
    expect(parseGroups(value)).toEqual([])
  })

  test('at least 32 groups of 32 characters count', () => {
    const names = many.slice(0, 32).map((name) => name.padEnd(32, 'x'))
    expect(parseGroups(names.map((name) => `"${name}"`))).toEqual(names)
  })

  test('no more than 1,024 groups count', () => {
    expect(parseGroups(many.map((name) => `"${name}"`))).toEqual(many.slice(0, 1024))
  })

  test('a group is not longer than 256 characters', () => {
    const long = 'x'.repeat(256)
    expect(parseGroups(`"${long}", "${long}x", "a"`)).toEqual([long, 'a'])
  })
})

describe('tags', () => {
  test.each<[FieldValue, string[]]>([
    [undefined, []],
    ['', []],
    [' a\tb  a ', ['a', 'b']],
    [
      ['a b', 'c'],
      ['a', 'b', 'c'],
    ],
    ['a,b c', ['a,b', 'c']],
  ])('Surrogate-Key: %j is %j', (value, tags) => {
    expect(parseTags(value, 'space')).toEqual(tags)
  })

  test.each<[FieldValue, string[]]>([
    [undefined, []],
    ['', []],
    [' a ,b,, a', ['a', 'b']],
    [
      ['a, b', 'c'],
      ['a', 'b', 'c'],
    ],
    ['a  b,C', ['a b', 'C']],
  ])('Cache-Tag: %j is %j', (value, tags) => {
    expect(parseTags(value, 'comma')).toEqual(tags)
  })

  test('the limits are those of groups', () => {
    expect(parseTags(many.join(' '), 'space')).toEqual(many.slice(0, 1024))
    expect(parseTags(many.join(','), 'comma')).toEqual(many.slice(0, 1024))
    expect(parseTags(`${'x'.repeat(257)},a`, 'comma')).toEqual(['a'])
  })
})
