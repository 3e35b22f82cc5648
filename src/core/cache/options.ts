import { isValidCacheName } from '../http/cache-status.ts'
import { isToken } from '../http/syntax.ts'
import { duration, flag, knownOptions, oneOf, optionalFunction, quote } from '../options.ts'
import type { Profile, RequestDirectives } from './policy/profile.ts'
import type { ResponseCache } from './response-cache.ts'
import { type CacheRule, checkRule, RULE_OPTIONS, span } from './rule.ts'

/** How the guard deals with what a handler reads. */
export interface GuardOptions {
  /**
   * `vary`: what is read by name becomes an implied Vary, credentials make the answer unshared. `strict`: also an
   * answer whose handler enumerated the fields, or asked for the client's address, is not stored. `off`: nothing is
   * watched. Default `vary`.
   */
  readonly mode?: 'vary' | 'strict' | 'off'
  /** Names of request fields and properties whose reading never counts. */
  readonly ignore?: readonly string[]
}

/** How requests for the same thing wait for each other. */
export interface CollapseOptions {
  /** How long a request waits for another's answer before it goes its own way, ms. Default 5,000. */
  readonly timeout?: number
}

/** Options of every mount; a bridge adds its own request type. Durations in ms. */
export interface CacheOptions<Request = unknown> extends CacheRule<Request> {
  /** The cache to use. Default: one for the whole process, in 64 MiB of memory. */
  readonly cache?: ResponseCache | undefined
  /** `shared` serves everybody (default); `private` needs a `partition`, or a cache of its own per person. */
  readonly type?: 'shared' | 'private' | undefined
  /** Whose part of the cache a request belongs to. Empty string: everybody's. */
  readonly partition?: ((request: Request) => string) | undefined
  /** `safe` is the default of servers, `rfc9111` that of clients. See docs/cache.md. */
  readonly policy?: 'safe' | 'rfc9111' | undefined
  /** Methods that are answered from the cache: GET, HEAD or both. Default both. */
  readonly methods?: readonly ('GET' | 'HEAD')[] | undefined
  /** Stands in the key in place of path and query. */
  readonly key?: ((request: Request) => string) | undefined
  /** Request fields by which answers differ, beyond those the answers' Vary names. */
  readonly vary?: readonly string[] | undefined
  /** The name in Cache-Status, or false for no such field. Default `Breakwater`. */
  readonly cacheStatus?: string | false | undefined
  /** Whether requests for the same key wait for the answer under way. Default true. */
  readonly collapse?: boolean | CollapseOptions | undefined
  /**
   * `behind`: past its freshness, within stale-while-revalidate, everybody gets the stale answer and the handler is
   * run once behind; `first`: the first request runs it in the foreground. Default `behind`.
   */
  readonly refresh?: 'behind' | 'first' | undefined
  /** How long a refresh behind may take, ms. Default 30,000. */
  readonly refreshTimeout?: number | undefined
  readonly guard?: GuardOptions | undefined
  /** No answer is served longer than this past its freshness. Default 24 h. */
  readonly maxStale?: number | undefined
  /** Which Cache-Control directives of requests are obeyed; false for none. Default all, in a shared cache all but maxStale. */
  readonly requestDirectives?: false | Partial<RequestDirectives> | undefined
  /** Targeted fields (RFC 9213) in order of preference. Default `['CDN-Cache-Control']`; shared caches only. */
  readonly targets?: readonly string[] | undefined
  /** s-maxage forbids stale answers, as RFC 9111 section 5.2.2.10 says. Default true. */
  readonly sMaxageRevalidates?: boolean | undefined
}

/** The options of a mount, checked and complete. */
export interface MountSettings {
  readonly profile: Profile
  readonly rule: CacheRule
  readonly partition: ((request: unknown) => string) | undefined
  readonly key: ((request: unknown) => string) | undefined
  readonly vary: readonly string[]
  readonly methods: ReadonlySet<string>
  readonly name: string | false
  /** undefined: requests do not wait for each other. */
  readonly collapseTimeout: number | undefined
  readonly refresh: 'behind' | 'first'
  readonly refreshTimeout: number
  readonly guard: { readonly mode: 'vary' | 'strict' | 'off'; readonly ignore: ReadonlySet<string> }
}

const MOUNT_OPTIONS = [
  'cache',
  'type',
  'partition',
  'policy',
  'methods',
  'key',
  'vary',
  'cacheStatus',
  'collapse',
  'refresh',
  'refreshTimeout',
  'guard',
  'maxStale',
  'requestDirectives',
  'targets',
  'sMaxageRevalidates',
  ...RULE_OPTIONS,
]

const DIRECTIVES = ['noCache', 'noStore', 'maxAge', 'minFresh', 'maxStale', 'onlyIfCached'] as const

const HOUR = 60 * 60 * 1000

/**
 * Checks the options of a mount and fills in the defaults of its direction.
 *
 * @throws TypeError or RangeError with the value quoted.
 */
export function mountSettings<Request>(
  options: CacheOptions<Request>,
  direction: 'in' | 'out',
  further: readonly string[] = [],
): MountSettings {
  knownOptions('cache', options, [...MOUNT_OPTIONS, ...further])
  const shared = oneOf('type', options.type, ['shared', 'private'], 'shared') === 'shared'
  if (!shared && direction === 'in' && options.partition === undefined) {
    throw new TypeError("type: 'private' on a server needs partition: a function that tells whose request it is")
  }
  const timeout = duration('refreshTimeout', options.refreshTimeout, 30_000)
  const { maxStale = 24 * HOUR, targets = ['CDN-Cache-Control'], vary = [] } = options
  span('maxStale', maxStale)
  return {
    profile: {
      shared,
      direction,
      policy: oneOf('policy', options.policy, ['safe', 'rfc9111'], direction === 'in' ? 'safe' : 'rfc9111'),
      targets: fieldNames('targets', targets),
      sMaxageRevalidates: flag('sMaxageRevalidates', options.sMaxageRevalidates, true),
      maxStale,
      requestDirectives: directives(options.requestDirectives, shared),
    },
    rule: checkRule('cache', options) as CacheRule,
    partition: optionalFunction('partition', options.partition) as MountSettings['partition'],
    key: optionalFunction('key', options.key) as MountSettings['key'],
    vary: fieldNames('vary', vary),
    methods: methods(options.methods),
    name: cacheName(options.cacheStatus),
    collapseTimeout: collapseTimeout(options.collapse),
    refresh: oneOf('refresh', options.refresh, ['behind', 'first'], 'behind'),
    refreshTimeout: timeout,
    guard: guard(options.guard),
  }
}

function directives(value: CacheOptions['requestDirectives'], shared: boolean): RequestDirectives {
  if (value === false) return Object.fromEntries(DIRECTIVES.map((name) => [name, false])) as never
  knownOptions('requestDirectives', value, DIRECTIVES)
  const obeyed = (name: (typeof DIRECTIVES)[number], fallback: boolean): boolean =>
    flag(`requestDirectives.${name}`, value?.[name], fallback)
  return {
    noCache: obeyed('noCache', true),
    noStore: obeyed('noStore', true),
    maxAge: obeyed('maxAge', true),
    minFresh: obeyed('minFresh', true),
    maxStale: obeyed('maxStale', !shared),
    onlyIfCached: obeyed('onlyIfCached', true),
  }
}

function fieldNames(option: string, names: unknown): readonly string[] {
  if (!Array.isArray(names)) throw new TypeError(`${option} must be an array of field names, not ${quote(names)}`)
  for (const name of names) {
    // The "*" of Vary is a token, but names no field.
    if (typeof name !== 'string' || !isToken(name) || name === '*')
      throw new TypeError(`${option}: ${quote(name)} is no field name`)
  }
  return names.map((name: string) => name.toLowerCase())
}

function methods(names: unknown = ['GET', 'HEAD']): ReadonlySet<string> {
  const valid = Array.isArray(names) && names.length > 0 && names.every((name) => name === 'GET' || name === 'HEAD')
  if (!valid) throw new TypeError(`methods must be an array of 'GET' and 'HEAD', not ${quote(names)}`)
  return new Set(names)
}

function cacheName(name: unknown = 'Breakwater'): string | false {
  if (name === false) return false
  if (typeof name !== 'string' || !isValidCacheName(name)) {
    throw new TypeError(`cacheStatus must be a printable ASCII name or false, not ${quote(name)}`)
  }
  return name
}

function collapseTimeout(collapse: boolean | CollapseOptions = true): number | undefined {
  if (collapse === false) return undefined
  if (collapse === true) return 5_000
  knownOptions('collapse', collapse, ['timeout'])
  return duration('collapse.timeout', collapse.timeout, 5_000)
}

function guard(options: GuardOptions = {}): MountSettings['guard'] {
  knownOptions('guard', options, ['mode', 'ignore'])
  const { mode, ignore = [] } = options
  if (!Array.isArray(ignore) || !ignore.every((name) => typeof name === 'string')) {
    throw new TypeError(`guard.ignore must be an array of names, not ${quote(ignore)}`)
  }
  const names = ignore.flatMap((name: string) => [name, name.toLowerCase()])
  return { mode: oneOf('guard.mode', mode, ['vary', 'strict', 'off'], 'vary'), ignore: new Set(names) }
}
