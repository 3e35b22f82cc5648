import type { IncomingMessage, OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { Coding } from '../../core/compression/coding.ts'
import type { Compressor } from '../../core/compression/compressor.ts'
import { choose, isEncodable } from '../../core/compression/verdict.ts'
import { matchesAny } from '../../core/http/entity-tag.ts'
import { type HeadArguments, withMember } from './head-lines.ts'

/** Whoever says by `compress` whether an answer is encoded: the response, or Koa's context. */
export interface Switch {
  /** `false`: not this answer. `true`: this one whatever its type. */
  compress?: boolean | undefined
}

/** Which answers are encoded, and by whom. */
export interface EncodingRules {
  readonly compressor: Compressor
  /** Whether `allows` looks at the response itself. */
  readonly hasFilter: boolean
  allows(request: IncomingMessage, response: ServerResponse, owner: Switch, type: string | undefined): boolean
}

/** What is to be done with an answer whose head is final. */
export type Verdict =
  /** It could not be encoded for anybody. */
  | { readonly kind: 'untouched' }
  /** It could be, but not for this request. */
  | { readonly kind: 'identity' }
  /** A 304 for an answer that may have been encoded. */
  | { readonly kind: 'not-modified' }
  /** This request takes nothing that there is. */
  | { readonly kind: 'refuse' }
  | Encoding

export interface Encoding {
  readonly kind: 'encode'
  readonly coding: Coding
  /** The request does not take the content as it is. */
  readonly isForced: boolean
  readonly type: string | undefined
  /** Bytes, as Content-Length says. */
  readonly length: number | undefined
}

const UNTOUCHED: Verdict = { kind: 'untouched' }
const IDENTITY: Verdict = { kind: 'identity' }
const NOT_MODIFIED: Verdict = { kind: 'not-modified' }

/** Decides over an answer by its final head. `acceptEncoding` is asked for only where it makes a difference. */
export function judgeEncoding(
  request: IncomingMessage,
  response: ServerResponse,
  head: HeadArguments,
  owner: Switch,
  rules: EncodingRules,
  acceptEncoding: () => string | undefined,
): Verdict {
  if (owner.compress === false) return UNTOUCHED
  const { status } = head
  if (status === 304) return judgeNotModified(response, head)
  const type = fieldOf(response, head, 'content-type')
  const isAllowed = (): boolean => rules.allows(request, response, owner, type)
  // Most of what is not encoded shows it by its type. A filter is asked about nothing that could not be encoded.
  if (!rules.hasFilter && !isAllowed()) return UNTOUCHED
  const cacheControl = fieldOf(response, head, 'cache-control')
  const contentEncoding = fieldOf(response, head, 'content-encoding')
  const contentRange = fieldOf(response, head, 'content-range')
  if (!isEncodable({ status, contentEncoding, contentRange, cacheControl })) return UNTOUCHED
  if (rules.hasFilter && !isAllowed()) return UNTOUCHED
  const choice = choose(rules.compressor.negotiate(acceptEncoding()), status)
  if (choice.kind !== 'encode') return choice
  const length = lengthOf(fieldOf(response, head, 'content-length'))
  const isSmall = length !== undefined && length < rules.compressor.settings.threshold
  return isSmall && !choice.isForced ? IDENTITY : { ...choice, type, length }
}

function judgeNotModified(response: ServerResponse, head: HeadArguments): Verdict {
  const cacheControl = fieldOf(response, head, 'cache-control')
  const contentEncoding = fieldOf(response, head, 'content-encoding')
  return isEncodable({ ...ANY, contentEncoding, cacheControl }) ? NOT_MODIFIED : UNTOUCHED
}

/** Any answer with content. */
const ANY = { status: 200, contentRange: undefined }

function lengthOf(field: string | undefined): number | undefined {
  return field !== undefined && /^\d{1,15}$/.test(field) ? Number(field) : undefined
}

/** A field of the answer: what `writeHead` was given replaces what is set. `name` is lower-case. */
function fieldOf(response: ServerResponse, { fields }: HeadArguments, name: string): string | undefined {
  return given(fields, name) ?? textOf(response.getHeader(name))
}

function given(fields: HeadArguments['fields'], name: string): string | undefined {
  if (fields === undefined) return undefined
  let value: string | undefined
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const said = String(fields[i])
    if (said.length !== name.length || said.toLowerCase() !== name) continue
    const line = textOf(fields[i + 1])
    value = value === undefined ? line : `${value}, ${line}`
  }
  return value
}

/** All lines of a field of an answer: whoever sets one may do so by a number or by several lines. */
export function textOf(value: OutgoingHttpHeader | undefined): string | undefined {
  if (value === undefined || typeof value === 'string') return value
  return Array.isArray(value) ? value.join(', ') : String(value)
}

/** Sets the fields that `writeHead` was given, as Node does where others are set already. */
export function setGiven(response: ServerResponse, args: readonly unknown[]): void {
  const given = typeof args[1] === 'string' ? args[2] : (args[2] ?? args[1])
  if (typeof given !== 'object' || given === null) return
  if (!Array.isArray(given)) {
    for (const [name, value] of Object.entries(given as OutgoingHttpHeaders)) {
      if (value !== undefined) response.setHeader(name, value)
    }
    return
  }
  const flat = (Array.isArray(given[0]) ? given.flat() : given) as OutgoingHttpHeader[]
  for (let i = 0; i < flat.length; i += 2) response.removeHeader(String(flat[i]))
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const value = flat[i + 1] as OutgoingHttpHeader
    response.appendHeader(String(flat[i]), Array.isArray(value) ? value : String(value))
  }
}

/** Sets that the answer depends on Accept-Encoding (RFC 9110 section 12.5.5). */
export function varyByEncoding(response: ServerResponse): void {
  const vary = textOf(response.getHeader('Vary'))
  const united = unitedVary(vary)
  if (united !== vary) response.setHeader('Vary', united)
}

/** A Vary that says that the answer depends on Accept-Encoding. */
export function unitedVary(vary: string | undefined): string {
  if (vary === undefined || vary === '') return 'Accept-Encoding'
  return saysSo(vary) ? vary : `${vary}, Accept-Encoding`
}

/** The arguments of `writeHead` for an answer that depends on Accept-Encoding. */
export function withVary(response: ServerResponse, args: readonly unknown[], head: HeadArguments): readonly unknown[] {
  const vary = fieldOf(response, head, 'vary')
  if (vary !== undefined && saysSo(vary)) return args
  if (head.fields !== undefined) return withMember(response, args, 'Vary', 'Accept-Encoding')
  response.setHeader('Vary', unitedVary(vary))
  return args
}

function saysSo(vary: string): boolean {
  return /(?:^|,)[ \t]*(?:accept-encoding|\*)[ \t]*(?:,|$)/i.test(vary)
}

/** Of the content as it was: they do not hold for an encoding of it. Content-Length is replaced or left out. */
export const OF_IDENTITY: readonly string[] = [
  'Accept-Ranges',
  'Content-MD5',
  'Digest',
  'Repr-Digest',
  'Content-Digest',
]

/**
 * Sets the fields of an encoded answer. Its tag becomes weak: other encodings and other levels have other bytes under the
 * same tag (RFC 9110 section 8.8.3.3).
 *
 * @param length Bytes of the encoding, where it is all there.
 */
export function setEncodedFields(response: ServerResponse, coding: Coding, length: number | undefined): void {
  response.setHeader('Content-Encoding', coding)
  varyByEncoding(response)
  const tag = textOf(response.getHeader('ETag'))
  if (tag?.startsWith('"')) response.setHeader('ETag', weak(tag))
  for (const name of OF_IDENTITY) if (response.hasHeader(name)) response.removeHeader(name)
  if (length === undefined || isChunked(response)) response.removeHeader('Content-Length')
  else response.setHeader('Content-Length', length)
}

/** Whether its framing is settled already: a length besides would contradict it (RFC 9112 section 6.2), or leave no place for trailers. */
function isChunked(response: ServerResponse): boolean {
  return response.hasHeader('Transfer-Encoding') || response.hasHeader('Trailer') || hasTrailers(response)
}

/** Whether it was given trailers, announced or not. HTTP/2 has a place for them in any case. */
export function hasTrailers({ _trailer: trailers }: ServerResponse & { readonly _trailer?: string }): boolean {
  return trailers !== undefined && trailers !== ''
}

/** The weak form of an entity tag. */
export function weak(tag: string): string {
  return tag.startsWith('"') ? `W/${tag}` : tag
}

/** Sets the fields of a 304 that stands for an answer which may have been encoded: the client's own form of the tag. */
export function setNotModifiedFields(request: IncomingMessage, response: ServerResponse): void {
  varyByEncoding(response)
  const tag = textOf(response.getHeader('ETag'))
  const known = request.headers['if-none-match']
  if (tag?.startsWith('"') && known?.includes(`W/${tag}`) && matchesAny(known, tag)) {
    response.setHeader('ETag', `W/${tag}`)
  }
}
