import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { CacheOptions } from '../../src/core/cache/options.ts'
import { answer, ask, engine, exchange, exchangeOf, fate } from '../support/engine.ts'

const fresh = { headers: { 'cache-control': 'max-age=60' } }
const broken = (): never => {
  throw new Error('not today')
}
const faults: unknown[] = []
const note = (message: unknown): void => {
  faults.push((message as { error: unknown }).error)
}

beforeEach(() => {
  faults.length = 0
  subscribe('breakwater:cache:fault', note)
})
afterEach(() => {
  unsubscribe('breakwater:cache:fault', note)
})

describe('a function of the options that throws costs the caching, not the request', () => {
  test.each<[string, CacheOptions]>([
    ['key', { key: broken }],
    ['partition', { partition: broken }],
    ['key that returns no string', { key: (() => 42) as never }],
  ])('%s: the request passes by', (_, options) => {
    const { mount } = engine(options)
    expect(exchange(mount, {}, fresh)).toEqual({ kind: 'pass', cacheStatus: 'Breakwater; fwd=bypass' })
    expect(fate(mount)).toBe('miss')
    expect(faults.length).toBeGreaterThan(0)
  })

  test.each<[string, CacheOptions]>([
    ['groups', { groups: broken }],
    ['shouldCache', { shouldCache: broken }],
  ])('%s: the answer is not stored', (_, options) => {
    const { mount } = engine(options)
    expect(exchange(mount, {}, fresh)).toMatchObject({
      kind: 'pass',
      cacheStatus: expect.stringContaining('detail=rule-failed'),
    })
    expect(fate(mount)).toBe('miss')
    expect(faults).toHaveLength(1)
  })

  test('key: an unsafe request is answered all the same', () => {
    const { mount } = engine({ key: broken })
    expect(answer(exchangeOf(ask(mount, { method: 'PUT' })), { status: 204 }).kind).toBe('pass')
    expect(faults).toHaveLength(1)
  })
})

describe('ttl is for answers that may be anybody’s', () => {
  test.each([200, 203, 204, 301, 404, 410])('%i is stored', (status) => {
    expect(exchange(engine({ ttl: 1000 }).mount, {}, { status }).kind).toBe('record')
  })

  test.each([201, 302, 304, 401, 403, 408, 429, 451, 500, 503])('%i is not', (status) => {
    expect(exchange(engine({ ttl: 1000 }).mount, {}, { status }).kind).toBe('pass')
  })
})
