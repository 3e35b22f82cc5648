import type { ServerResponse } from 'node:http'
import type { CircuitOpenError, RefusalReason } from '../../core/breaker/errors.ts'
import type { TermPoolError } from '../../core/sequence/term-pool.ts'
import { INSTEAD, type MarkedResponse } from './symbols.ts'

/** What a problem document says (RFC 9457 section 3). */
export interface Problem {
  readonly status: number
  readonly title: string
  readonly detail: string
  /** The same as the field Retry-After, which is sent along: whole seconds. */
  readonly retryAfter?: number
  readonly reason?: RefusalReason
  readonly breaker?: string
  /** The most items that a page may be asked for. */
  readonly maxSize?: number
  /** The most terms that may be asked for from where this request began. */
  readonly maxLimit?: number
  /** Of the term that could not be had. */
  readonly index?: number
}

/** A refused call as an answer: 503, with the time after which trying again makes sense. */
export function refusal({ breaker, reason, retryAfter }: CircuitOpenError, exposesName: boolean): Problem {
  const seconds = Math.max(1, Math.ceil(retryAfter / 1000))
  return {
    status: 503,
    title: 'Service Unavailable',
    detail: sentence(reason, seconds),
    retryAfter: seconds,
    reason,
    ...(exposesName ? { breaker } : {}),
  }
}

/** For whoever is outside: without names of what is inside. */
function sentence(reason: RefusalReason, seconds: number): string {
  switch (reason) {
    case 'open':
      return `What this answer is made of has failed and is given time: try again in ${seconds} s`
    case 'half-open':
      return 'What this answer is made of has failed and is being tried again: try again soon'
    case 'isolated':
      return 'What this answer is made of is out of use until an operator changes that'
    case 'concurrency':
      return 'Too many requests for this are under way: try again soon'
  }
}

/** What workers have not computed, as an answer. */
export function poolProblem({ reason, retryAfter }: TermPoolError): Problem {
  if (retryAfter === undefined) {
    return { status: 500, title: 'Internal Server Error', detail: 'What this answer is made of could not be computed' }
  }
  const detail =
    reason === 'full'
      ? 'Too many costly requests are under way: try again soon'
      : 'It could not be computed in the time that there is: try again later, or ask for less'
  return { status: 503, title: 'Service Unavailable', detail, retryAfter: Math.max(1, Math.ceil(retryAfter / 1000)) }
}

/** Fields of a handler that describe an answer it did not come to give. */
const DESCRIBING = [
  'Accept-Ranges',
  'CDN-Cache-Control',
  'Content-Disposition',
  'Content-Encoding',
  'Content-Language',
  'Content-Range',
  'ETag',
  'Expires',
  'Last-Modified',
  'Surrogate-Control',
  'Trailer',
  'Transfer-Encoding',
]

/** Sets the fields of a problem and returns its body. What the handler said of an answer of its own is taken back. */
export function prepareProblem(response: ServerResponse, problem: Problem): string {
  // Without a type of its own a problem is about its status (RFC 9457 section 4.2.1).
  const body = JSON.stringify({ type: 'about:blank', ...problem })
  for (const name of DESCRIBING) response.removeHeader(name)
  response.setHeader('Content-Type', 'application/problem+json')
  response.setHeader('Content-Length', Buffer.byteLength(body))
  response.setHeader('Cache-Control', 'no-store')
  if (problem.retryAfter !== undefined) response.setHeader('Retry-After', problem.retryAfter)
  return body
}

export function sendProblem(response: ServerResponse, problem: Problem): void {
  const body = prepareProblem(response, problem)
  response.statusCode = problem.status
  response.end(body)
}

/** Marks a response whose answer is made in place of a refused one. */
export function markInstead(response: ServerResponse): void {
  ;(response as MarkedResponse)[INSTEAD] = true
}
