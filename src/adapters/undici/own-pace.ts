import type { Recording } from '../../core/cache/recording.ts'
import type { Controller, Handler, RawFields, ResponseFields } from './types.ts'

/**
 * The controller of a request, as its handler has it. While the answer is recorded, a handler that pauses does not pause
 * the origin: others may wait for the recording, or read it along, and it takes memory meant for all recordings. What the
 * handler has not taken is kept for it.
 */
export class OwnPace implements Controller {
  readonly #controller: Controller
  readonly #handler: Handler
  #recording: Recording | undefined
  #waiting: Buffer[] = []
  #isPaused = false
  #isHandingOn = false
  /** The origin's answer is over, and the handler has not been told yet. */
  #trailers: ResponseFields | undefined
  #reason: Error | null = null

  constructor(controller: Controller, handler: Handler) {
    this.#controller = controller
    this.#handler = handler
  }

  /** The answer is recorded from now on. */
  follow(recording: Recording): void {
    this.#recording = recording
  }

  /** `copy`: what was recorded of `chunk`, which stays as it is and is held already. */
  data(chunk: Buffer, copy: Buffer | undefined): void {
    if (this.#isPaused || this.#waiting.length > 0) this.#waiting.push(copy ?? chunk)
    else this.#handler.onResponseData?.(this, chunk)
    // A recording that has failed goes on for nobody.
    if (this.#isPaused && !this.#isAhead) this.#controller.pause()
  }

  end(trailers: ResponseFields): void {
    this.#trailers = trailers
    this.#handOn()
  }

  error(error: Error): void {
    this.#waiting = []
    this.#handler.onResponseError?.(this, error)
  }

  get #isAhead(): boolean {
    return this.#recording?.state === 'open'
  }

  /** Hands on what waits, as far as the handler takes it. */
  #handOn(): void {
    if (this.#isHandingOn) return
    this.#isHandingOn = true
    try {
      while (!this.#isPaused && !this.aborted) {
        const chunk = this.#waiting.shift()
        if (chunk === undefined) break
        // The handler's to change.
        this.#handler.onResponseData?.(this, Buffer.from(chunk))
      }
      const trailers = this.#trailers
      if (this.#isPaused || this.aborted || trailers === undefined) return
      this.#trailers = undefined
      this.#handler.onResponseEnd?.(this, trailers)
    } finally {
      this.#isHandingOn = false
    }
  }

  // What the handler may do

  pause(): void {
    this.#isPaused = true
    if (!this.#isAhead) this.#controller.pause()
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    try {
      this.#handOn()
    } catch (error) {
      this.abort(error as Error)
    }
    if (!this.#isPaused && this.#controller.paused) this.#controller.resume()
  }

  abort(reason: Error): void {
    if (this.aborted) return
    this.#waiting = []
    if (this.#trailers === undefined) return this.#controller.abort(reason)
    // The request itself is over.
    this.#reason = reason ?? new Error('The request was aborted')
    this.#handler.onResponseError?.(this, this.#reason)
  }

  get aborted(): boolean {
    return this.#reason !== null || this.#controller.aborted
  }

  get reason(): Error | null {
    return this.#reason ?? this.#controller.reason
  }

  get paused(): boolean {
    return this.#isPaused
  }

  get rawHeaders(): RawFields {
    return this.#controller.rawHeaders as RawFields
  }

  set rawHeaders(raw: RawFields) {
    this.#controller.rawHeaders = raw
  }

  get rawTrailers(): RawFields {
    return this.#controller.rawTrailers as RawFields
  }

  set rawTrailers(raw: RawFields) {
    this.#controller.rawTrailers = raw
  }
}
