import { connectionFields } from '../../http/hop-by-hop.ts'
import { combined, type FieldLines, type Fields, fieldsOf } from '../../http/message.ts'
import { validatorsOf, weakEqual } from '../../http/validators.ts'

/** Fields that describe the stored content itself and so are never updated (RFC 9111 section 3.2). */
const KEPT = new Set(['content-length', 'content-encoding', 'content-range', 'content-type'])

/** Fields that say how this one message was sent or cached. */
const OWN = new Set(['age', 'cache-status'])

/**
 * The field lines worth storing: without connection fields and without `omitted` ones (RFC 9111 section 3.1).
 * `fields` are the same as a record.
 */
export function storedLines(lines: FieldLines, fields: Fields, omitted: ReadonlySet<string> | undefined): string[] {
  const dropped = connectionFields(fields)
  const kept: string[] = []
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const name = (lines[i] as string).toLowerCase()
    if (dropped.has(name) || name === 'age' || omitted?.has(name)) continue
    kept.push(lines[i] as string, lines[i + 1] as string)
  }
  return kept
}

/**
 * Stored field lines updated by those of a 304, or of a 200 to HEAD (RFC 9111 section 3.2): each field in the update
 * replaces all stored lines of that name.
 */
export function freshenedLines(stored: FieldLines, update: FieldLines): string[] {
  const fields = fieldsOf(update)
  const connection = connectionFields(fields)
  const replaces = (name: string): boolean =>
    fields[name] !== undefined && !connection.has(name) && !KEPT.has(name) && !OWN.has(name)
  const merged: string[] = []
  for (let i = 0; i + 1 < stored.length; i += 2) {
    if (!replaces((stored[i] as string).toLowerCase())) merged.push(stored[i] as string, stored[i + 1] as string)
  }
  for (let i = 0; i + 1 < update.length; i += 2) {
    if (replaces((update[i] as string).toLowerCase())) merged.push(update[i] as string, update[i + 1] as string)
  }
  return merged
}

/**
 * Whether a 304 is about the stored response: not if it names another entity tag (RFC 9111 section 4.3.4). Tags are
 * compared weakly, for servers that compress give a 200 a weak tag and the 304 a strong one.
 */
export function confirms(update: FieldLines, storedTag: string | undefined): boolean {
  const { etag } = validatorsOf(fieldsOf(update))
  return etag === undefined || storedTag === undefined || weakEqual(etag, storedTag)
}

/** Whether the head of a 200 to HEAD still describes the stored response (RFC 9111 section 4.3.5). */
export function describesSame(stored: FieldLines, head: FieldLines): boolean {
  const before = fieldsOf(stored)
  const now = fieldsOf(head)
  return ['etag', 'last-modified', 'content-length'].every(
    (name) => now[name] === undefined || combined(now[name]) === combined(before[name]),
  )
}
