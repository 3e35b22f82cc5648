import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { primaryKey } from '../../src/core/cache/key.ts'
import { KnownKeys } from '../../src/core/cache/known-keys.ts'
import type { RequestHead } from '../../src/core/http/message.ts'
import { holds } from '../http/holds.ts'
import { requestHead } from '../support/engine.ts'

const few = fc.constantFrom('a', 'b', 'a:')
const head = fc
  .record({ target: few, scheme: fc.constantFrom('http', 'https'), authority: few, realm: fc.option(few) })
  .map(({ realm, ...parts }) => ({ ...requestHead(), ...parts, realm: realm ?? undefined }))

function keyOf({ target, scheme, authority, realm }: RequestHead): string {
  return primaryKey({ direction: 'in', shared: true, partition: '', target, scheme, authority, realm })
}

describe('keys that are known from hits before', () => {
  test('are those that the request would get anew', () => {
    holds(
      fc.property(fc.array(head), head, (before, request) => {
        const known = new KnownKeys()
        for (const each of before) known.keep(each, keyOf(each))
        expect([undefined, keyOf(request)]).toContain(known.find(request))
        known.keep(request, keyOf(request))
        expect(known.find(request)).toBe(keyOf(request))
      }),
    )
  })

  test('are few, however many there were', () => {
    const known = new KnownKeys()
    const heads = Array.from({ length: 5_000 }, (_, i) => requestHead({ url: `/${i}` }))
    for (const each of heads) known.keep(each, keyOf(each))
    expect(heads.filter((each) => known.find(each) !== undefined).length).toBeLessThanOrEqual(1024)
  })

  test('are short ones', () => {
    const known = new KnownKeys()
    const long = requestHead({ url: `/${'x'.repeat(600)}` })
    known.keep(long, keyOf(long))
    expect(known.find(long)).toBeUndefined()
  })
})
