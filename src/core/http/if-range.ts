import { parseHttpDate } from './date.ts'
import { strongEqual } from './entity-tag.ts'
import type { Fields } from './message.ts'
import { trimWhitespace } from './syntax.ts'
import type { Validators } from './validators.ts'

/**
 * Whether Range may be applied to the stored response: there is no If-Range, or it names exactly this representation
 * (RFC 9110 section 13.1.5). In doubt the client gets all of it.
 */
export function rangeApplies(request: Fields, stored: Validators & { readonly date?: number | undefined }): boolean {
  const value = request['if-range']
  if (value === undefined || value.length === 0) return value !== ''
  if (typeof value !== 'string' && value.length > 1) return false
  const condition = trimWhitespace(typeof value === 'string' ? value : (value[0] as string))
  if (condition.includes('"')) return stored.etag !== undefined && strongEqual(condition, stored.etag)
  const modified = strongLastModified(stored)
  return modified !== undefined && parseHttpDate(condition) === modified
}

/** Last-Modified if nothing can have changed within its second: Date is at least one later (RFC 9110 section 8.8.2.2). */
function strongLastModified(stored: Validators & { readonly date?: number | undefined }): number | undefined {
  const modified = stored.lastModified === undefined ? undefined : parseHttpDate(stored.lastModified)
  if (modified === undefined || stored.date === undefined) return undefined
  return stored.date - modified >= 1000 ? modified : undefined
}
