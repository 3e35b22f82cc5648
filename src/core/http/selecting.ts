import { memoised } from './memo.ts'
import { combined, type FieldValue } from './message.ts'
import { isTooLong, parsePreferences } from './preferences.ts'
import { isWhitespace, quotedEnd, skipWhitespace, trimWhitespace } from './syntax.ts'

/**
 * The value of a selecting field in one canonical spelling, so that requests which ask for the same thing select the
 * same stored response (RFC 9111 section 4.1). Undefined if the field is absent, which is a value of its own.
 *
 * @param name lower-case
 */
export function normaliseSelecting(name: string, value: FieldValue): string | undefined {
  const text = typeof value === 'object' && value.length === 0 ? undefined : combined(value)
  if (text === undefined) return undefined
  switch (name) {
    case 'accept':
    case 'accept-charset':
    case 'accept-encoding':
    case 'accept-language':
      // Of what is not read in full, nothing may be left out: who reads further finds a difference.
      return isTooLong(text) ? text : canonicalPreferences(text)
    default:
      return withoutWhitespace(text)
  }
}

/** By weight, then by name: the order in which equals are listed says nothing (RFC 9110 section 12.4.2). */
const canonicalPreferences = memoised((text) => {
  // In another order, a quote without an end would take in others than those behind it.
  if (hasOpenQuote(text)) return withoutWhitespace(text)
  const members = parsePreferences(text).sort(
    (a, b) => (b.weight || 0) - (a.weight || 0) || (a.text < b.text ? -1 : Number(a.text > b.text)),
  )
  return [...new Set(members.map((member) => member.text))].join(',')
})

function hasOpenQuote(text: string): boolean {
  for (let quote = text.indexOf('"'); quote !== -1; ) {
    const end = quotedEnd(text, quote)
    if (end === -1) return true
    quote = text.indexOf('"', end)
  }
  return false
}

/** Leaves out whitespace around separators; inside quoted-strings and between words it stays. */
function withoutWhitespace(text: string): string {
  if (!/[ \t]/.test(text)) return text
  let result = ''
  let from = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 34) {
      const end = quotedEnd(text, i)
      i = (end === -1 ? text.length : end) - 1
    } else if (isSeparator(code)) {
      result += `${trimWhitespace(text.slice(from, i))}${text[i]}`
      from = skipWhitespace(text, i + 1)
      i = from - 1
    } else if (isWhitespace(code)) {
      // Decided in one go, so that a long run is not looked at again and again.
      i = skipWhitespace(text, i) - 1
    }
  }
  return result + trimWhitespace(text.slice(from))
}

function isSeparator(code: number): boolean {
  return code === 44 || code === 59 || code === 61
}
