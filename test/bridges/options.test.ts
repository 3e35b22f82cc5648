import { ResponseCache } from 'breakwater'
import * as express from 'breakwater/express'
import * as koa from 'breakwater/koa'
import { shield } from 'breakwater/node'
import * as undici from 'breakwater/undici'
import { describe, expect, test } from 'vitest'

const mounts: [name: string, mount: (options: never) => unknown, side: 'server' | 'client'][] = [
  ['express', express.cache, 'server'],
  ['koa', koa.cache, 'server'],
  ['shield', (options) => shield(() => {}, { cache: options }), 'server'],
  ['undici', undici.cache, 'client'],
]

describe.each(mounts)('%s: options', (_name, mount) => {
  test.each([
    [{ ttl: -1 }, RangeError, 'ttl must be 0 or more milliseconds, not -1'],
    [{ ttl: '5s' }, TypeError, "ttl must be milliseconds, not '5s'"],
    [{ ttl: Number.NaN }, RangeError, 'ttl'],
    [{ force: 'yes' }, TypeError, 'force'],
    [{ groups: 'all' }, TypeError, "groups must be an array of non-empty strings or a function, not 'all'"],
    [{ groups: [''] }, TypeError, 'groups'],
    [{ shouldCache: true }, TypeError, 'shouldCache'],
    [{ type: 'public' }, TypeError, 'type'],
    [{ policy: 'strict' }, TypeError, 'policy'],
    [{ methods: ['POST'] }, TypeError, "methods must be an array of 'GET' and 'HEAD'"],
    [{ methods: [] }, TypeError, 'methods'],
    [{ key: 'x' }, TypeError, 'key'],
    [{ vary: 'accept' }, TypeError, "vary must be an array of field names, not 'accept'"],
    [{ vary: ['a b'] }, TypeError, "'a b' is no field name"],
    [{ cacheStatus: 'æ' }, TypeError, 'cacheStatus'],
    [{ collapse: { timeout: -1 } }, RangeError, 'collapse.timeout'],
    [{ collapse: { limit: 1 } }, TypeError, 'limit'],
    [{ refresh: 'never' }, TypeError, 'refresh'],
    [{ refreshTimeout: 0 }, RangeError, 'refreshTimeout'],
    [{ guard: { mode: 'on' } }, TypeError, 'guard.mode'],
    [{ maxStale: -1 }, RangeError, 'maxStale'],
    [{ requestDirectives: { noCahce: true } }, TypeError, 'noCahce'],
    [{ targets: [''] }, TypeError, 'targets'],
    [{ ttll: 1 }, TypeError, 'ttll'],
    [{ cache: {} }, TypeError, 'cache must be a ResponseCache'],
    [{ cache: 'memory' }, TypeError, "not 'memory'"],
  ] as const)('%o is refused in a sentence', (options, kind, sentence) => {
    expect(() => mount(options as never)).toThrow(kind)
    expect(() => mount(options as never)).toThrow(sentence)
  })

  test.each([
    'cache',
    'type',
    'partition',
    'policy',
    'methods',
    'key',
    'vary',
    'cacheStatus',
    'collapse',
    'refresh',
    'refreshTimeout',
    'guard',
    'maxStale',
    'requestDirectives',
    'targets',
    'sMaxageRevalidates',
    'ttl',
    'force',
    'staleWhileRevalidate',
    'staleIfError',
    'groups',
    'shouldCache',
  ])('%s: null is no way to leave it out, and undefined is one', (option) => {
    expect(() => mount({ [option]: null } as never)).toThrow(TypeError)
    expect(() => mount({ [option]: null } as never)).toThrow('null')
    expect(() => mount({ [option]: undefined } as never)).not.toThrow()
  })

  test('a bare ResponseCache is taken with the defaults', () => {
    expect(() => mount(new ResponseCache() as never)).not.toThrow()
  })
})

test.each(mounts.filter(([, , side]) => side === 'server'))('%s: type private needs a partition', (_name, mount) => {
  expect(() => mount({ type: 'private' } as never)).toThrow('needs partition')
  expect(() => mount({ type: 'private', partition: () => 'me' } as never)).not.toThrow()
})

describe.each([
  ['express', express.purgeHandler],
  ['koa', koa.purgeHandler],
])('%s: options of purgeHandler', (_name, purgeHandler) => {
  test.each([
    [{ authorize: 'me' }, "'me'"],
    [{ cache: 5 }, '5'],
    [{ soft: 'yes' }, "'yes'"],
    [{ auhtorize: () => true }, "'auhtorize'"],
  ])('%o is refused, with the value', (options, quoted) => {
    expect(() => purgeHandler(options as never)).toThrow(TypeError)
    expect(() => purgeHandler(options as never)).toThrow(quoted)
  })
})

test('shield takes a listener', () => {
  expect(() => shield({} as never)).toThrow('shield takes a (request, response) listener')
  expect(() => shield(() => {}, { cahce: {} } as never)).toThrow('cahce')
})
