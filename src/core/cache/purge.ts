import type { Ban } from '../events.ts'
import { knownOptions, quote } from '../options.ts'

/** What to purge: exactly one of the first four. */
export interface PurgeRequest {
  /** An absolute URL, or a path (with its query) on every authority. */
  readonly url?: string
  /** All URLs that begin so: an absolute URL, or a path on every authority. */
  readonly prefix?: string
  /** All answers that name this group, in Cache-Groups, Surrogate-Key or Cache-Tag, or by rule. */
  readonly group?: string
  readonly all?: true
  /** Makes stale instead of removing, so that stale answers and validation stay possible. Default false. */
  readonly soft?: boolean
}

/** A purge, checked: the ban it amounts to. @throws TypeError with the value quoted. */
export function purgeBan(request: PurgeRequest): { readonly ban: Ban; readonly soft: boolean } {
  knownOptions('purge', request, ['url', 'prefix', 'group', 'all', 'soft'])
  const named = (['url', 'prefix', 'group', 'all'] as const).filter((name) => request?.[name] !== undefined)
  if (named.length !== 1) {
    throw new TypeError(`purge takes exactly one of url, prefix, group and all, not ${quote(request)}`)
  }
  const soft = request.soft ?? false
  if (typeof soft !== 'boolean') throw new TypeError(`purge: soft must be true or false, not ${quote(soft)}`)
  const { url, prefix, group } = request
  if (url !== undefined) {
    const { authority, target } = place('url', url)
    return { soft, ban: { kind: 'target', authority, target } }
  }
  if (prefix !== undefined) {
    const { authority, target } = place('prefix', prefix)
    return { soft, ban: { kind: 'prefix', authority, prefix: target } }
  }
  if (group !== undefined) {
    if (typeof group !== 'string' || group === '') {
      throw new TypeError(`purge: group must be a non-empty string, not ${quote(group)}`)
    }
    return { soft, ban: { kind: 'group', authority: undefined, group } }
  }
  if (request.all !== true) throw new TypeError(`purge: all must be true, not ${quote(request.all)}`)
  return { soft, ban: { kind: 'all' } }
}

function place(option: string, value: unknown): { authority: string | undefined; target: string } {
  if (typeof value === 'string' && value.startsWith('/') && !value.startsWith('//')) {
    return { authority: undefined, target: value }
  }
  if (typeof value === 'string' && /^https?:\/\//i.test(value) && URL.canParse(value)) {
    const url = new URL(value)
    return { authority: url.host, target: url.pathname + url.search }
  }
  throw new TypeError(`purge: ${option} must be an http(s) URL or a path that begins with one "/", not ${quote(value)}`)
}
