import type { Fields } from './message.ts'
import { isToken, trimWhitespace } from './syntax.ts'

/**
 * Fields of one connection (RFC 9110 section 7.6.1), and those about a proxy, which a cache must not store either
 * (RFC 9111 section 3.1). Trailer announces trailers, and those are not kept.
 */
const ALWAYS: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** The lower-case names that must be neither stored nor forwarded, with those that the Connection field lists. */
export function connectionFields(fields: Fields): ReadonlySet<string> {
  const connection = fields.connection
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return ALWAYS
  let names: Set<string> | undefined
  for (const line of typeof connection === 'string' ? [connection] : connection) {
    for (const member of line.split(',')) {
      const name = trimWhitespace(member).toLowerCase()
      if (name === 'close' || ALWAYS.has(name) || !isToken(name)) continue
      names ??= new Set(ALWAYS)
      names.add(name)
    }
  }
  return names ?? ALWAYS
}
