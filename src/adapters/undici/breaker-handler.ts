import type { Duplex } from 'node:stream'
import type { Permit } from '../../core/breaker/permit.ts'
import { parseRetryAfter } from '../../core/http/retry-after.ts'
import { answerInstead } from './breaker-fallback.ts'
import type { BreakerMount } from './breaker-options.ts'
import { answerIn, type Verdict, verdictOnError, verdictOnHead } from './breaker-verdict.ts'
import type { Controller, DispatchOptions, Handler, ResponseFields } from './types.ts'

/** Stands between an upstream and the handler of a request: hands everything on, and tells the permit how it ends. */
export class GuardedHandler implements Handler {
  readonly #handler: Handler
  readonly #permit: Permit
  readonly #opts: DispatchOptions
  readonly #mount: BreakerMount
  #state: 'asking' | 'answered' | 'over' = 'asking'

  constructor(handler: Handler, permit: Permit, opts: DispatchOptions, mount: BreakerMount) {
    this.#handler = handler
    this.#permit = permit
    this.#opts = opts
    this.#mount = mount
  }

  onRequestStart(controller: Controller, context: unknown): void {
    try {
      this.#handler.onRequestStart?.(controller, context)
    } catch (error) {
      throw this.#broken(error)
    }
  }

  onRequestUpgrade(controller: Controller, status: number, fields: ResponseFields, socket: Duplex): void {
    try {
      this.#judgeHead(status, fields)
      // What is spoken from now on is between the caller and the upstream.
      this.#permit.succeed()
      this.#state = 'over'
      this.#handler.onRequestUpgrade?.(controller, status, fields, socket)
    } catch (error) {
      throw this.#broken(error)
    }
  }

  onResponseStarted(): void {
    this.#handler.onResponseStarted?.()
  }

  onBodySent(chunk: Buffer): void {
    try {
      this.#handler.onBodySent?.(chunk)
    } catch (error) {
      throw this.#broken(error)
    }
  }

  onRequestSent(): void {
    try {
      this.#handler.onRequestSent?.()
    } catch (error) {
      throw this.#broken(error)
    }
  }

  onResponseStart(controller: Controller, status: number, fields: ResponseFields, statusText?: string): void {
    try {
      if (status >= 200) this.#judgeHead(status, fields)
      this.#handler.onResponseStart?.(controller, status, fields, statusText)
    } catch (error) {
      throw this.#broken(error)
    }
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    try {
      this.#handler.onResponseData?.(controller, chunk)
    } catch (error) {
      throw this.#broken(error)
    }
  }

  onResponseEnd(controller: Controller, trailers: ResponseFields): void {
    // The upstream has done its part, whatever the handler makes of it.
    this.#permit.succeed()
    this.#state = 'over'
    this.#handler.onResponseEnd?.(controller, trailers)
  }

  onResponseError(controller: Controller, error: Error): void {
    if (this.#state === 'over') return this.#handler.onResponseError?.(controller, error)
    const isAnswered = this.#state === 'answered'
    this.#state = 'over'
    let verdict: Verdict
    try {
      verdict = this.#judgeError(controller, error)
    } catch (fault) {
      this.#permit.release()
      return this.#handler.onResponseError?.(controller, fault as Error)
    }
    const { fallback } = this.#mount
    if (verdict === 'failure' && !isAnswered && fallback !== undefined) {
      return answerInstead(fallback, error, this.#opts, this.#handler)
    }
    this.#handler.onResponseError?.(controller, error)
  }

  /** The handler threw, or a function of the options did: that says nothing about the upstream. */
  #broken(error: unknown): unknown {
    this.#state = 'over'
    this.#permit.release()
    return error
  }

  #judgeHead(status: number, fields: ResponseFields): void {
    const verdict = verdictOnHead(status, fields, this.#opts, this.#mount.isFailure)
    this.#state = 'answered'
    if (verdict === 'success') this.#permit.responded()
    else this.#settle(verdict, status, fields)
  }

  #judgeError(controller: Controller, error: Error): Verdict {
    const { isFailure } = this.#mount
    const answer = answerIn(error)
    const verdict =
      answer === undefined
        ? verdictOnError(controller, error, this.#opts, isFailure)
        : verdictOnHead(answer.statusCode, answer.headers, this.#opts, isFailure)
    this.#settle(verdict, error, answer?.headers)
    return verdict
  }

  #settle(verdict: Verdict, reason: unknown, fields: ResponseFields | undefined): void {
    switch (verdict) {
      case 'success':
        return this.#permit.succeed()
      case 'failure':
        return this.#permit.fail(reason, { retryAfter: this.#retryAfter(fields) })
      case 'rate-limit':
        return this.#permit.rateLimited(this.#retryAfter(fields))
      case 'neutral':
        return this.#permit.release()
    }
  }

  #retryAfter(fields: ResponseFields | undefined): number | undefined {
    return parseRetryAfter(fields?.['retry-after'], this.#mount.registry.clock.now())
  }
}
