import { memoised } from '../../http/memo.ts'
import { combined, type Fields, fieldsOf, type RequestHead, type ResponseHead } from '../../http/message.ts'
import { parseContentRange } from '../../http/range.ts'
import { parseVary } from '../../http/vary.ts'
import { type ResponseDirectives, requestControl, responseDirectives } from './directives.ts'
import { explicitLifetime, heuristicLifetime, isHeuristicallyCacheable, type Lifetime } from './freshness.ts'
import type { Profile } from './profile.ts'

/** A route's own word on its answers; durations in ms. */
export interface StorageRule {
  /** Freshness where the answer states none. */
  readonly ttl?: number | undefined
  /** `ttl` also where the answer's `max-age` states one; never over s-maxage, Expires, no-store, private, Set-Cookie. */
  readonly force?: boolean | undefined
  readonly staleWhileRevalidate?: number | undefined
  readonly staleIfError?: number | undefined
}

/** Why a response is not stored: words for events, `inspect()` and Cache-Status details. */
export type RefusalReason =
  | 'status'
  | 'no-store'
  | 'request-no-store'
  | 'private'
  | 'authorization'
  | 'set-cookie'
  | 'vary-star'
  | 'no-freshness'
  | 'credentials-read'
  | 'headers-copied'
  | 'client-address'
  | 'partial'
  | 'should-cache'
  | 'rule-failed'
  | 'too-large'
  | 'no-memory'
  | 'echoes-trace'
  | 'event-stream'
  | 'content-length'
  | 'truncated'
  | 'invalidated'
  | 'origin-lost'

export interface Refused {
  readonly store: false
  readonly reason: RefusalReason
}

export interface Storable {
  readonly store: true
  readonly directives: ResponseDirectives
  readonly fields: Fields
  readonly freshness: Lifetime
  /** Field names that the response's Vary lists, lower-case and sorted. */
  readonly vary: readonly string[]
}

/** Statuses this cache understands for must-understand (RFC 9111 section 5.2.2.3): their caching rules are obeyed here. */
const UNDERSTOOD = new Set([200, 203, 204, 206, 300, 301, 302, 303, 304, 307, 308, 404, 405, 410, 414, 501])

/** Statuses that `safe` never stores: they speak of one request, or of a passing fault. */
const UNSAFE_STATUS = new Set([
  400, 401, 403, 405, 406, 407, 408, 411, 413, 414, 415, 417, 421, 425, 426, 428, 429, 431,
])

/** Answers to a precondition or a range, which are not in the key: under it they would answer everybody. */
const NEVER_STORED = new Set([304, 412, 416])

const refuse = (reason: RefusalReason): Refused => ({ store: false, reason })

/** Whether a response may be stored, and for how long it is fresh (RFC 9111 section 3). */
export function assess(
  request: RequestHead,
  response: ResponseHead,
  rule: StorageRule,
  profile: Profile,
  responseTime: number,
): Storable | Refused {
  const { status } = response
  const fields = fieldsOf(response.lines)
  if (status < 200 || NEVER_STORED.has(status)) return refuse('status')
  if (isEventStream(fields)) return refuse('event-stream')
  const directives = responseDirectives(fields, profile)
  const { control } = directives
  const forbidden = forbiddenBy(request, status, fields, directives, profile)
  if (forbidden !== undefined) return refuse(forbidden)

  if (status === 206 && parseContentRange(fields['content-range']) === undefined) return refuse('partial')
  const vary = parseVary(fields.vary)
  if (vary === '*') return refuse('vary-star')

  const freshness = lifetimeOf(status, fields, directives, rule, profile, responseTime)
  if (freshness.source === 'none') {
    if (profile.policy === 'safe') return refuse('no-freshness')
    // Without freshness a response is worth keeping only for validation.
    const statusAllows =
      isHeuristicallyCacheable(status) || control.public || (!profile.shared && control.private === true)
    const validator = fields.etag !== undefined || fields['last-modified'] !== undefined
    if (!validator || !(statusAllows || control.noCache !== false)) return refuse('no-freshness')
  }
  return { store: true, directives, fields, freshness, vary }
}

/** Server-sent events last as long as their client: nobody may wait for their end, or get those of another. */
function isEventStream(fields: Fields): boolean {
  const type = combined(fields['content-type'])
  return type !== undefined && namesEventStream(type)
}

const namesEventStream = memoised((type): boolean => /^text\/event-stream\s*(;|$)/i.test(type))

function forbiddenBy(
  request: RequestHead,
  status: number,
  fields: Fields,
  { control }: ResponseDirectives,
  profile: Profile,
): RefusalReason | undefined {
  if (control.mustUnderstand ? !UNDERSTOOD.has(status) : control.noStore) return 'no-store'
  if (profile.requestDirectives.noStore && requestControl(request.fields)?.noStore) return 'request-no-store'
  if (profile.shared) {
    if (control.private === true) return 'private'
    // RFC 9111 section 3.5
    const mayShare = control.public || control.mustRevalidate || control.sMaxage !== undefined
    if (request.fields.authorization !== undefined && !mayShare) return 'authorization'
  }
  if (profile.policy === 'safe') {
    if (UNSAFE_STATUS.has(status) || status >= 500) return 'status'
    if (fields['set-cookie'] !== undefined || fields['set-cookie2'] !== undefined) return 'set-cookie'
  }
  return undefined
}

function lifetimeOf(
  status: number,
  fields: Fields,
  directives: ResponseDirectives,
  rule: StorageRule,
  profile: Profile,
  responseTime: number,
): Lifetime {
  const explicit = explicitLifetime(fields, directives, profile, responseTime)
  // A rule is the author's word on answers that say nothing. It is not meant for a cookie, which is somebody's own, nor
  // for a status that speaks of one request, such as the 429 of a rate limiter.
  const ruled =
    rule.ttl !== undefined &&
    isHeuristicallyCacheable(status) &&
    fields['set-cookie'] === undefined &&
    directives.control.noCache !== true
  const isOverridden = explicit === undefined || (rule.force && explicit.source === 'max-age')
  if (ruled && isOverridden) return { lifetime: rule.ttl as number, source: 'rule' }
  if (explicit !== undefined) return explicit
  if (profile.policy === 'rfc9111') {
    const lifetime = heuristicLifetime(status, fields, directives, responseTime)
    if (lifetime > 0) return { lifetime, source: 'heuristic' }
  }
  return { lifetime: 0, source: 'none' }
}

/**
 * Whether the fields or the content of an answer repeat one of the request's tracing ids: then it belongs to that
 * request alone.
 */
export function echoesTrace(request: Fields, answer: readonly string[] | Buffer): boolean {
  for (const name of TRACING) {
    const value = combined(request[name])
    if (value !== undefined && value.length >= 8 && answer.includes(value)) return true
  }
  return false
}

/** Fields that name one request; handlers read them for logs, so reading them never counts. */
export const TRACING: readonly string[] = [
  'traceparent',
  'tracestate',
  'x-request-id',
  'x-correlation-id',
  'request-id',
  'x-amzn-trace-id',
  'x-cloud-trace-context',
  'b3',
  'x-b3-traceid',
  'x-b3-spanid',
]
