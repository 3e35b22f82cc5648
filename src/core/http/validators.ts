import { parseHttpDate } from './date.ts'
import { matchesAny } from './entity-tag.ts'
import { type Fields, type FieldValue, firstLine } from './message.ts'
import { trimWhitespace } from './syntax.ts'

export { matchesAny, strongEqual, weakEqual } from './entity-tag.ts'

/** What a response can be told apart by, as it was sent (RFC 9110 section 8.8). */
export interface Validators {
  readonly etag?: string | undefined
  readonly lastModified?: string | undefined
}

export function validatorsOf(fields: Fields): Validators {
  return { etag: present(fields.etag), lastModified: present(fields['last-modified']) }
}

function present(value: FieldValue): string | undefined {
  const line = firstLine(value)
  return line === undefined ? undefined : trimWhitespace(line) || undefined
}

/** Whether the request has a precondition on the representation as a whole; If-Range belongs to Range. */
export function hasConditions(fields: Fields): boolean {
  return (
    isPresent(fields['if-none-match']) ||
    isPresent(fields['if-modified-since']) ||
    isPresent(fields['if-match']) ||
    isPresent(fields['if-unmodified-since'])
  )
}

/**
 * What a cache answers to a conditional request from a stored response (RFC 9110 section 13.2.2, RFC 9111 section
 * 4.3.2). If-Match and If-Unmodified-Since are for origin servers; a cache does not evaluate them.
 */
export function evaluateConditions(
  request: Fields,
  stored: Validators & { readonly date?: number | undefined },
  method: string,
): 'proceed' | 'not-modified' {
  if (method !== 'GET' && method !== 'HEAD') return 'proceed'
  const ifNoneMatch = request['if-none-match']
  const unchanged = isPresent(ifNoneMatch)
    ? matchesAny(ifNoneMatch, stored.etag ?? '')
    : isUnmodified(request['if-modified-since'], stored.lastModified)
  return unchanged ? 'not-modified' : 'proceed'
}

function isPresent(value: FieldValue): boolean {
  return value !== undefined && (typeof value === 'string' || value.length > 0)
}

/**
 * False as well if there is nothing to compare; more than one date is no date (RFC 9110 section 13.1.3). Date does not
 * stand in for a missing Last-Modified: it says when the response was made, not since when its content is what it is.
 */
function isUnmodified(ifModifiedSince: FieldValue, lastModified: string | undefined): boolean {
  if (ifModifiedSince === undefined || lastModified === undefined) return false
  if (typeof ifModifiedSince !== 'string' && ifModifiedSince.length > 1) return false
  const since = parseHttpDate(present(ifModifiedSince) ?? '')
  const modified = parseHttpDate(lastModified)
  return since !== undefined && modified !== undefined && modified <= since
}
