import { stringify } from 'node:querystring'
import type { RequestHead } from '../../core/http/message.ts'
import { authorityOver, type Origin, parseAbsolute, parseOrigin } from './origin.ts'
import { fieldsFrom, isKept, type KeptHeaders, keepPairs } from './request-fields.ts'
import type { DispatchOptions } from './types.ts'

/** Requests that are no exchange of HTTP messages, or that undici is going to refuse. */
export function isForeign(opts: DispatchOptions): boolean {
  const isRequest = typeof opts?.method === 'string' && typeof opts.path === 'string'
  return !isRequest || opts.method === 'CONNECT' || Boolean(opts.upgrade)
}

/**
 * The options as they can be read again and again: headers that can be read once are kept, a query stands in the path.
 * The same object where nothing has to be done.
 */
export function settled(opts: DispatchOptions): DispatchOptions {
  const kept = isKept(opts.headers)
  const query = opts.query !== undefined && opts.query !== null && !/[?#]/.test(opts.path)
  if (kept && !query) return opts
  const changed: DispatchOptions = { ...opts }
  if (!kept) {
    // What is no list of pairs is refused by undici in its own words.
    changed.headers = (keepPairs(opts.headers) ?? ['']) as string[]
  }
  if (query) {
    const text = stringify(opts.query)
    changed.path = text === '' ? opts.path : `${opts.path}?${text}`
    delete changed.query
  }
  return changed
}

/**
 * What the cache needs to know of a request; undefined where it cannot be understood and is undici's to refuse.
 * `fallback` is the origin of requests that name none, as those of a composed Pool of undici 7.
 */
export function requestHead(opts: DispatchOptions, fallback: Origin): RequestHead | undefined {
  const fields = fieldsFrom(opts.headers as KeptHeaders)
  const sentTo = opts.origin ? parseOrigin(opts.origin) : undefined
  if (fields === undefined || (opts.origin && sentTo === undefined)) return undefined
  const { method, path } = opts
  const absolute = path.charCodeAt(0) === SLASH ? undefined : parseAbsolute(path)
  if (absolute === undefined && path.charCodeAt(0) !== SLASH) return undefined
  const base = absolute?.origin ?? sentTo ?? fallback
  const named = fields.host === undefined ? base : namedByHost(fields.host, base)
  if (named === undefined) return undefined
  return {
    method: KNOWN.has(method) ? method : method.toUpperCase(),
    scheme: named.scheme,
    authority: authorityOver(sentTo, named),
    target: absolute?.target ?? path,
    fields,
    hasBody: hasContent(opts.body),
  }
}

const SLASH = 47

const KNOWN = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'QUERY'])

function namedByHost(host: unknown, { scheme }: Origin): Origin | undefined {
  return typeof host === 'string' && !/[/?#@\\\s]/.test(host) ? parseOrigin(`${scheme}://${host}`) : undefined
}

function hasContent(body: unknown): boolean {
  if (body === undefined || body === null || body === '') return false
  return !(ArrayBuffer.isView(body) && body.byteLength === 0)
}
