import { memoised } from './memo.ts'

/** What one cache did with one request (RFC 9211 section 2). */
export interface CacheStatusParts {
  readonly hit?: boolean | undefined
  /** Why the request went forward: `uri-miss`, `vary-miss`, `stale` … Left out for a hit, which excludes it. */
  readonly fwd?: string | undefined
  readonly fwdStatus?: number | undefined
  /** Remaining freshness in seconds; negative once stale. */
  readonly ttl?: number | undefined
  readonly stored?: boolean | undefined
  readonly collapsed?: boolean | undefined
  readonly detail?: string | undefined
}

/** One member of a Cache-Status field. */
export function cacheStatus(name: string, parts: CacheStatusParts): string {
  let member = tokenOrString(name)
  if (parts.hit === true) member += '; hit'
  else if (parts.fwd !== undefined && isToken(parts.fwd)) member += `; fwd=${parts.fwd}`
  if (isInteger(parts.fwdStatus)) member += `; fwd-status=${parts.fwdStatus}`
  if (isInteger(parts.ttl)) member += `; ttl=${parts.ttl}`
  if (parts.stored === true) member += '; stored'
  if (parts.collapsed === true) member += '; collapsed'
  if (parts.detail !== undefined) member += `; detail=${tokenOrString(parts.detail)}`
  return member
}

/** Whether a name for the cache can be sent as it stands: one or more printable ASCII characters. */
export function isValidCacheName(name: string): boolean {
  return /^[ -~]+$/.test(name)
}

// RFC 9651 section 3.3.4: other than a token of HTTP, it begins with a letter or '*' and may hold ':' and '/'.
const SF_TOKEN = /^[A-Za-z*][\w:/!#$%&'*+.^`|~-]*$/

const isToken = memoised((text): boolean => SF_TOKEN.test(text))

/** Not one structured-field string can hold anything but printable ASCII (RFC 9651 section 3.3.3). */
function tokenOrString(text: string): string {
  if (isToken(text)) return text
  return `"${text.replace(/[^ -~]/g, '?').replace(/["\\]/g, '\\$&')}"`
}

/** RFC 9651 section 3.3.1: at most 15 digits. */
function isInteger(value: number | undefined): value is number {
  return Number.isInteger(value) && Math.abs(value as number) < 1e15
}
