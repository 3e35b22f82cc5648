import { describe, expect, test } from 'vitest'
import { acceptedType } from '../../src/core/http/accept.ts'
import { prefersAsync } from '../../src/core/http/prefer.ts'
import { parsePreferences } from '../../src/core/http/preferences.ts'
import { languageMatches, normaliseSelecting } from '../../src/core/http/vary.ts'

const choices = (list: string): string[] => parsePreferences(list).map(({ choice }) => choice)
/** A list that ends with `end` at this length. */
const padded = (end: string, length: number): string => end.padStart(length, ',')

describe('of a field with members and weights', () => {
  test('the first 1,024 characters are read', () => {
    expect(choices(padded('a,b', 1_024))).toEqual(['a', 'b'])
    expect(choices(padded('a,b', 1_025))).toEqual(['a'])
    expect(choices(`${padded('a,b', 1_024)},c`)).toEqual(['a', 'b'])
  })

  test('half a member is none', () => {
    expect(choices(`a,b;q=0.5${' '.repeat(1_024)},c`)).toEqual(['a'])
    expect(choices('a'.repeat(1_025))).toEqual([])
  })

  test('a comma in quotes ends no member: what its weight is, stands behind it', () => {
    expect(choices(`a,b;x="${','.repeat(1_020)}";q=0.1,c`)).toEqual(['a'])
    expect(choices(`a,b;x="${','.repeat(1_016)}",c`)).toEqual(['a', `b;x="${','.repeat(1_016)}"`])
  })

  test.each([',', 'a,', '";",', ';', '*;q=0.1,'])('no more than 1,024 members come of megabytes of %j', (text) => {
    expect(parsePreferences(text.repeat(1024 * 1024)).length).toBeLessThanOrEqual(1_024)
  })
})

describe('a field that is not read to its end', () => {
  const filler = 'x,'.repeat(600)

  test('is still another one for the cache than what it begins with, and than what it would be without whitespace', () => {
    for (const name of ['accept', 'accept-charset', 'accept-encoding', 'accept-language']) {
      const [one, other] = [`${filler}a`, `${filler}b`].map((value) => normaliseSelecting(name, value))
      expect(one).not.toBe(other)
      expect(normaliseSelecting(name, `gzip${' '.repeat(1_024)}`)).not.toBe(normaliseSelecting(name, 'gzip'))
    }
  })

  test('says nothing of what its client likes best', () => {
    expect(languageMatches('de', 'de')).toBe(true)
    expect(languageMatches(`de;q=0.9, ${'x;q=0.1,'.repeat(200)}, en`, 'de')).toBe(false)
  })

  test('counts as far as it is read', () => {
    const offered = ['text/html', 'application/json'] as const
    expect(acceptedType(`application/json, ${filler}, text/html`, offered)).toBe('application/json')
    expect(prefersAsync(`respond-async, ${filler}`)).toBe(true)
    expect(prefersAsync(`${filler}, respond-async`)).toBe(false)
  })
})
