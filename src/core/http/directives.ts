import { quotedEnd, skipWhitespace, tokenEnd, trimWhitespace } from './syntax.ts'

/** One directive of a Cache-Control line (RFC 9111 section 5.2). */
export interface Directive {
  /** Lower-case. */
  readonly name: string
  /** Without quotes and escapes; undefined if there is no "=". */
  readonly argument: string | undefined
  /** Whether it follows the grammar: no whitespace around "=", nothing behind the name or the quoted-string. */
  readonly wellFormed: boolean
}

/**
 * Reads one line, directive by directive. Answers false when a quote is not closed or stands where none may be: then
 * nobody can say which commas separate, and the caller has to fail closed.
 */
export function scanDirectives(line: string, accept: (directive: Directive) => void): boolean {
  let at = 0
  while (at < line.length) {
    at = skipWhitespace(line, at)
    const nameEnd = tokenEnd(line, at)
    const name = line.slice(at, nameEnd).toLowerCase()
    const equals = skipWhitespace(line, nameEnd)
    let next: number
    if (line.charCodeAt(equals) !== 61) {
      next = memberEnd(line, nameEnd)
      if (next === -1) return false
      if (name !== '') accept({ name, argument: undefined, wellFormed: equals >= next })
    } else {
      const from = skipWhitespace(line, equals + 1)
      const quoted = line.charCodeAt(from) === 34
      const valueEnd = quoted ? quotedEnd(line, from) : from
      if (valueEnd === -1) return false
      next = memberEnd(line, valueEnd)
      if (next === -1) return false
      if (name !== '') {
        accept({
          name,
          argument: quoted ? unquoted(line.slice(from, valueEnd)) : trimWhitespace(line.slice(from, next)),
          wellFormed: equals === nameEnd && from === equals + 1 && (!quoted || skipWhitespace(line, valueEnd) >= next),
        })
      }
    }
    at = next + 1
  }
  return true
}

/** The comma that ends this member, or the end of the line; -1 if a quote comes first. */
function memberEnd(line: string, from: number): number {
  for (let i = from; i < line.length; i++) {
    const code = line.charCodeAt(i)
    if (code === 44) return i
    if (code === 34) return -1
  }
  return line.length
}

function unquoted(quoted: string): string {
  const inner = quoted.slice(1, -1)
  return inner.includes('\\') ? inner.replace(/\\(.)/gs, '$1') : inner
}
