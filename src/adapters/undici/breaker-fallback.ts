import { STATUS_CODES } from 'node:http'
import { Readable } from 'node:stream'
import type { Reply } from '../../core/cache/reply.ts'
import { quote } from '../../core/options.ts'
import { play } from './play.ts'
import type { DispatchOptions, Handler } from './types.ts'
import { Waiting } from './waiting.ts'

/** An answer in place of one from the upstream. */
export interface FallbackResponse {
  /** 200 to 599. */
  readonly statusCode: number
  /**
   * By field name. Content-Length is added, and `Cache-Control: no-store`, unless it has a Cache-Control of its own: a
   * cache outside must not keep it as if it were the upstream's.
   */
  readonly headers?: Readonly<Record<string, string | readonly string[]>> | undefined
  readonly body?: string | Uint8Array | undefined
}

/** Makes the answer; what it throws is what the caller gets. */
export type FallbackFunction = (
  error: Error,
  request: DispatchOptions,
) => FallbackResponse | PromiseLike<FallbackResponse>

/** A fallback as it is kept: an answer is made ready once. */
export type Fallback = Reply | FallbackFunction

/** @throws TypeError or RangeError, with the value quoted, for what is neither an answer nor a function. */
export function fallbackFrom(fallback: unknown): Fallback | undefined {
  if (fallback === undefined) return undefined
  return typeof fallback === 'function' ? (fallback as FallbackFunction) : replyFrom(fallback)
}

/** Answers a request without its upstream. Whatever goes wrong, the handler is told. */
export function answerInstead(fallback: Fallback, error: Error, opts: DispatchOptions, handler: Handler): void {
  if (typeof fallback !== 'function') return give(fallback, opts, handler)
  let made: FallbackResponse | PromiseLike<FallbackResponse>
  let reply: Reply
  try {
    made = fallback(error, opts)
    if (isPromise(made)) return wait(made, opts, handler)
    reply = replyFrom(made)
  } catch (fault) {
    return handler.onResponseError?.(null as never, fault as Error)
  }
  give(reply, opts, handler)
}

function wait(made: PromiseLike<FallbackResponse>, opts: DispatchOptions, handler: Handler): void {
  const { signal } = opts as { signal?: ConstructorParameters<typeof Waiting>[1] }
  void new Waiting(handler, signal).wait(Promise.resolve(made).then(replyFrom), (reply) => give(reply, opts, handler))
}

function give(reply: Reply, { method, body }: DispatchOptions, handler: Handler): void {
  // Nobody is going to send it: a file would stay open.
  if (body instanceof Readable) body.destroy()
  play(method === 'HEAD' ? { ...reply, body: undefined } : reply, handler)
}

function replyFrom(response: unknown): Reply {
  if (typeof response !== 'object' || response === null) {
    throw new TypeError(`fallback must be a response such as { statusCode: 200, body: '[]' }, not ${quote(response)}`)
  }
  const { statusCode, headers, body } = response as Record<string, unknown>
  const content = contentFrom(body)
  const status = statusFrom(statusCode)
  const mayHaveContent = status !== 204 && status !== 205 && status !== 304
  return {
    status,
    statusText: STATUS_CODES[status] ?? '',
    lines: linesFrom(headers, mayHaveContent ? content.length : undefined),
    body: mayHaveContent ? content : undefined,
    follows: undefined,
    bodyIdentity: undefined,
    note: undefined,
  }
}

function statusFrom(status: unknown): number {
  if (typeof status === 'number' && Number.isInteger(status) && status >= 200 && status <= 599) return status
  const problem = `fallback.statusCode must be a whole number from 200 to 599, not ${quote(status)}`
  throw typeof status === 'number' ? new RangeError(problem) : new TypeError(problem)
}

function contentFrom(body: unknown): Buffer {
  if (body === undefined || body === null) return Buffer.alloc(0)
  if (typeof body === 'string') return Buffer.from(body)
  if (body instanceof Uint8Array) return Buffer.from(body)
  throw new TypeError(`fallback.body must be a string or a Uint8Array, not ${quote(body)}`)
}

function linesFrom(headers: unknown, length: number | undefined): string[] {
  if (headers !== undefined && (typeof headers !== 'object' || headers === null || Array.isArray(headers))) {
    throw new TypeError(`fallback.headers must be an object of fields by name, not ${quote(headers)}`)
  }
  const lines: string[] = []
  const names = new Set<string>()
  for (const [name, value] of Object.entries(headers ?? {})) {
    names.add(name.toLowerCase())
    for (const line of [value].flat()) {
      if (typeof line !== 'string') throw new TypeError(`fallback.headers.${name} must be a string, not ${quote(line)}`)
      lines.push(name.toLowerCase(), line)
    }
  }
  if (!names.has('cache-control')) lines.push('cache-control', 'no-store')
  if (length !== undefined && !names.has('content-length')) lines.push('content-length', String(length))
  return lines
}

function isPromise<T>(made: T | PromiseLike<T>): made is PromiseLike<T> {
  return typeof (made as Partial<PromiseLike<T>> | null | undefined)?.then === 'function'
}
