import { createHash } from 'node:crypto'
import type { Fields } from '../http/message.ts'
import { normaliseSelecting } from '../http/vary.ts'

/** What tells one cached resource from another; every part is free text but the first two. */
export interface KeyParts {
  /** `in` for answers of this server, `out` for answers of the services it calls. */
  readonly direction: 'in' | 'out'
  readonly shared: boolean
  /** Which application was asked, where several share a cache without having been told to. */
  readonly realm?: string | undefined
  /** Whose cache it is; empty for everybody's. */
  readonly partition: string
  readonly scheme: string
  readonly authority: string
  /** Path and query, or what the route's own `key` function made of the request. */
  readonly target: string
}

/** Above this a part is replaced by its digest, so that a hostile URL costs no more memory than a common one. */
const LONGEST_PART = 1024

const digest = (text: string): string => createHash('sha256').update(text).digest('base64url')

const part = (text: string): string => (text.length <= LONGEST_PART ? `${text.length}:${text}` : `#:${digest(text)}`)

/**
 * The primary key of a resource. Each free part carries its length, so no delimiter inside a part can make two
 * different resources collide.
 */
export function primaryKey({ direction, shared, realm, partition, scheme, authority, target }: KeyParts): string {
  const kind = `${direction}${shared ? 's' : 'p'}`
  const whose = realm === undefined ? part(partition) : `@${part(realm)}${part(partition)}`
  return `${kind}${whose}${part(scheme)}${part(authority)}${part(target)}`
}

/** A key as it is remembered beside the store, where nobody counts bytes: a long one as its digest. */
export function remembered(key: string): string {
  return key.length <= LONGEST_REMEMBERED ? key : digest(key)
}

const LONGEST_REMEMBERED = 256

/** Fields whose values are never kept, only their digests. */
const SECRET = /^cookie$|auth|token|key|secret|session|passw|signature/

/** A selecting field as it is compared and kept: its normalised value, secrets and long ones as digests, or absent. */
function selecting(name: string, fields: Fields): string {
  // A field may be named like a property of every object.
  const value = Object.hasOwn(fields, name) ? normaliseSelecting(name, fields[name]) : undefined
  if (value === undefined) return '-'
  return SECRET.test(name) ? `#:${digest(value)}` : part(value)
}

/** The key of one variant of a resource: its selecting fields and their values (RFC 9111 section 4.1). */
export function variantKey(primary: string, names: readonly string[], fields: Fields): string {
  let key = `${primary}|`
  for (const name of names) key += part(name) + selecting(name, fields)
  return key
}
