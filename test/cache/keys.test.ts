import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type KeyParts, primaryKey, remembered, variantKey } from '../../src/core/cache/key.ts'
import { normaliseSelecting } from '../../src/core/http/vary.ts'
import { holds } from '../http/holds.ts'
import { engine, exchange, fate, requestHead } from '../support/engine.ts'

/** Texts made of what keys are made of, so that a missing delimiter shows; some too long to stand in a key. */
const text = fc.oneof(
  fc
    .array(fc.constantFrom('a', 'b', ':', '#', '|', '-', '=', '1', '2', '0', ' ', 'key ', '/'), { maxLength: 8 })
    .map((parts) => parts.join('')),
  fc.integer({ min: 1020, max: 1030 }).map((length) => 'a'.repeat(length)),
)
const parts: fc.Arbitrary<KeyParts> = fc.record({
  direction: fc.constantFrom('in', 'out'),
  shared: fc.boolean(),
  partition: text,
  scheme: fc.constantFrom('http', 'https'),
  authority: text,
  target: text,
})
const name = fc.constantFrom('a', 'a-b', 'b', 'b-', 'cookie', 'accept-language', '1', '-')
const names = fc.uniqueArray(name, { maxLength: 4 }).map((list) => list.sort())
const fields = fc.dictionary(name, fc.oneof(text, fc.array(text, { minLength: 1, maxLength: 2 })))

describe('a primary key', () => {
  test('belongs to one resource only', () => {
    holds(
      fc.property(parts, parts, (one, other) => {
        expect(primaryKey(one) === primaryKey(other)).toBe(JSON.stringify(one) === JSON.stringify(other))
      }),
      { numRuns: 3_000 },
    )
  })

  test.each<keyof KeyParts>(['direction', 'shared', 'partition', 'scheme', 'authority', 'target'])(
    'tells %s apart',
    (part) => {
      holds(
        fc.property(parts, parts, (one, other) => {
          fc.pre(one[part] !== other[part])
          expect(primaryKey({ ...one, [part]: other[part] })).not.toBe(primaryKey(one))
        }),
      )
    },
  )

  test('is short, whatever the request', () => {
    expect(
      primaryKey({
        direction: 'in',
        shared: true,
        partition: 'p'.repeat(1e5),
        scheme: 'http',
        authority: 'a'.repeat(1e5),
        target: '/'.repeat(1e5),
      }).length,
    ).toBeLessThan(200)
  })

  test('made by a route’s own function is no target', () => {
    const { mount, responses } = engine({ key: () => 'x' })
    const { mount: plain } = engine()
    expect(responses).not.toBe(plain.responses)
    for (const target of ['x', 'key:x', '/key x']) {
      const head = { ...requestHead(), target }
      expect(plain.keyOf(head, head)).not.toBe(mount.keyOf(head, head))
    }
  })

  test('ignores the query where the route’s own function does', () => {
    const { mount } = engine({ key: (request: { target: string }) => request.target.split('?')[0]! })
    exchange(mount, { url: '/a?x' }, { headers: { 'cache-control': 'max-age=60' } })
    expect(fate(mount, { url: '/a?y' })).toBe('hit')
    expect(fate(mount, { url: '/b?x' })).toBe('miss')
  })

  test.each(['key', 'partition'])('cannot be made where %s returns no string; then the request passes by', (option) => {
    const { mount } = engine({ [option]: () => 5 })
    expect(exchange(mount, {}, { headers: { 'cache-control': 'max-age=60' } })).toMatchObject({
      kind: 'pass',
      cacheStatus: 'Breakwater; fwd=bypass',
    })
    expect(exchange(mount, { method: 'POST' }).kind).toBe('pass')
    expect(fate(mount)).toBe('miss')
  })

  test('parts what belongs to different people', () => {
    const { mount } = engine({ partition: (request: { fields: { user: string } }) => request.fields.user })
    exchange(mount, { headers: { user: 'a' } }, { headers: { 'cache-control': 'max-age=60' } })
    expect(fate(mount, { headers: { user: 'a' } })).toBe('hit')
    expect(fate(mount, { headers: { user: 'b' } })).toBe('miss')
  })
})

describe('a variant key', () => {
  const values = (list: readonly string[], of: Record<string, string | string[]>) =>
    JSON.stringify(
      list.map((one) => [one, normaliseSelecting(one, Object.hasOwn(of, one) ? of[one] : undefined) ?? null]),
    )

  test('belongs to one set of names and values only', () => {
    holds(
      fc.property(names, fields, names, fields, (namesOne, one, namesOther, other) => {
        const same = values(namesOne, one) === values(namesOther, other)
        expect(variantKey('p', namesOne, one) === variantKey('p', namesOther, other)).toBe(same)
      }),
      { numRuns: 3_000 },
    )
  })

  test.each<[readonly string[], Record<string, string>, readonly string[], Record<string, string>]>([
    [['a', 'b'], { b: 'x' }, ['a-b'], { 'a-b': 'x' }],
    [['a'], {}, ['a'], { a: '' }],
    [['a'], { a: 'x'.repeat(2000) }, ['a'], { a: `#:${'x'.repeat(43)}` }],
  ])('of %o %o is not that of %o %o', (namesOne, one, namesOther, other) => {
    expect(variantKey('p', namesOne, one)).not.toBe(variantKey('p', namesOther, other))
  })

  test('is no primary key', () => {
    holds(
      fc.property(parts, parts, names, fields, (one, other, list, of) => {
        expect(variantKey(primaryKey(one), list, of)).not.toBe(primaryKey(other))
      }),
    )
  })
})

describe('a key that is remembered beside the store', () => {
  test('is short, and still its own', () => {
    const long = ['a', 'b'].map((end) => remembered(`ins0:4:http${'x'.repeat(3000)}${end}`))
    expect(long.every((key) => key.length <= 256)).toBe(true)
    expect(new Set(long).size).toBe(2)
    expect(remembered('ins0:4:http1:a1:/')).toBe('ins0:4:http1:a1:/')
  })
})
