import { describe, expect, test } from 'vitest'
import { connectionFields } from '../../src/core/http/hop-by-hop.ts'
import type { FieldValue } from '../../src/core/http/message.ts'

const always = connectionFields({})

describe('RFC 9110 section 7.6.1 and RFC 9111 section 3.1: fields of a connection', () => {
  test.each([
    'connection',
    'keep-alive',
    'proxy-authenticate',
    'proxy-authentication-info',
    'proxy-authorization',
    'proxy-connection',
    'te',
    'trailer',
    'transfer-encoding',
    'upgrade',
  ])('%s is one', (name) => {
    expect(always.has(name)).toBe(true)
  })

  test.each(['cache-control', 'content-length', 'content-type', 'date', 'set-cookie', 'via'])('%s is none', (name) => {
    expect(always.has(name)).toBe(false)
  })

  test.each<[FieldValue]>([
    [undefined],
    [[]],
    [''],
    ['close'],
    ['Close'],
    ['keep-alive'],
    ['Keep-Alive, Upgrade'],
    [['close', ' TE ,']],
    ['not a token, "neither"'],
  ])('Connection: %j adds nothing and costs nothing', (connection) => {
    expect(connectionFields({ connection })).toBe(always)
  })

  test.each<[FieldValue, string[]]>([
    ['X-Foo', ['x-foo']],
    ['close, X-Foo ,\tx-bar', ['x-foo', 'x-bar']],
    [
      ['X-Foo', 'x-bar'],
      ['x-foo', 'x-bar'],
    ],
  ])('Connection: %j adds %j', (connection, names) => {
    expect([...connectionFields({ connection })]).toEqual([...always, ...names])
  })
})
