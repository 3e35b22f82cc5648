import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CODINGS, type Coding } from '../../src/core/compression/coding.ts'
import { type Negotiation, negotiate, negotiator } from '../../src/core/compression/negotiate.ts'
import { combined } from '../../src/core/http/message.ts'
import { normaliseSelecting } from '../../src/core/http/vary.ts'
import { anyLine } from '../http/arbitraries.ts'
import { holds } from '../http/holds.ts'

/** What is taken: a coding, or `only` that one because the identity is refused; the identity; nothing is acceptable. */
type Outcome = Coding | `only ${Coding}` | 'identity' | 'nothing'

function outcomeOf({ coding, identity }: Negotiation): Outcome {
  if (identity === 'preferred') return 'identity'
  if (identity === 'refused') return coding === undefined ? 'nothing' : `only ${coding}`
  return coding as Coding
}

function choose(value: string, order: readonly Coding[] = CODINGS): Outcome {
  return outcomeOf(negotiate(value, order))
}

describe('RFC 9110 section 12.5.3: Accept-Encoding', () => {
  test.each<[rule: string, value: string, expected: Outcome]>([
    ['a coding that is listed is acceptable', 'gzip', 'gzip'],
    ['a coding that is not listed is not', 'compress', 'identity'],
    ['of equals the server takes the one it likes best', 'deflate, gzip, br, zstd', 'zstd'],
    ['of equals the server takes the one it likes best', 'gzip, deflate, br', 'br'],
    ['an empty value wants no coding', '', 'identity'],
    ['so does one of whitespace', ' \t ', 'identity'],
    ['empty members are no members', ', ,\t, gzip ,,', 'gzip'],
    ['nor are empty members alone', ',,,', 'identity'],
    ['codings are case-insensitive', 'GZip', 'gzip'],
    ['codings are case-insensitive', 'BR;q=1, ZSTD;q=0.5', 'br'],
    ['x-gzip is gzip', 'x-gzip', 'gzip'],
    ['x-gzip is gzip in any case', 'X-GZIP;q=0.5', 'gzip'],
    ['x-gzip is gzip for * as well', 'x-gzip;q=0, *', 'zstd'],
    ['other codings have no other names', 'x-deflate, x-br, brotli, zstandard', 'identity'],
    ['unknown codings are passed over', 'exi, aes128gcm, dcz, gzip;q=0.1', 'gzip'],

    ['the identity is acceptable without being listed', 'gzip;q=0', 'identity'],
    ['the identity comes last without being listed', 'gzip;q=0.001', 'gzip'],
    ['identity;q=0 refuses it', 'identity;q=0', 'nothing'],
    ['identity;q=0 refuses it', 'gzip, identity;q=0', 'only gzip'],
    ['*;q=0 refuses it', '*;q=0', 'nothing'],
    ['*;q=0 refuses it', 'gzip, *;q=0', 'only gzip'],
    ['*;q=0 does not refuse it where it is listed', 'identity, *;q=0', 'identity'],
    ['*;q=0 does not refuse it where it is listed', 'identity;q=0.1, gzip, *;q=0', 'gzip'],
    ['* does not make it acceptable where it is refused', 'identity;q=0, *', 'only zstd'],
    ['identity in any case', 'IDENTITY;q=0', 'nothing'],

    ['* stands for every coding', '*', 'zstd'],
    ['* stands for those that are not listed only', 'zstd;q=0, *', 'br'],
    ['* stands for those that are not listed only', 'gzip;q=0, br;q=0.1, zstd;q=0, *', 'deflate'],
    ['* stands for those that are not listed only', 'zstd;q=0.2, br;q=0.3, gzip;q=0.9, *;q=0.5', 'gzip'],
    ['* may stand before what it does not stand for', '*, zstd;q=0', 'br'],
    ['* may weigh less than a coding that is listed', '*;q=0.5, deflate', 'deflate'],
    ['* stands for the identity too', 'zstd;q=0.1, br;q=0.1, gzip;q=0.1, deflate;q=0.1, *;q=0.5', 'identity'],
    ['* with a coding of the same weight', 'gzip;q=0.5, *;q=0.5', 'zstd'],
  ])('%s: %j', (_, value, expected) => {
    expect(choose(value)).toBe(expected)
  })

  test.each<[rule: string, value: string, expected: Outcome]>([
    ['what is preferred to all is taken', 'identity, gzip;q=0.5', 'identity'],
    ['what is preferred to all is taken', 'identity;q=0.002, gzip;q=0.001', 'identity'],
    ['between equals a coding is taken', 'identity, gzip', 'gzip'],
    ['between equals a coding is taken', 'identity;q=0.5, *;q=0.5', 'zstd'],
    ['what is refused is never preferred', 'identity;q=0, gzip;q=0.001', 'only gzip'],
  ])('the identity: %s: %j', (_, value, expected) => {
    expect(choose(value)).toBe(expected)
  })
})

describe('RFC 9110 section 12.4.2: weights', () => {
  test.each<[rule: string, value: string, expected: Outcome]>([
    ['the highest is taken', 'zstd;q=0.5, gzip;q=0.9, br;q=0.8', 'gzip'],
    ['none is 1', 'zstd;q=0.999, gzip', 'gzip'],
    ['0 refuses', 'zstd;q=0, gzip;q=0.1', 'gzip'],
    ['0. refuses', 'gzip;q=0.', 'identity'],
    ['0.0, 0.00 and 0.000 refuse', 'gzip;q=0.0, br;q=0.00, zstd;q=0.000', 'identity'],
    ['three decimals count', 'zstd;q=0.998, gzip;q=0.999', 'gzip'],
    ['0.001 is not 0', 'gzip;q=0.001', 'gzip'],
    ['1., 1.0, 1.00 and 1.000 are 1', 'deflate;q=1., gzip;q=1.0, br;q=1.00, zstd;q=1.000', 'zstd'],
    ['Q is q', 'zstd;Q=0.1, gzip;Q=0.2', 'gzip'],
    ['whitespace around ; says nothing', 'zstd \t; \tq=0.1\t , gzip ;q=0.2', 'gzip'],
    ['whitespace around = is let pass', 'zstd;q = 0, gzip', 'gzip'],
  ])('%s: %j', (_, value, expected) => {
    expect(choose(value)).toBe(expected)
  })

  test.each([
    '2',
    '1.1',
    '1.001',
    '1.0000',
    '0.1234',
    '0.0000',
    '-1',
    '+1',
    '.5',
    '00',
    '01',
    '1e0',
    '0x1',
    'NaN',
    'Infinity',
    'high',
    '',
    '"1"',
    '"0.5"',
    "'1'",
    '0.5 0.5',
    '1;',
    '٠',
    '０',
  ])('a member with the malformed weight %j is not there', (weight) => {
    expect(choose(`zstd;q=${weight}, gzip;q=0.1`)).toBe('gzip')
    expect(choose(`identity;q=${weight}, gzip;q=0.1`)).toBe('gzip')
    expect(choose(`zstd;q=${weight}, *;q=0.1`)).toBe('zstd')
  })
})

describe('what is no member', () => {
  test.each<[rule: string, value: string, expected: Outcome]>([
    ['a coding with a parameter', 'zstd;level=3, gzip', 'gzip'],
    ['a coding with a parameter and a weight', 'zstd;level=3;q=1, br;q=1;level=3, gzip;q=0.1', 'gzip'],
    ['a coding with an empty parameter', 'zstd;, gzip', 'gzip'],
    ['a weight without a coding', ';q=1, gzip;q=0.1', 'gzip'],
    ['a weight without =', 'zstd;q, gzip', 'gzip'],
    ['a coding with whitespace in it', 'gz ip', 'identity'],
    ['two codings without a comma', 'gzip br', 'identity'],
    ['codings separated by ;', 'gzip;br', 'identity'],
    ['a coding in quotes', '"gzip"', 'identity'],
    ['a comma in quotes', '"a, zstd, b", gzip', 'gzip'],
    ['what follows an open quote', 'gzip, "a, zstd', 'gzip'],
    ['an escaped quote in quotes', '"\\", zstd, \\"", gzip', 'gzip'],
    ['whitespace that is none in HTTP', '\u00a0zstd, \u2003br, gzip', 'gzip'],
    ['names of every object', '__proto__, constructor, toString;q=0, gzip', 'gzip'],
    ['** and *x', '**, *x, gzip', 'gzip'],
  ])('%s: %j', (_, value, expected) => {
    expect(choose(value)).toBe(expected)
  })
})

describe('several members for one coding, and several lines', () => {
  test.each<[string, Outcome]>([
    ['gzip;q=0.2, gzip;q=0.9, br;q=0.5', 'gzip'],
    ['gzip;q=0, gzip', 'gzip'],
    ['gzip, gzip;q=0', 'gzip'],
    ['x-gzip;q=0, gzip;q=0.5', 'gzip'],
    ['*;q=0, *;q=0.1', 'zstd'],
    ['identity;q=0, identity;q=0.1', 'identity'],
    ['gzip;q=high, gzip;q=0', 'identity'],
  ])('the highest weight counts: %j', (value, expected) => {
    expect(choose(value)).toBe(expected)
  })

  test.each<[string[], Outcome]>([
    [['gzip', 'br'], 'br'],
    [['gzip;q=0', '*;q=0.1', 'zstd;q=0'], 'br'],
    [['', 'gzip'], 'gzip'],
    [['', ''], 'identity'],
    [['identity;q=0', '*;q=0'], 'nothing'],
  ])('lines %j are one list', (lines, expected) => {
    expect(choose(combined(lines) ?? '')).toBe(expected)
  })
})

describe('the order of the server', () => {
  test.each<[Coding[], string, Outcome]>([
    [['gzip', 'zstd'], 'zstd, gzip', 'gzip'],
    [['gzip', 'zstd'], 'zstd, gzip;q=0.999', 'zstd'],
    [['gzip'], 'br, zstd', 'identity'],
    [['gzip'], 'gzip;q=0.2, *;q=0.5', 'identity'],
    [['gzip'], 'br, identity;q=0', 'nothing'],
    [[], '*', 'identity'],
    [[], '*, identity;q=0', 'nothing'],
  ])('with %j, %j', (order, value, expected) => {
    expect(choose(value, order)).toBe(expected)
  })
})

// What a request says, by a list of everything that may be written behind a coding.

/** Thousandths by how they are written. */
const written = new Map<string, number>([['', 1000]])
for (let thousandths = 0; thousandths <= 1000; thousandths++) {
  const decimals = (thousandths / 1000).toFixed(3)
  for (const digits of [3, 2, 1, 0]) {
    const text = decimals.slice(0, 2 + digits)
    if (Number(text) === thousandths / 1000) written.set(`;q=${text}`, thousandths)
  }
}
written.set(';q=0', 0).set(';q=1', 1000)

function slowly(value: string, order: readonly Coding[]): Outcome {
  const members = value
    .split(',')
    .map((text) => text.replace(/[ \t]/g, (space, at) => (isInside(text, at) ? space : '')))
  const weighs = (name: string): number[] =>
    members.flatMap((text) => {
      const lower = text.toLowerCase()
      return lower.startsWith(name) ? (written.get(lower.slice(name.length)) ?? []) : []
    })
  const weightOf = (...names: string[]): number | undefined => {
    const own = names.flatMap(weighs)
    const all = own.length > 0 ? own : weighs('*')
    return all.length > 0 ? Math.max(...all) : undefined
  }
  const weighed = order.map((coding) => ({
    coding,
    weight: (coding === 'gzip' ? weightOf('gzip', 'x-gzip') : weightOf(coding)) ?? 0,
  }))
  const highest = Math.max(0, ...weighed.map(({ weight }) => weight))
  const best = weighed.find(({ weight }) => weight > 0 && weight === highest)?.coding
  const identity = weightOf('identity')
  if (identity === 0) return best === undefined ? 'nothing' : `only ${best}`
  return best === undefined || (identity !== undefined && identity > highest) ? 'identity' : best
}

/** Whether whitespace stands between two characters of one word. */
function isInside(text: string, at: number): boolean {
  const before = text.slice(0, at).trimEnd().at(-1)
  const behind = text.slice(at).trimStart().at(0)
  return before !== undefined && before !== ';' && behind !== undefined && behind !== ';'
}

const name = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...CODINGS, 'identity', '*') },
  { weight: 1, arbitrary: fc.constantFrom('x-gzip', 'compress', 'x-compress', 'gzipp', 'exi', 'gz ip', '') },
)
const anyCase = fc
  .tuple(name, fc.boolean(), fc.nat(8))
  .map(([text, isUpper, at]) => (isUpper ? text.slice(0, at) + text.slice(at).toUpperCase() : text))
const space = fc.constantFrom('', '', '', ' ', '\t', '  \t')
const weight = fc.oneof(
  { weight: 2, arbitrary: fc.constant(undefined) },
  { weight: 2, arbitrary: fc.constantFrom('0', '0.', '0.0', '0.000', '1', '1.', '1.0', '1.000') },
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 10 }).map((tenths) => (tenths / 10).toFixed(1)) },
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 999 }).map((digits) => `0.${String(digits).padStart(3, '0')}`) },
  { weight: 1, arbitrary: fc.constantFrom('2', '1.001', '0.1234', '.5', '-0', 'x', '', '1.0000', '0.5x', '0.5;a=b') },
)
const member = fc
  .tuple(anyCase, weight, space, space, space, fc.constantFrom('q', 'q', 'q', 'Q', 'qq', 'level'))
  .map(([coding, q, before, between, behind, key]) =>
    q === undefined ? `${before}${coding}${behind}` : `${before}${coding}${between};${behind}${key}=${q}${between}`,
  )
const members = fc.array(member, { maxLength: 8 })
const order = fc.shuffledSubarray([...CODINGS])

describe('for any members', () => {
  test('it says what a slow and obvious reading says', () => {
    holds(
      fc.property(members, order, (list, codings) => {
        const value = list.join(',')
        expect(choose(value, codings)).toBe(slowly(value, codings))
      }),
      { numRuns: 2000 },
    )
  })

  test('their order says nothing', () => {
    const shuffled = fc
      .array(member, { maxLength: 6 })
      .chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })))
    holds(
      fc.property(shuffled, order, ([list, other], codings) => {
        expect(choose(other.join(), codings)).toBe(choose(list.join(), codings))
      }),
      { numRuns: 2000 },
    )
  })

  test('requests that select the same stored response are answered in the same coding', () => {
    holds(
      fc.property(members, order, (list, codings) => {
        const value = list.join()
        expect(choose(normaliseSelecting('accept-encoding', value) ?? '', codings)).toBe(choose(value, codings))
      }),
      { numRuns: 2000 },
    )
  })
})

describe('for anything at all', () => {
  test('it never throws, and gives a coding of the server or none', () => {
    holds(
      fc.property(anyLine, order, (value, codings) => {
        const { coding, identity } = negotiate(value, codings)
        expect(coding === undefined || codings.includes(coding)).toBe(true)
        expect(['preferred', 'acceptable', 'refused']).toContain(identity)
        if (coding === undefined) expect(identity).not.toBe('acceptable')
      }),
      { numRuns: 2000 },
    )
  })

  test('what a negotiator remembers is what it read', () => {
    const ask = negotiator(CODINGS)
    holds(
      fc.property(fc.oneof(anyLine, members.map(String)), (value) => {
        expect(ask(value)).toEqual(negotiate(value, CODINGS))
        expect(ask(value)).toEqual(negotiate(value, CODINGS))
      }),
      { numRuns: 1000 },
    )
  })

  test('what comes after the first 1,024 characters is not read, nor half a member before it', () => {
    const until = (length: number): string => 'x,'.repeat(length / 2)
    expect(choose(`gzip;q=0.5,${until(900)}br`)).toBe('br')
    expect(choose(`gzip;q=0.5,${until(1_100)}br`)).toBe('gzip')
    const padded = (length: number): string => 'gzip;q=0.5,br;q=0.9'.padStart(length, ',')
    expect(choose(padded(1_024))).toBe('br')
    expect(choose(padded(1_025))).toBe('gzip')
    expect(choose(`gzip${' '.repeat(2_000)};q=1`)).toBe('identity')
  })

  test.each([
    ['commas', ','],
    ['semicolons', ';'],
    ['codings', 'gzip,'],
    ['weights', ';q=0.1'],
    ['members', 'br;q=0.001,'],
    ['zeros', '0'],
    ['spaces', ' '],
    ['spaces before nothing', ' \t,'],
    ['quotes', '"'],
    ['quoted texts', '"a,",'],
    ['open quotes', '",'],
    ['backslashes in quotes', '"\\'],
    ['equals signs', '='],
    ['stars', '*,'],
  ])('512 KiB of %s are read in linear time', (_, text) => {
    const value = text.repeat((512 * 1024) / text.length)
    const start = performance.now()
    expect(choose(`zstd;q=0.5,${value}`)).toMatch(/^(zstd|gzip|br|identity|nothing)$/)
    expect(choose(`gzip;q=${value}`)).toMatch(/^(zstd|gzip|br|identity|nothing)$/)
    // A quadratic reading takes minutes.
    expect(performance.now() - start).toBeLessThan(2_000)
  })
})
