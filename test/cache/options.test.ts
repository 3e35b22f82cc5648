import { describe, expect, test } from 'vitest'
import { mountSettings } from '../../src/core/cache/options.ts'
import { ResponseCache } from '../../src/core/cache/response-cache.ts'
import { checkAnswerRule, checkRule, mergeRules } from '../../src/core/cache/rule.ts'

const bad: [Record<string, unknown>, typeof TypeError | typeof RangeError, string][] = [
  [{ ttl: '5' }, TypeError, "'5'"],
  [{ ttl: -1 }, RangeError, '-1'],
  [{ ttl: Number.NaN }, RangeError, 'NaN'],
  [{ ttl: Infinity }, RangeError, 'Infinity'],
  [{ staleWhileRevalidate: -1 }, RangeError, '-1'],
  [{ staleIfError: null }, TypeError, 'null'],
  [{ force: 1 }, TypeError, '1'],
  [{ groups: 'a' }, TypeError, "'a'"],
  [{ groups: [''] }, TypeError, 'groups'],
  [{ groups: [5] }, TypeError, 'groups'],
  [{ shouldCache: true }, TypeError, 'true'],
]

describe('a mount refuses', () => {
  test.each<[Record<string, unknown>, typeof TypeError | typeof RangeError, string]>([
    ...bad,
    [{ tll: 5 }, TypeError, "'tll'"],
    [{ type: 'public' }, TypeError, "'public'"],
    [{ type: 'private' }, TypeError, 'partition'],
    [{ policy: 'strict' }, TypeError, "'strict'"],
    [{ methods: [] }, TypeError, '[]'],
    [{ methods: ['POST'] }, TypeError, "'POST'"],
    [{ methods: 'GET' }, TypeError, "'GET'"],
    [{ key: 'a' }, TypeError, "'a'"],
    [{ partition: 5 }, TypeError, '5'],
    [{ vary: 'a' }, TypeError, "'a'"],
    [{ vary: ['a b'] }, TypeError, "'a b'"],
    [{ vary: [5] }, TypeError, '5'],
    [{ vary: ['*'] }, TypeError, "'*'"],
    [{ targets: ['a:'] }, TypeError, "'a:'"],
    [{ cacheStatus: '' }, TypeError, "''"],
    [{ cacheStatus: 'é' }, TypeError, "'é'"],
    [{ cacheStatus: true }, TypeError, 'true'],
    [{ collapse: 5 }, TypeError, '5'],
    [{ collapse: { timeout: 0 } }, RangeError, '0'],
    [{ collapse: { wait: 1 } }, TypeError, "'wait'"],
    [{ refresh: 'later' }, TypeError, "'later'"],
    [{ refreshTimeout: 0 }, RangeError, '0'],
    [{ refreshTimeout: 2 ** 31 }, RangeError, '2147483648'],
    [{ guard: { mode: 'on' } }, TypeError, "'on'"],
    [{ guard: { ignore: 'a' } }, TypeError, "'a'"],
    [{ guard: { skip: [] } }, TypeError, "'skip'"],
    [{ guard: true }, TypeError, 'true'],
    [{ maxStale: -1 }, RangeError, '-1'],
    [{ requestDirectives: { noCash: true } }, TypeError, "'noCash'"],
    [{ requestDirectives: { noCache: 1 } }, TypeError, '1'],
    [{ requestDirectives: true }, TypeError, 'true'],
    [{ sMaxageRevalidates: 'yes' }, TypeError, "'yes'"],
  ])('%o', (options, type, quoted) => {
    expect(() => mountSettings(options, 'in')).toThrow(type)
    expect(() => mountSettings(options, 'in')).toThrow(quoted)
  })
})

describe('a rule refuses', () => {
  test.each(bad)('%o', (rule, type, quoted) => {
    expect(() => checkRule('cache', rule)).toThrow(type)
    expect(() => checkAnswerRule(rule)).toThrow(quoted)
  })

  test('a name it does not know', () => {
    expect(() => checkAnswerRule({ tll: 5 } as never)).toThrow("setCachePolicy has no option 'tll'")
  })

  test('and says only what was said', () => {
    expect(checkRule('cache', { ttl: 0, force: undefined })).toEqual({ ttl: 0 })
  })
})

describe('a cache refuses', () => {
  test.each<[Record<string, unknown>, typeof TypeError | typeof RangeError, string]>([
    [{ store: {} }, TypeError, 'store'],
    [{ storeTimeout: 0 }, RangeError, '0'],
    [{ storeTimeout: '1' }, TypeError, "'1'"],
    [{ clock: {} }, TypeError, '{}'],
    [{ stores: 1 }, TypeError, "'stores'"],
  ])('%o', (options, type, quoted) => {
    expect(() => new ResponseCache(options)).toThrow(type)
    expect(() => new ResponseCache(options)).toThrow(quoted)
  })
})

describe('defaults', () => {
  test('of a server', () => {
    expect(mountSettings({}, 'in')).toMatchObject({
      profile: {
        shared: true,
        policy: 'safe',
        targets: ['cdn-cache-control'],
        maxStale: 86_400_000,
        requestDirectives: { noCache: true, maxStale: false },
      },
      name: 'Breakwater',
      collapseTimeout: 5_000,
      refresh: 'behind',
      refreshTimeout: 30_000,
      guard: { mode: 'vary' },
    })
  })

  test('of a client', () => {
    expect(mountSettings({ type: 'private' }, 'out')).toMatchObject({
      profile: { shared: false, policy: 'rfc9111', requestDirectives: { maxStale: true } },
    })
  })

  test('requestDirectives: false obeys none', () => {
    expect(Object.values(mountSettings({ requestDirectives: false }, 'in').profile.requestDirectives)).toEqual(
      Array(6).fill(false),
    )
  })
})

describe('two rules', () => {
  test('make one: the inner wins, groups add up', () => {
    const merged = mergeRules({ ttl: 1, force: true, groups: ['a'] }, { ttl: 2, groups: () => ['b'] })
    expect(merged).toMatchObject({ ttl: 2, force: true })
    expect((merged.groups as (request: unknown) => string[])(undefined)).toEqual(['a', 'b'])
  })
})
