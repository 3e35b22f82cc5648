import { expect, test } from 'vitest'
import { combined, fieldsOf, firstLine } from '../../src/core/http/message.ts'

test('lines of a field combine in their order', () => {
  expect(combined(['a', 'b'])).toBe('a, b')
  expect(combined('a')).toBe('a')
  expect(combined(undefined)).toBeUndefined()
})

test('the first line of a field is its only one, or the first of several', () => {
  expect(firstLine(['a', 'b'])).toBe('a')
  expect(firstLine('a')).toBe('a')
  expect(firstLine([])).toBeUndefined()
})

test('field lines become a record by lower-case name, repeated fields an array', () => {
  expect({ ...fieldsOf(['Date', 'x', 'Set-Cookie', 'a', 'set-cookie', 'b', 'SET-COOKIE', 'c']) }).toEqual({
    date: 'x',
    'set-cookie': ['a', 'b', 'c'],
  })
})

test('no field name reaches a prototype', () => {
  const fields = fieldsOf(['__proto__', 'a', 'constructor', 'b'])
  expect(Object.keys(fields)).toEqual(['__proto__', 'constructor'])
  expect(Object.getPrototypeOf(fields)).toBeNull()
})

test('a name without a value at the end is left out', () => {
  expect(Object.keys(fieldsOf(['a', 'b', 'c']))).toEqual(['a'])
})
