import { cacheStatus } from '../http/cache-status.ts'
import type { FieldLines, RequestHead } from '../http/message.ts'
import { parseRange, rangeApplies, requestedRange } from '../http/range.ts'
import { evaluateConditions } from '../http/validators.ts'
import type { ItemBody } from '../store/guard.ts'
import { CONTENT_FIELDS, type Entry, withoutFields } from './entry.ts'
import { follow, type Reader } from './recording.ts'
import { StoredPart } from './stored-part.ts'

/** An answer from the cache, ready to be written. Its arrays and its body belong to the cache: never change them. */
export interface Reply {
  readonly status: number
  readonly statusText: string
  /** Complete field lines, with Age, Cache-Status and, where there is content, Content-Length. */
  readonly lines: FieldLines
  /** Undefined where the answer has no content (HEAD, 304) or streams. */
  readonly body: Buffer | undefined
  /** Who reads the recording in flight along whose bytes are the content. */
  readonly follows: Reader | undefined
  /** The part of a large stored body that is the content: who does not send it must `dismiss` the answer. */
  readonly stored?: StoredPart | undefined
  /** Names the identity body, for layers that remember encodings of it; undefined for parts and errors. */
  readonly bodyIdentity: string | undefined
  /** The bridge's remark on how the stored answer was given. */
  readonly note: string | undefined
}

/** What Cache-Status says of an answer beyond a plain hit (RFC 9211 section 2). */
export interface StatusParts {
  readonly hit?: boolean
  readonly fwd?: string
  readonly fwdStatus?: number
  readonly ttl?: number
  readonly stored?: boolean
  readonly collapsed?: boolean
  readonly detail?: string
}

/** Content that is not all here, to be pulled at the reader's own speed; undefined where it is all in `body`. */
export function streamOf({ follows, stored }: Reply): AsyncIterableIterator<Buffer, void, void> | undefined {
  return follows === undefined ? stored : follow(follows)
}

/** Gives back what an answer that is not sent holds open. */
export function dismiss({ stored }: Reply): void {
  stored?.close()
}

/** Bytes of a stored body as an answer's content; `end` exclusive. */
function contentOf(body: ItemBody, start: number, end: number): Pick<Reply, 'body' | 'follows' | 'stored'> {
  if (!Buffer.isBuffer(body)) return { body: undefined, follows: undefined, stored: new StoredPart(body, start, end) }
  const part = start === 0 && end === body.length ? body : body.subarray(start, end)
  return { body: part, follows: undefined }
}

/** Whether a request can be answered with the whole entry as it is. */
function isPlain({ method, fields }: RequestHead): boolean {
  return (
    method === 'GET' &&
    fields['if-none-match'] === undefined &&
    fields['if-modified-since'] === undefined &&
    fields.range === undefined
  )
}

/**
 * The answer to a request from an entry: whole, 304, 206, 416 or without content.
 * `parts` undefined means a plain hit. The entry must cover the request (see `covers`).
 */
export function replyFrom(
  entry: Entry,
  body: ItemBody,
  request: RequestHead,
  now: number,
  name: string | false,
  parts?: StatusParts,
): Reply {
  const plainHit = parts === undefined
  const { status, statusText, note } = entry
  const identity = status === 200 ? `${entry.id}.${entry.version}` : undefined
  if (isPlain(request) && entry.range === undefined) {
    const lines = plainHit ? entry.hitLines(now, name) : completeLines(entry.lines, entry, now, name, parts)
    if (!Buffer.isBuffer(body)) {
      return { status, statusText, lines, ...contentOf(body, 0, body.length), bodyIdentity: identity, note }
    }
    return { status, statusText, lines, body, follows: undefined, bodyIdentity: identity, note }
  }
  if (status >= 200 && status < 300 && isNotModified(entry, request)) {
    const lines = plainHit
      ? entry.notModifiedLines(now, name)
      : completeLines(withoutFields(entry.lines, CONTENT_FIELDS), entry, now, name, parts)
    return {
      status: 304,
      statusText: 'Not Modified',
      lines,
      body: undefined,
      follows: undefined,
      bodyIdentity: undefined,
      note,
    }
  }
  if (request.method === 'GET' && request.fields.range !== undefined && (status === 200 || status === 206)) {
    const ranged = rangeReply(entry, body, request, now, name, parts)
    if (ranged !== undefined) return ranged
  }
  const lines = plainHit ? entry.hitLines(now, name) : completeLines(entry.lines, entry, now, name, parts)
  const content = request.method === 'HEAD' ? { body: undefined, follows: undefined } : contentOf(body, 0, body.length)
  return { status, statusText, lines, ...content, bodyIdentity: identity, note }
}

/** The answer to a plain GET that follows a recording still in flight. */
export function replyFollowing(
  entry: Entry,
  follows: Reader,
  now: number,
  name: string | false,
  parts: StatusParts,
): Reply {
  const lines = completeLines(entry.lines, entry, now, name, parts)
  return {
    status: entry.status,
    statusText: entry.statusText,
    lines,
    body: undefined,
    follows,
    bodyIdentity: undefined,
    note: entry.note,
  }
}

/** 504 to a request with only-if-cached that the cache cannot satisfy (RFC 9111 section 5.2.1.7). */
export function forbiddenReply(name: string | false): Reply {
  const lines = ['Content-Length', '0', 'Cache-Control', 'no-store']
  if (name !== false) lines.push('Cache-Status', cacheStatus(name, { detail: 'only-if-cached' }))
  return {
    status: 504,
    statusText: 'Gateway Timeout',
    lines,
    body: EMPTY,
    follows: undefined,
    bodyIdentity: undefined,
    note: undefined,
  }
}

const EMPTY = Buffer.alloc(0)

/** Whether an entry holds what a request asks for: a stored part answers only requests for parts within it. */
export function covers(entry: Entry, request: RequestHead): boolean {
  const part = entry.range
  if (part === undefined) return true
  if (request.method !== 'GET' || request.fields['if-range'] !== undefined) return false
  const wanted = wantedPart(request, part.size)
  return wanted !== undefined && wanted.start >= part.start && wanted.end <= part.end
}

/** Whether an entry suits a request's person: what was made in the absence of a user is not for a user. */
export function suits({ absences }: Entry, { personal }: RequestHead): boolean {
  return absences.length === 0 || personal === undefined || !absences.some((name) => personal.includes(name))
}

function wantedPart(request: RequestHead, size: number): { start: number; end: number } | undefined {
  if (requestedRange(request.fields.range) === undefined) return undefined
  const range = parseRange(request.fields.range, size)
  return range === undefined || range === 'unsatisfiable' ? undefined : range
}

function isNotModified(entry: Entry, { fields, method }: RequestHead): boolean {
  if (fields['if-none-match'] === undefined && fields['if-modified-since'] === undefined) return false
  return evaluateConditions(fields, entry.validators, method) === 'not-modified'
}

/** RFC 9110 section 14: one range of a stored whole, or of a stored part that covers it. */
function rangeReply(
  entry: Entry,
  body: ItemBody,
  request: RequestHead,
  now: number,
  name: string | false,
  parts: StatusParts | undefined,
): Reply | undefined {
  if (!rangeApplies(request.fields, entry.validators)) return undefined
  const offset = entry.range?.start ?? 0
  const size = entry.range?.size ?? body.length
  const range = parseRange(request.fields.range, size)
  if (range === undefined) return undefined
  if (range === 'unsatisfiable') {
    const rest = completeLines(withoutFields(entry.lines, REPRESENTATION_FIELDS), entry, now, name, parts)
    const lines = ['Content-Range', `bytes */${size}`, 'Content-Length', '0', 'Cache-Control', 'no-store', ...rest]
    return {
      status: 416,
      statusText: 'Range Not Satisfiable',
      lines,
      body: EMPTY,
      follows: undefined,
      bodyIdentity: undefined,
      note: entry.note,
    }
  }
  const rest = completeLines(withoutFields(entry.lines, RANGE_FIELDS), entry, now, name, parts)
  const lines = [
    'Content-Range',
    `bytes ${range.start}-${range.end}/${size}`,
    'Content-Length',
    String(range.end - range.start + 1),
    ...rest,
  ]
  return {
    status: 206,
    statusText: 'Partial Content',
    lines,
    ...contentOf(body, range.start - offset, range.end - offset + 1),
    bodyIdentity: undefined,
    note: entry.note,
  }
}

const RANGE_FIELDS = new Set(['content-length', 'content-range'])

/** What a 416 must not say of itself, least of all for how long other caches may keep it. */
const REPRESENTATION_FIELDS = new Set([
  ...CONTENT_FIELDS,
  'accept-ranges',
  'cache-control',
  'cdn-cache-control',
  'etag',
  'expires',
  'last-modified',
])

function completeLines(
  lines: FieldLines,
  entry: Entry,
  now: number,
  name: string | false,
  parts: StatusParts = { hit: true, ttl: entry.ttl(now) },
): string[] {
  const complete = [...lines, 'Age', String(entry.age(now))]
  if (name !== false) complete.push('Cache-Status', cacheStatus(name, parts))
  return complete
}
