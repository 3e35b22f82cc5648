import { randomBytes } from 'node:crypto'
import { CursorError, type CursorOptions, CursorSigner, type CursorValue } from 'breakwater'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { holds } from '../http/holds.ts'
import { ManualClock } from '../support/engine.ts'
import { signer } from './subjects.ts'

const hour = 3600
const values = fc.array(
  fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0),
    fc.bigInt(),
    fc.boolean(),
    fc.constant(null),
  ),
  { maxLength: 5 },
)

/** Why a cursor is refused; undefined if it is not. */
function refusal(cursors: CursorSigner, cursor: string, scope = ''): string | undefined {
  try {
    cursors.open(cursor, scope)
    return undefined
  } catch (error) {
    expect(error).toBeInstanceOf(CursorError)
    expect(error).toMatchObject({ status: 400, code: 'ERR_BREAKWATER_CURSOR', expose: true })
    return (error as CursorError).reason
  }
}

describe('a cursor', () => {
  test('gives back what it was made of, for any values and scopes', () => {
    const cursors = signer()
    holds(
      fc.property(values, fc.string({ unit: 'binary' }), (given, scope) => {
        const cursor = cursors.sign(given, scope)
        expect(cursor).toMatch(/^[\w-]+$/)
        expect(cursors.open(cursor, scope)).toEqual(given)
      }),
    )
  })

  test('with any bit flipped is refused', () => {
    const cursors = signer()
    const bytes = Buffer.from(cursors.sign(['a', 12, 'b'], '/books'), 'base64url')
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const forged = Buffer.from(bytes)
      forged[bit >> 3]! ^= 1 << (bit & 7)
      expect([bit, refusal(cursors, forged.toString('base64url'), '/books')]).toEqual([bit, 'invalid'])
    }
  })

  test('with any character changed, added or taken away is refused', () => {
    const cursors = signer()
    const cursor = cursors.sign([12], '')
    for (let at = 0; at <= cursor.length; at++) {
      for (const character of 'A_b-9+/=. ') {
        const changed = cursor.slice(0, at) + character + cursor.slice(at + 1)
        if (changed !== cursor) expect(refusal(cursors, changed)).toBe('invalid')
        expect(refusal(cursors, cursor.slice(0, at) + character + cursor.slice(at))).toBe('invalid')
      }
      if (at < cursor.length) expect(refusal(cursors, cursor.slice(0, at))).toBe('invalid')
    }
  })

  test('that nobody made is refused, whatever it is', () => {
    const cursors = signer()
    const texts = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes).toString('base64url')),
      fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from([1, 1, 97, ...bytes]).toString('base64url')),
    )
    holds(fc.property(texts, (text) => void expect(refusal(cursors, text)).toBe('invalid')))
    expect(refusal(cursors, 'A'.repeat(1_000_000))).toBe('invalid')
  })

  test('is good for its own scope only', () => {
    const cursors = signer()
    holds(
      fc.property(values, fc.string(), fc.string(), (given, scope, other) => {
        fc.pre(scope !== other)
        expect(refusal(cursors, cursors.sign(given, scope), other)).toBe('invalid')
      }),
    )
  })

  test('ends after its lifetime, and within a 24th of it', () => {
    const clock = new ManualClock()
    clock.pass(1234)
    const cursors = signer(clock)
    const cursor = cursors.sign([1], '')
    clock.pass(24 * hour - 1)
    expect(refusal(cursors, cursor)).toBeUndefined()
    clock.pass(hour + 1)
    expect(refusal(cursors, cursor)).toBe('expired')
  })

  test('is the same for a 24th of its lifetime, so that links and entity tags are', () => {
    const clock = new ManualClock()
    clock.pass(1)
    const cursors = signer(clock)
    const cursor = cursors.sign([1], '')
    clock.pass(hour - 1)
    expect(cursors.sign([1], '')).toBe(cursor)
    clock.pass(1)
    expect(cursors.sign([1], '')).not.toBe(cursor)
  })

  test('an expired one that was forged is forged', () => {
    const clock = new ManualClock()
    const cursors = signer(clock)
    const cursor = cursors.sign([1], 'here')
    clock.pass(48 * hour)
    expect(refusal(cursors, cursor, 'there')).toBe('invalid')
  })

  test.each<[unknown]>([[Number.NaN], [Infinity], [undefined], [new Date(0)], [{}], [['1']]])(
    'cannot hold %o',
    (value) => {
      expect(() => signer().sign([value as CursorValue], '')).toThrow(/A cursor holds strings, .*give a date as text/)
    },
  )

  test('that would be too long to be taken back is not made', () => {
    expect(() => signer().sign(['x'.repeat(1600)], '')).toThrow(/at most 2048 characters/)
    const cursors = signer()
    expect(cursors.open(cursors.sign(['x'.repeat(1400)], ''), '')).toEqual(['x'.repeat(1400)])
  })
})

describe('keys', () => {
  const [old, young] = [
    { id: 'old', secret: randomBytes(32) },
    { id: 'young', secret: randomBytes(32).toString('base64') },
  ] as const
  const of = (...keys: CursorOptions['keys'][number][]) => new CursorSigner({ keys })

  test('rotate: all are good for reading, the first one signs', () => {
    const before = of(old)
    const during = of(young, old)
    const after = of(young)
    const cursor = before.sign([1], '')
    expect(during.open(cursor, '')).toEqual([1])
    expect(after.open(during.sign([2], ''), '')).toEqual([2])
    expect(refusal(after, cursor)).toBe('invalid')
    expect(of(old, young).open(during.sign([3], ''), '')).toEqual([3])
  })

  test('of the same id with another secret open nothing', () => {
    expect(refusal(of({ ...old, secret: randomBytes(32) }), of(old).sign([1], ''))).toBe('invalid')
  })

  test('with the id changed in the cursor open nothing', () => {
    const [a, b] = [
      { id: 'a', secret: randomBytes(32) },
      { id: 'b', secret: randomBytes(32) },
    ]
    const bytes = Buffer.from(of(a).sign([1], ''), 'base64url')
    bytes[2] = 98
    expect(refusal(of(a, b), bytes.toString('base64url'))).toBe('invalid')
  })

  test('are not those of encrypted() with the same secret: secrets never show', () => {
    const secret = 'not 32 bytes'
    expect(() => of({ id: 'a', secret })).toThrow(/32 random bytes/)
    try {
      of({ id: 'a', secret })
    } catch (error) {
      expect(String((error as Error).stack)).not.toContain(secret)
    }
  })

  test.each<[unknown, RegExp]>([
    [undefined, /keys must be an array of at least one/],
    [{}, /keys must be an array of at least one/],
    [{ keys: [] }, /the first one signs, all are good for reading/],
    [{ keys: [old, old] }, /ids that differ/],
    [{ keys: [{ id: '', secret: old.secret }] }, /keys\[0\].id must be/],
    [{ keys: [old], lifetime: 0 }, /lifetime must be a number from 1000 to 2073600000, not 0/],
    // Seconds, as it seems.
    [{ keys: [old], lifetime: 600 }, /lifetime must be a number from 1000/],
    [{ keys: [old], lifetime: Infinity }, /lifetime must be a number from 1000/],
    [{ keys: [old], clock: {} }, /clock must have/],
    [{ keys: [old], ttl: 1 }, /no option 'ttl'/],
  ])('%o is refused', (options, message) => {
    expect(() => new CursorSigner(options as CursorOptions)).toThrow(message)
  })
})
