import type { Ban } from '../events.ts'
import { knownOptions, optionalSignal, quote } from '../options.ts'

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
  /** Ends the wait for the store. What is under way there goes on. */
  readonly signal?: AbortSignal | undefined
}

/** A purge, checked. */
export interface Purge {
  readonly ban: Ban
  /** The same URL or prefix as a client that follows the URL standard spells it, where that is another spelling. */
  readonly respelt: Ban | undefined
  readonly soft: boolean
  readonly signal: AbortSignal | undefined
}

/** A purge, checked: the bans it amounts to. @throws TypeError with the value quoted. */
export function purgeBan(request: PurgeRequest): Purge {
  knownOptions('purge', request, ['url', 'prefix', 'group', 'all', 'soft', 'signal'])
  const named = (['url', 'prefix', 'group', 'all'] as const).filter((name) => request?.[name] !== undefined)
  if (named.length !== 1) {
    throw new TypeError(`purge takes exactly one of url, prefix, group and all, not ${quote(request)}`)
  }
  const soft = request.soft ?? false
  if (typeof soft !== 'boolean') throw new TypeError(`purge: soft must be true or false, not ${quote(soft)}`)
  const { url, prefix, group } = request
  const how = { soft, signal: optionalSignal('purge: signal', request.signal) }
  if (url !== undefined) {
    const { said, respelt } = place('url', url)
    return { ...how, ban: { kind: 'target', ...said }, respelt: respelt && { kind: 'target', ...respelt } }
  }
  if (prefix !== undefined) {
    const { said, respelt } = place('prefix', prefix)
    return { ...how, ban: prefixBan(said), respelt: respelt && prefixBan(respelt) }
  }
  if (group !== undefined) {
    if (typeof group !== 'string' || group === '') {
      throw new TypeError(`purge: group must be a non-empty string, not ${quote(group)}`)
    }
    return { ...how, ban: { kind: 'group', authority: undefined, group }, respelt: undefined }
  }
  if (request.all !== true) throw new TypeError(`purge: all must be true, not ${quote(request.all)}`)
  return { ...how, ban: { kind: 'all' }, respelt: undefined }
}

interface Place {
  readonly authority: string | undefined
  readonly target: string
}

function prefixBan({ authority, target }: Place): Ban {
  return { kind: 'prefix', authority, prefix: target }
}

const ABSOLUTE = /^https?:\/\/([^/?#\\]*)([^#]*)/i

/** Keys hold URLs as they were received: `/a/../b`, `/?q='x'` and a scheme's own port are not normalised in them. */
function place(option: string, value: unknown): { said: Place; respelt: Place | undefined } {
  if (typeof value === 'string' && value.startsWith('/') && !value.startsWith('//')) {
    return { said: { authority: undefined, target: value }, respelt: undefined }
  }
  const parts = typeof value === 'string' && URL.canParse(value) ? ABSOLUTE.exec(value) : null
  if (parts !== null) {
    const [url, authority = '', rest = ''] = parts
    const said = { authority: authority.toLowerCase(), target: rest.startsWith('/') ? rest : `/${rest}` }
    const { host, pathname, search } = new URL(url)
    const target = pathname + search
    return {
      said,
      respelt: host === said.authority && target === said.target ? undefined : { authority: host, target },
    }
  }
  throw new TypeError(`purge: ${option} must be an http(s) URL or a path that begins with one "/", not ${quote(value)}`)
}
