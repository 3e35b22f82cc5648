import { quotedEnd, trimWhitespace } from './syntax.ts'

/** One member of Accept, Accept-Language, Accept-Encoding or Accept-Charset (RFC 9110 section 12.4). */
export interface Preference {
  /** The member without its weight, lower-case outside quotes, without whitespace around separators. */
  readonly choice: string
  /** 0 to 1; NaN if the weight is malformed. */
  readonly weight: number
  /** The member in one canonical spelling: no weight for 1, the shortest one otherwise. */
  readonly text: string
}

const WEIGHT = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/

/**
 * Characters of a field that are read. Nobody means more than a tenth of it, and who sends thousands of members would
 * have them all parsed, with each request.
 */
const LONGEST = 1024

/** Whether a field is so long that not all of it is read. */
export function isTooLong(list: string): boolean {
  return list.length > LONGEST
}

/** The members, in the order of the field, as far as they end within its first 1,024 characters; empty ones are left out. */
export function parsePreferences(list: string): Preference[] {
  return wholeMembers(list)
    .filter((member) => member !== '')
    .map(parseMember)
}

function wholeMembers(list: string): string[] {
  if (!isTooLong(list)) return splitOutsideQuotes(list, ',')
  // Half a member would say something else.
  return splitOutsideQuotes(list.slice(0, LONGEST + 1), ',').slice(0, -1)
}

function parseMember(member: string): Preference {
  let weight: string | undefined
  const kept: string[] = []
  for (const part of splitOutsideQuotes(member, ';')) {
    const equals = part.indexOf('=')
    const name = trimWhitespace(equals === -1 ? part : part.slice(0, equals))
    // A weight is a weight wherever it stands among the parameters (RFC 9110 section 12.5.1).
    if (equals !== -1 && name.toLowerCase() === 'q') weight = trimWhitespace(part.slice(equals + 1))
    else
      kept.push(
        equals === -1 ? lowerCase(name) : `${lowerCase(name)}=${lowerCase(trimWhitespace(part.slice(equals + 1)))}`,
      )
  }
  const choice = kept.join(';')
  if (weight === undefined) return { choice, weight: 1, text: choice }
  if (!WEIGHT.test(weight)) return { choice, weight: Number.NaN, text: `${choice};q=${weight}` }
  const q = Number(weight)
  return { choice, weight: q, text: q === 1 ? choice : `${choice};q=${q}` }
}

// A quoted value may be a URI or another text in which case counts.
function lowerCase(text: string): string {
  return text.startsWith('"') ? text : text.toLowerCase()
}

/** The parts between separators, trimmed; a separator inside a quoted-string does not count. */
function splitOutsideQuotes(text: string, separator: ',' | ';'): string[] {
  if (!text.includes('"')) return text.split(separator).map(trimWhitespace)
  const parts: string[] = []
  let from = 0
  for (let i = 0; i < text.length; i++) {
    if (text[i] === separator) {
      parts.push(trimWhitespace(text.slice(from, i)))
      from = i + 1
    } else if (text[i] === '"') {
      const end = quotedEnd(text, i)
      i = (end === -1 ? text.length : end) - 1
    }
  }
  parts.push(trimWhitespace(text.slice(from)))
  return parts
}
