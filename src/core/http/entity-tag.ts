import type { FieldValue } from './message.ts'
import { skipWhitespace, trimWhitespace } from './syntax.ts'

/** Weak comparison: whether the opaque parts agree (RFC 9110 section 8.8.3.2). */
export function weakEqual(a: string, b: string): boolean {
  return a !== '' && opaque(a) === opaque(b)
}

/** Strong comparison: equal, and neither of them weak. A tag that is not well formed is equal to nothing. */
export function strongEqual(a: string, b: string): boolean {
  return a === b && a.length >= 2 && a.startsWith('"') && a.indexOf('"', 1) === a.length - 1
}

/**
 * Whether a list of entity tags, as in If-None-Match, has one that equals `etag` in weak comparison, or is '*'. Tags
 * that are not quoted are compared as they stand.
 */
export function matchesAny(list: FieldValue, etag: string): boolean {
  if (list === undefined) return false
  // What nearly all clients send.
  if (list === etag && etag !== '') return true
  if (typeof list === 'string') return matchesIn(list, etag) || isAny(list)
  return list.some((line) => matchesIn(line, etag)) || (list.length === 1 && isAny(list[0] as string))
}

/** '*' stands alone; within a list it would be a malformed tag. */
function isAny(value: string): boolean {
  return trimWhitespace(value) === '*'
}

function matchesIn(line: string, etag: string): boolean {
  let at = 0
  while (at < line.length) {
    at = skipWhitespace(line, at)
    const end = memberEnd(line, at)
    if (end > at && weakEqual(trimWhitespace(line.slice(at, end)), etag)) return true
    at = end + 1
  }
  return false
}

/** The comma behind the member at `from`; a comma between quotes belongs to the tag. There are no escapes in a tag. */
function memberEnd(line: string, from: number): number {
  const quote = line.startsWith('W/', from) ? from + 2 : from
  const closing = line[quote] === '"' ? line.indexOf('"', quote + 1) : from
  const comma = closing === -1 ? -1 : line.indexOf(',', closing)
  return comma === -1 ? line.length : comma
}

function opaque(tag: string): string {
  return tag.startsWith('W/') ? tag.slice(2) : tag
}
