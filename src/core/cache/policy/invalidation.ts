import { parseGroups } from '../../http/groups.ts'
import { type Fields, firstLine, type RequestHead } from '../../http/message.ts'

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY', 'PROPFIND', 'REPORT', 'SEARCH', 'CONNECT'])

/** Whether a method may change what is at its target (RFC 9110 section 9.2.1). Unknown methods may. */
export function isUnsafe(method: string): boolean {
  return !SAFE_METHODS.has(method)
}

/** What a response to an unsafe request makes invalid. */
export interface Invalidation {
  /** Targets (path and query) on the request's own origin. */
  readonly targets: readonly string[]
  readonly groups: readonly string[]
}

/**
 * What the response to an unsafe request invalidates: its target and, on the same origin, Location and
 * Content-Location (RFC 9111 section 4.4), and the groups it names (RFC 9875 section 3). Undefined for a safe method
 * or an error.
 */
export function invalidation(request: RequestHead, status: number, fields: Fields): Invalidation | undefined {
  if (!isUnsafe(request.method) || status < 200 || status >= 400) return undefined
  const targets = new Set([request.target])
  // A target in absolute form (RFC 9112 section 3.2.2) has a key of its own, and names what stands under another.
  const references = [request.target.startsWith('/') ? undefined : request.target]
  for (const name of ['location', 'content-location']) references.push(firstLine(fields[name]))
  for (const reference of references) {
    const target = sameOriginTarget(request, reference)
    if (target !== undefined) targets.add(target)
  }
  return { targets: [...targets], groups: parseGroups(fields['cache-group-invalidation']) }
}

/** Path and query of a URI reference, if it points to the request's own origin. */
export function sameOriginTarget(request: RequestHead, reference: string | undefined): string | undefined {
  if (reference === undefined) return undefined
  const base = `${request.scheme}://${request.authority}`
  if (!URL.canParse(base)) return undefined
  const from = new URL(base)
  if (!URL.canParse(reference, base + (request.target.startsWith('/') ? request.target : '/'))) return undefined
  const url = new URL(reference, base + (request.target.startsWith('/') ? request.target : '/'))
  return url.origin === from.origin ? url.pathname + url.search : undefined
}
