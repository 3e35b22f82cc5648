import type { Duplex } from 'node:stream'
import { knownOptions, positiveInteger } from '../../core/options.ts'
import { Origins } from './origins.ts'
import type { Controller, Handler, Interceptor, ResponseFields } from './types.ts'

/** Options of a limit for the content of answers. */
export interface ResponseLimitOptions {
  /** Bytes of content that are handed on at most. No default: it has to be given. */
  readonly maxSize: number
  /** Only answers of these origins are limited. Default: all. */
  readonly origins?: readonly (string | RegExp)[] | undefined
}

/**
 * Ends every answer whose content is larger than `maxSize` with a ResponseTooLargeError, at its head where that declares
 * its length. Mounted outside undici's `decompress` it counts decoded bytes, so that nobody has to hold what a few
 * kilobytes of encoding unfold to: `new Agent().compose(interceptors.decompress(), limitResponse({ maxSize }))`.
 *
 * @throws TypeError or RangeError for an option it cannot use.
 */
export function limitResponse(options: ResponseLimitOptions): Interceptor {
  knownOptions('limitResponse', options, ['maxSize', 'origins'])
  // null, because what is left out would be let pass.
  const maxSize = positiveInteger('maxSize', options?.maxSize ?? null, 1)
  const origins = options.origins && new Origins(options.origins)
  return (dispatch) => (opts, handler) => {
    // What is no request is undici's to refuse.
    const isMeant = typeof handler === 'object' && handler !== null && origins?.includes(opts?.origin) !== false
    return dispatch(opts, isMeant ? new LimitedHandler(handler, maxSize, opts?.method === 'HEAD') : handler)
  }
}

/** An answer had more content than a `limitResponse` lets through. */
export class ResponseTooLargeError extends Error {
  declare readonly name: 'ResponseTooLargeError'
  declare readonly code: 'RESPONSE_TOO_LARGE'
  /** The limit, in bytes. */
  readonly maxSize: number

  /** @param declared The Content-Length that said so, if it was not noticed by counting. */
  constructor(maxSize: number, declared: number | undefined) {
    const content = declared === undefined ? 'content that goes on' : `${declared} bytes of content, which is`
    super(`The response has ${content} beyond maxSize (${maxSize} bytes): raise maxSize, or ask for less`)
    this.maxSize = maxSize
  }

  static {
    Object.defineProperties(ResponseTooLargeError.prototype, {
      name: { value: 'ResponseTooLargeError', configurable: true, writable: true },
      code: { value: 'RESPONSE_TOO_LARGE', configurable: true, writable: true, enumerable: true },
    })
  }
}

/** Stands between an origin and the handler of a request: hands on what is within the limit. */
class LimitedHandler implements Handler {
  readonly #handler: Handler
  readonly #maxSize: number
  readonly #isHead: boolean
  /** Bytes. */
  #received = 0
  #refusal: ResponseTooLargeError | undefined

  constructor(handler: Handler, maxSize: number, isHead: boolean) {
    this.#handler = handler
    this.#maxSize = maxSize
    this.#isHead = isHead
  }

  onRequestStart(controller: Controller, context: unknown): void {
    this.#handler.onRequestStart?.(controller, context)
  }

  onRequestUpgrade(controller: Controller, status: number, fields: ResponseFields, socket: Duplex): void {
    this.#handler.onRequestUpgrade?.(controller, status, fields, socket)
  }

  onResponseStarted(): void {
    this.#handler.onResponseStarted?.()
  }

  onBodySent(chunk: Buffer): void {
    this.#handler.onBodySent?.(chunk)
  }

  onRequestSent(): void {
    this.#handler.onRequestSent?.()
  }

  onResponseStart(controller: Controller, status: number, fields: ResponseFields, statusText?: string): void {
    const declared = this.#hasContent(status) ? Number(fields['content-length']) : 0
    if (declared > this.#maxSize) return this.#refuse(controller, declared)
    this.#handler.onResponseStart?.(controller, status, fields, statusText)
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    if (this.#refusal !== undefined) return
    this.#received += chunk.length
    if (this.#received > this.#maxSize) return this.#refuse(controller, undefined)
    this.#handler.onResponseData?.(controller, chunk)
  }

  onResponseEnd(controller: Controller, trailers: ResponseFields): void {
    // Some layers let an answer come to its end although it was aborted.
    if (this.#refusal !== undefined) this.#handler.onResponseError?.(controller, this.#refusal)
    else this.#handler.onResponseEnd?.(controller, trailers)
  }

  onResponseError(controller: Controller, error: Error): void {
    this.#handler.onResponseError?.(controller, this.#refusal ?? error)
  }

  /** RFC 9110 section 6.4.1: otherwise Content-Length tells of what another request would be answered with. */
  #hasContent(status: number): boolean {
    return !this.#isHead && status >= 200 && status !== 204 && status !== 304
  }

  #refuse(controller: Controller, declared: number | undefined): void {
    this.#refusal = new ResponseTooLargeError(this.#maxSize, declared)
    controller.abort(this.#refusal)
  }
}
