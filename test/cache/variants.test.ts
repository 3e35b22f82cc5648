import { describe, expect, test } from 'vitest'
import { memoryStore } from '../../src/core/store/memory.ts'
import type { Store } from '../../src/core/store/store.ts'
import { type Asked, ask, content, engine, exchange, fate, replyOf } from '../support/engine.ts'

const fresh = { 'cache-control': 'max-age=60' }
const varying = (vary: string) => ({ headers: { ...fresh, vary } })
const speaking = (language: string): Asked => ({ headers: { 'accept-language': language } })

describe('an answer with Vary (RFC 9111 section 4.1)', () => {
  test('is served to the same values only', async () => {
    const { mount } = engine()
    for (const language of ['de', 'en', 'fr']) {
      exchange(mount, speaking(language), { ...varying('Accept-Language'), body: language })
    }
    for (const language of ['de', 'en', 'fr']) {
      expect(await content(replyOf(ask(mount, speaking(language))))).toBe(language)
    }
    expect(fate(mount, speaking('it'))).toBe('miss')
  })

  test.each([
    ['another value', { 'x-a': '2' }],
    ['an absent one', {}],
    ['an empty one', { 'x-a': '' }],
    ['another case', { 'x-a': 'ONE' }],
    ['one more line', { 'x-a': ['one', 'one'] }],
  ])('is not served for %s', (_, headers) => {
    const { mount } = engine()
    exchange(mount, { headers: { 'x-a': 'one' } }, varying('x-a'))
    expect(fate(mount, { headers })).toBe('miss')
  })

  test('recorded without the field is served only without it', () => {
    const { mount } = engine()
    exchange(mount, {}, varying('x-a'))
    expect(fate(mount)).toBe('hit')
    expect(fate(mount, { headers: { 'x-a': '' } })).toBe('miss')
  })

  test.each([
    ['accept-encoding', 'gzip, br', 'br,gzip'],
    ['accept-language', 'en;q=0.5, de', 'de, en;q=0.5'],
    ['x-a', 'a, b', 'a,b'],
  ])('knows %s: %s as %s', (name, one, other) => {
    const { mount } = engine()
    exchange(mount, { headers: { [name]: one } }, varying(name))
    expect(fate(mount, { headers: { [name]: other } })).toBe('hit')
  })

  test('may change the fields it varies by; the newest that matches is served', async () => {
    const { mount, clock } = engine()
    exchange(mount, { headers: { 'x-a': '1', 'x-b': '1' } }, { ...varying('x-a'), body: 'by a' })
    clock.pass(1)
    exchange(mount, { headers: { 'x-a': '2', 'x-b': '1' } }, { ...varying('x-b'), body: 'by b' })
    expect(await content(replyOf(ask(mount, { headers: { 'x-a': '1', 'x-b': '1' } })))).toBe('by b')
    expect(await content(replyOf(ask(mount, { headers: { 'x-a': '1', 'x-b': '2' } })))).toBe('by a')
  })

  test('that is of a language is served to those who like it best, in rfc9111 only', () => {
    for (const [policy, kind] of [
      ['rfc9111', 'hit'],
      ['safe', 'miss'],
    ] as const) {
      const { mount } = engine({ policy })
      exchange(mount, speaking('de'), { headers: { ...fresh, vary: 'accept-language', 'content-language': 'de' } })
      expect(fate(mount, speaking('de, en;q=0.5'))).toBe(kind)
      expect(fate(mount, speaking('en, de;q=0.5'))).toBe('miss')
    }
  })

  test('varies by the fields of the mount as well', () => {
    const { mount } = engine({ vary: ['X-Tenant'] })
    exchange(mount, { headers: { 'x-tenant': 'a' } }, { headers: fresh })
    expect(fate(mount, { headers: { 'x-tenant': 'a' } })).toBe('hit')
    expect(fate(mount, { headers: { 'x-tenant': 'b' } })).toBe('miss')
    expect(fate(mount)).toBe('miss')
  })

  test.each(['constructor', '__proto__', 'hasOwnProperty'])('varies by a field named %s', (name) => {
    const { mount } = engine()
    exchange(mount, {}, varying(name))
    expect(fate(mount)).toBe('hit')
    const headers = Object.defineProperty({}, name.toLowerCase(), { value: 'x', enumerable: true })
    expect(fate(mount, { headers })).toBe('miss')
  })

  test('keeps 64 variants; the oldest goes', () => {
    const { mount } = engine()
    for (let i = 0; i < 65; i++) exchange(mount, { headers: { 'x-a': String(i) } }, varying('x-a'))
    expect(fate(mount, { headers: { 'x-a': '0' } })).toBe('miss')
    for (const i of [1, 32, 64]) expect(fate(mount, { headers: { 'x-a': String(i) } })).toBe('hit')
  })

  test.each(['cookie', 'authorization'])('keeps %s nowhere but as a digest', (name) => {
    const kept: string[] = []
    const inner = memoryStore()
    const store: Store = {
      ...inner,
      name: 'watched',
      near: true,
      maxEntrySize: inner.maxEntrySize,
      get: (key) => inner.get(key),
      set: (key, item, lifetime) => {
        kept.push(key, JSON.stringify(item.meta))
        inner.set(key, item, lifetime)
      },
      delete: (key) => inner.delete(key),
      clear: () => inner.clear(),
      reserve: (bytes) => inner.reserve(bytes),
      release: (bytes) => inner.release(bytes),
    }
    const { mount } = engine({}, 'in', store)
    const asked = { headers: { [name]: 'top-secret' } }
    exchange(mount, asked, { headers: { 'cache-control': 'public, max-age=60', vary: name } })
    expect(fate(mount, asked)).toBe('hit')
    expect(fate(mount, { headers: { [name]: 'other' } })).toBe('miss')
    expect(kept.length).toBeGreaterThan(0)
    expect(kept.join()).not.toContain('top-secret')
  })

  test('that has fallen out of its index is not served any more', () => {
    const { mount } = engine()
    exchange(mount, speaking('en'), varying('accept-language'))
    exchange(mount, speaking('de'), { headers: fresh })
    expect(fate(mount, speaking('en'))).toBe('hit')
    exchange(mount, { method: 'POST' })
    exchange(mount, speaking('fr'), varying('accept-language'))
    expect(fate(mount, speaking('en'))).toBe('miss')
    expect(fate(mount, speaking('fr'))).toBe('hit')
  })

  test.each([
    ['uri-miss', '/other'],
    ['vary-miss', '/'],
  ])('Cache-Status says %s', (reason, url) => {
    const { mount } = engine()
    exchange(mount, { ...speaking('en'), url: '/' }, varying('accept-language'))
    const outcome = exchange(mount, { ...speaking('de'), url }, {})
    expect(outcome).toMatchObject({ cacheStatus: `Breakwater; fwd=${reason}; detail=no-freshness` })
  })
})
