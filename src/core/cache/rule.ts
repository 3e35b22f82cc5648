import { flag, knownOptions, optionalFunction, quote } from '../options.ts'
import type { StorageRule } from './policy/storable.ts'

/** What a route says of its answers; durations in ms. */
export interface CacheRule<Request = unknown> extends StorageRule {
  /** Freshness in ms for answers that state none of their own. Adds no field to the answer. */
  readonly ttl?: number | undefined
  /** `ttl` replaces `max-age`, and nothing else: not s-maxage or Expires, no-store, private, Set-Cookie. Default false. */
  readonly force?: boolean | undefined
  /** How long past its freshness an answer is served while it is refreshed behind, ms. Default 0. */
  readonly staleWhileRevalidate?: number | undefined
  /** How long past its freshness an answer is served when the origin fails, ms. Default: see `maxStale`. */
  readonly staleIfError?: number | undefined
  /** Names to purge the answers by. */
  readonly groups?: readonly string[] | ((request: Request) => readonly string[]) | undefined
  /** A last word on whether an answer is stored, after all other rules allowed it. */
  readonly shouldCache?: ((request: Request, response: { readonly status: number }) => boolean) | undefined
}

export const RULE_OPTIONS = ['ttl', 'force', 'staleWhileRevalidate', 'staleIfError', 'groups', 'shouldCache'] as const

/** Checks a rule and returns only what it says. @throws TypeError or RangeError with the value quoted. */
export function checkRule<Request>(owner: string, rule: CacheRule<Request>): CacheRule<Request> {
  const { groups } = rule
  if (groups !== undefined && typeof groups !== 'function' && !isGroupList(groups)) {
    throw new TypeError(`${owner}: groups must be an array of non-empty strings or a function, not ${quote(groups)}`)
  }
  flag('force', rule.force, false)
  optionalFunction('shouldCache', rule.shouldCache)
  for (const name of ['ttl', 'staleWhileRevalidate', 'staleIfError'] as const) span(name, rule[name])
  const said: { -readonly [K in keyof CacheRule<Request>]: CacheRule<Request>[K] } = {}
  for (const name of RULE_OPTIONS) {
    if (rule[name] !== undefined) Object.assign(said, { [name]: rule[name] })
  }
  return said
}

/** Checks a rule given for one answer. @throws TypeError or RangeError with the value quoted. */
export function checkAnswerRule(rule: CacheRule): CacheRule {
  knownOptions('setCachePolicy', rule, RULE_OPTIONS)
  return checkRule('setCachePolicy', rule)
}

/** A span of time in ms, 0 included and without upper bound: it is never handed to a timer. */
export function span(name: string, value: unknown): void {
  if (value === undefined || value === 0) return
  if (typeof value === 'number' && value > 0 && value <= Number.MAX_SAFE_INTEGER) return
  if (typeof value !== 'number') throw new TypeError(`${name} must be milliseconds, not ${quote(value)}`)
  throw new RangeError(`${name} must be 0 or more milliseconds, not ${quote(value)}`)
}

function isGroupList(groups: unknown): boolean {
  return Array.isArray(groups) && groups.every((group) => typeof group === 'string' && group !== '')
}

/** `inner` over `outer`: what the inner says wins, and groups add up. */
export function mergeRules(outer: CacheRule, inner: CacheRule): CacheRule {
  const merged = { ...outer, ...inner }
  if (outer.groups === undefined || inner.groups === undefined) return merged
  const both = [outer.groups, inner.groups]
  return { ...merged, groups: (request) => both.flatMap((groups) => groupsOf(groups, request)) }
}

const NOTHING: readonly string[] = []

export function groupsOf(groups: CacheRule['groups'], request: unknown): readonly string[] {
  if (groups === undefined) return NOTHING
  return typeof groups === 'function' ? groups(request) : groups
}
