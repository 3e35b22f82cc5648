import { parseCacheControl } from '../http/cache-control.ts'
import type { Coding } from './coding.ts'
import type { Negotiation } from './negotiate.ts'

/** What tells whether an answer may be encoded at all. */
export interface AnswerHead {
  readonly status: number
  readonly contentEncoding: string | undefined
  readonly contentRange: string | undefined
  readonly cacheControl: string | undefined
}

/**
 * Whether an answer may be given a coding: there is content, it is whole, it has none yet (RFC 9110 section 8.4), and
 * nobody forbids it (RFC 9111 section 5.2.2.6). Its type is another question.
 */
export function isEncodable({ status, contentEncoding, contentRange, cacheControl }: AnswerHead): boolean {
  if (status < 200 || status === 204 || status === 205 || status === 206 || status === 304) return false
  if (contentRange !== undefined) return false
  if (contentEncoding !== undefined && contentEncoding.toLowerCase() !== 'identity') return false
  return cacheControl === undefined || !parseCacheControl(cacheControl).noTransform
}

/** What to send: the content as it is, in a coding, or that there is nothing which the client takes. */
export type Choice =
  | { readonly kind: 'identity' }
  | { readonly kind: 'encode'; readonly coding: Coding; readonly isForced: boolean }
  | { readonly kind: 'refuse' }

const IDENTITY: Choice = { kind: 'identity' }
const REFUSE: Choice = { kind: 'refuse' }

/**
 * `isForced`: the client takes nothing but codings, so even what is small has to be encoded. Only where a success has
 * nothing acceptable is it refused with 406; an error is shown as it is (RFC 9110 sections 12.5.3 and 15.5.7).
 */
export function choose({ coding, identity }: Negotiation, status: number): Choice {
  if (coding === undefined) return identity === 'refused' && status < 300 ? REFUSE : IDENTITY
  return identity === 'preferred' ? IDENTITY : { kind: 'encode', coding, isForced: identity === 'refused' }
}
