import type { Duplex } from 'node:stream'
import type { Exchange } from '../../core/cache/exchange.ts'
import type { Recording } from '../../core/cache/recording.ts'
import { isOriginLost } from './lost.ts'
import { OwnPace } from './own-pace.ts'
import { play } from './play.ts'
import { isRedirected } from './redirects.ts'
import { addRawCacheStatus, linesOf, withCacheStatus } from './response-fields.ts'
import type { Controller, Handler, ResponseFields } from './types.ts'

/** Of an answer that is not handed on, so much is read to keep its connection; a longer one costs the connection. */
const DRAINED = 1024 * 1024

/**
 * Stands between the origin and the handler of a request that went forward: hands everything on, lets the exchange
 * judge the head, and does what it says.
 */
export class Forwarding implements Handler {
  readonly #handler: Handler
  readonly #exchange: Exchange
  #state: 'asking' | 'handing-on' | 'replaced' = 'asking'
  #recording: Recording | undefined
  /** Where the answer may be recorded. */
  #pace: OwnPace | undefined
  #drained = 0
  #context: unknown
  #handlerFailed = false

  constructor(handler: Handler, exchange: Exchange) {
    this.#handler = handler
    this.#exchange = exchange
  }

  onRequestStart(controller: Controller, context: unknown): void {
    if (this.#state === 'replaced') return
    this.#context = context
    this.#pace = this.#exchange.mayStore ? new OwnPace(controller, this.#handler) : undefined
    try {
      this.#handler.onRequestStart?.(this.#pace ?? controller, context)
    } catch (error) {
      this.#handlerFailed = true
      throw error
    }
  }

  onRequestUpgrade(controller: Controller, status: number, fields: ResponseFields, socket: Duplex): void {
    this.#exchange.abandon()
    this.#handler.onRequestUpgrade?.(this.#pace ?? controller, status, fields, socket)
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
    const given = this.#pace ?? controller
    if (status < 200) return this.#handler.onResponseStart?.(given, status, fields, statusText)
    if (isRedirected(this.#context) && status !== 304) this.#exchange.abandon()
    const outcome = this.#exchange.head({ status, statusText, lines: linesOf(fields) })
    switch (outcome.kind) {
      case 'replace':
        this.#state = 'replaced'
        return play(outcome.reply, this.#handler)
      case 'record':
        this.#recording = outcome.recording
        this.#pace?.follow(outcome.recording)
    }
    this.#state = 'handing-on'
    const { cacheStatus } = outcome
    if (cacheStatus !== undefined) addRawCacheStatus(controller, cacheStatus)
    const seen = cacheStatus === undefined ? fields : withCacheStatus(fields, cacheStatus)
    this.#handler.onResponseStart?.(given, status, seen, statusText)
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    if (this.#state === 'replaced') return this.#drain(controller, chunk.length)
    // Recorded first: the chunk is the handler's to change.
    const copy = this.#recording?.write(chunk)
    if (this.#pace !== undefined) this.#pace.data(chunk, copy)
    else this.#handler.onResponseData?.(controller, chunk)
  }

  onResponseEnd(controller: Controller, trailers: ResponseFields): void {
    if (this.#state === 'replaced') return
    this.#exchange.finish()
    if (this.#pace !== undefined) this.#pace.end(trailers)
    else this.#handler.onResponseEnd?.(controller, trailers)
  }

  onResponseError(controller: Controller, error: Error): void {
    if (this.#state === 'replaced') return
    if (this.#state === 'asking' && !this.#handlerFailed && isOriginLost(controller, error)) {
      const reply = this.#exchange.lost()
      if (reply !== undefined) {
        this.#state = 'replaced'
        return play(reply, this.#handler)
      }
    }
    this.#exchange.abandon()
    if (this.#pace !== undefined) this.#pace.error(error)
    else this.#handler.onResponseError?.(controller, error)
  }

  #drain(controller: Controller, bytes: number): void {
    this.#drained += bytes
    if (this.#drained > DRAINED) controller.abort(new Error('The answer was served from the cache'))
  }
}
