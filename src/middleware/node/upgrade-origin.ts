import type { IncomingMessage } from 'node:http'
import { hostOf } from './request-head.ts'

/** Origins whose pages may connect beside those of the server itself; `*`: all. */
export type AllowedOrigins = readonly string[] | '*'

/**
 * Whether the page that a browser connects from may (RFC 6455 section 10.2). Browsers send cookies along to wherever a
 * page connects, and no CORS asks before. What sends no Origin is no browser's page.
 */
export function mayConnect(request: IncomingMessage, allowed: AllowedOrigins): boolean {
  const { origin } = request.headers
  if (origin === undefined || allowed === '*') return true
  const { href, host } = partsOf(origin)
  if (host === undefined) return false
  return allowed.includes(href) || host === partsOf(`${href.split(':', 1)[0]}://${hostOf(request)}`).host
}

/** An origin as browsers write it; undefined for what is none, such as `null`. */
export function originOf(text: string): string | undefined {
  const { href, host } = partsOf(text)
  return host === undefined ? undefined : href
}

/** Without the port where it is the scheme's own. */
function partsOf(origin: string): { readonly href: string; readonly host: string | undefined } {
  const url = URL.parse(origin)
  const isWeb = url !== null && /^https?:$/.test(url.protocol) && url.pathname === '/' && url.search + url.hash === ''
  return isWeb && url.username + url.password === ''
    ? { href: url.origin, host: url.host }
    : { href: origin, host: undefined }
}
