import { failureOrigin, isTimeout } from '../../core/breaker/origin.ts'
import type { Controller, DispatchOptions, ResponseFields } from './types.ts'

/** How a request to an upstream ended, as `isFailure` is asked about it. */
export type UpstreamOutcome =
  | { readonly type: 'error'; readonly error: Error }
  | { readonly type: 'response'; readonly statusCode: number; readonly headers: ResponseFields }

/** Whether this is a failure of the upstream. */
export type IsUpstreamFailure = (outcome: UpstreamOutcome, request: DispatchOptions) => boolean

/** What a permit is told. */
export type Verdict = 'success' | 'failure' | 'rate-limit' | 'neutral'

/** Errors that do not tell of the upstream: the caller's or this process's own doing, and another breaker's refusal. */
const NEUTRAL = new Set([
  'CIRCUIT_OPEN',
  'RESPONSE_TOO_LARGE',
  'UND_ERR_ABORTED',
  'UND_ERR_CLOSED',
  'UND_ERR_DESTROYED',
  'UND_ERR_INVALID_ARG',
  'UND_ERR_INVALID_RETURN_VALUE',
  'UND_ERR_NOT_SUPPORTED',
  'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH',
  'UND_ERR_RES_EXCEEDED_MAX_SIZE',
])

const TIMEOUTS = new Set(['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'])

/** Errors that undici's own interceptors make of an answer. */
const ANSWERS = new Set(['UND_ERR_REQ_RETRY', 'UND_ERR_RESPONSE'])

/** The verdict on a final response head; a success may still turn out otherwise with the body. */
export function verdictOnHead(
  statusCode: number,
  headers: ResponseFields,
  request: DispatchOptions,
  isFailure: IsUpstreamFailure | undefined,
): Verdict {
  const hasFailed =
    isFailure === undefined
      ? isFailingStatus(statusCode)
      : isFailure({ type: 'response', statusCode, headers }, request)
  if (hasFailed) return 'failure'
  return statusCode === 429 ? 'rate-limit' : 'success'
}

/** The verdict on an error that is not made of an answer. */
export function verdictOnError(
  controller: Controller | null | undefined,
  error: Error,
  request: DispatchOptions,
  isFailure: IsUpstreamFailure | undefined,
): Verdict {
  if (!isTimedOut(error, request) && (controller?.aborted || isOfRequestBody(error, request.body))) return 'neutral'
  const hasFailed =
    isFailure === undefined
      ? !NEUTRAL.has(codeOf(error)) || isTimedOut(error, request)
      : isFailure({ type: 'error', error }, request)
  return hasFailed ? 'failure' : 'neutral'
}

/** The answer that undici's `retry` or `responseError`, mounted inside, made this error of. */
export function answerIn(error: Error): { readonly statusCode: number; readonly headers: ResponseFields } | undefined {
  if (!ANSWERS.has(codeOf(error))) return undefined
  const { statusCode, headers } = error as { statusCode?: unknown; headers?: unknown }
  // With a lower one `retry` says that it could not go on where an answer had broken off.
  if (typeof statusCode !== 'number' || statusCode < 400) return undefined
  const isRecord = typeof headers === 'object' && headers !== null && !Array.isArray(headers)
  return { statusCode, headers: isRecord ? (headers as ResponseFields) : {} }
}

function isFailingStatus(status: number): boolean {
  return status === 500 || status === 502 || status === 503 || status === 504
}

/** Whether it was over because it took too long, be it by the caller's own `AbortSignal.timeout`. */
function isTimedOut(error: Error, request: DispatchOptions): boolean {
  const { signal } = request as { signal?: { reason?: unknown } | null }
  return TIMEOUTS.has(codeOf(error)) || isTimeout(error) || isTimeout(signal?.reason)
}

/** Whether what the caller sends broke, such as a file it reads or the upload that it passes on. */
function isOfRequestBody(error: Error, body: unknown): boolean {
  if (typeof body !== 'object' || body === null || ArrayBuffer.isView(body)) return false
  if ('errored' in body) return body.errored === error
  // An iterable keeps no error. What names no fault of the network is taken for its own.
  const isIterable = Symbol.asyncIterator in body || Symbol.iterator in body
  return isIterable && codeOf(error) === '' && failureOrigin(error) === 'upstream'
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null | undefined)?.code
  return typeof code === 'string' ? code : ''
}
