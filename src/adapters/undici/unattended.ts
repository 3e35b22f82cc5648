import type { Exchange } from '../../core/cache/exchange.ts'
import type { Recording } from '../../core/cache/recording.ts'
import { isRedirected } from './redirects.ts'
import { withConditions } from './request-fields.ts'
import { linesOf } from './response-fields.ts'
import type { Controller, Dispatch, DispatchOptions, Handler, ResponseFields } from './types.ts'

/** What came of a request that nobody reads the answer of. */
export interface Unattended {
  readonly status: number
  readonly stored: boolean
}

/** The options of a caller that are about its own reading, not about the request. */
const CALLERS_OWN = { body: null, signal: undefined, opaque: undefined, onInfo: undefined }

/** Sends an exchange's request for the sake of the store alone; rejects where there was no answer. */
export function runUnattended(
  dispatch: Dispatch,
  opts: DispatchOptions,
  exchange: Exchange,
  ending: { readonly timeout?: number; readonly signal?: AbortSignal | undefined },
): Promise<Unattended> {
  const { method, fields } = exchange.request
  const headers = withConditions(fields, exchange.conditions ?? {})
  return new Promise((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer)
      ending.signal?.removeEventListener('abort', onAbort)
    }
    const handler = new Silent(
      exchange,
      (outcome) => {
        end()
        resolve(outcome)
      },
      (error) => {
        end()
        reject(error)
      },
    )
    const onAbort = (): void => handler.stop(ending.signal?.reason)
    const timer =
      ending.timeout === undefined
        ? undefined
        : setTimeout(() => handler.stop(new Error(`No answer within ${ending.timeout} ms`)), ending.timeout).unref()
    ending.signal?.addEventListener('abort', onAbort, { once: true })
    try {
      dispatch({ ...opts, ...CALLERS_OWN, method, headers } as DispatchOptions, handler)
    } catch (error) {
      handler.stop(error)
    }
  })
}

/** Records an answer and reads on to its end. */
class Silent implements Handler {
  readonly #exchange: Exchange
  readonly #resolve: (outcome: Unattended) => void
  readonly #reject: (error: unknown) => void
  #controller: Controller | undefined
  #recording: Recording | undefined
  #context: unknown
  #status = 0
  #freshened = false
  #stopped: { readonly reason: unknown } | undefined

  constructor(exchange: Exchange, resolve: (outcome: Unattended) => void, reject: (error: unknown) => void) {
    this.#exchange = exchange
    this.#resolve = resolve
    this.#reject = reject
  }

  stop(reason: unknown): void {
    if (this.#stopped !== undefined) return
    this.#stopped = { reason }
    this.#exchange.abandon()
    this.#reject(reason)
    this.#controller?.abort(reason as Error)
  }

  onRequestStart(controller: Controller, context: unknown): void {
    this.#controller = controller
    this.#context = context
    if (this.#stopped !== undefined) controller.abort(this.#stopped.reason as Error)
  }

  onResponseStart(_controller: Controller, status: number, fields: ResponseFields, statusText?: string): void {
    if (status < 200 || this.#stopped !== undefined) return
    this.#status = status
    // A fault of the origin says nothing of what is stored.
    if (status >= 500 || isRedirected(this.#context)) return this.#exchange.abandon()
    const outcome = this.#exchange.head({ status, statusText, lines: linesOf(fields) })
    if (outcome.kind === 'record') this.#recording = outcome.recording
    this.#freshened = outcome.kind === 'replace'
  }

  onResponseData(_controller: Controller, chunk: Buffer): void {
    this.#recording?.write(chunk)
  }

  onResponseEnd(): void {
    if (this.#stopped !== undefined) return
    this.#exchange.finish()
    this.#resolve({ status: this.#status, stored: this.#freshened || this.#recording?.state === 'complete' })
  }

  onResponseError(_controller: Controller, error: Error): void {
    this.stop(error)
  }
}
