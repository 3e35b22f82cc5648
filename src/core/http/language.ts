import { combined, type FieldValue } from './message.ts'
import { isTooLong, type Preference, parsePreferences } from './preferences.ts'
import { trimWhitespace } from './syntax.ts'

/**
 * Whether content in these languages is the best that a client with this Accept-Language can get: no other range has a
 * higher weight (RFC 9110 section 12.5.4, basic filtering of RFC 4647 section 3.3.1).
 * Nobody knows it of a field that is too long to be read.
 */
export function languageMatches(acceptLanguage: FieldValue, contentLanguage: FieldValue): boolean {
  const accepted = combined(acceptLanguage) ?? ''
  if (isTooLong(accepted)) return false
  const ranges = parsePreferences(accepted).filter((range) => range.weight >= 0)
  const best = ranges.reduce((most, range) => Math.max(most, range.weight), 0)
  const tags = (combined(contentLanguage) ?? '').toLowerCase().split(',').map(trimWhitespace)
  return best > 0 && tags.every((tag) => tag !== '' && quality(ranges, tag) === best)
}

/** The weight of the longest range that covers the tag: `en-gb;q=0.5` speaks for en-GB, whatever `en` says. */
function quality(ranges: readonly Preference[], tag: string): number {
  let length = -1
  let weight = 0
  for (const range of ranges) {
    const reach = range.choice === '*' ? 0 : range.choice.length
    if (reach < length || !covers(range.choice, tag)) continue
    weight = reach === length ? Math.min(weight, range.weight) : range.weight
    length = reach
  }
  return weight
}

function covers(range: string, tag: string): boolean {
  return range === '*' || tag === range || (tag.startsWith(range) && tag[range.length] === '-')
}
