import type { Reply } from '../../core/cache/reply.ts'
import { responseFields } from './response-fields.ts'
import type { Controller, Handler, RawFields } from './types.ts'

/** Content is handed out in pieces of this size, so that a slow reader can pause in between. */
const CHUNK = 64 * 1024

/**
 * An answer of our own on its way to a handler, and the controller that the handler steers it with. Any fault of the
 * handler ends it with `onResponseError`, once.
 */
export abstract class Playback implements Controller {
  rawTrailers: RawFields = []
  protected readonly reply: Reply
  readonly #handler: Handler
  #raw: RawFields | undefined
  #state: 'playing' | 'paused' | 'ended' = 'playing'
  #reason: Error | null = null
  /** A callback is on the stack: what it asks for is done when it returns. */
  #calling = false

  constructor(reply: Reply, handler: Handler) {
    this.reply = reply
    this.#handler = handler
  }

  /** Hands out the whole answer, or as much of it as the handler takes now. */
  start(): void {
    const { status, statusText, lines } = this.reply
    this.#calling = true
    try {
      this.#handler.onRequestStart?.(this, null)
      if (!this.aborted) this.#handler.onResponseStart?.(this, status, responseFields(lines), statusText)
    } catch (error) {
      return this.fail(error)
    }
    this.#calling = false
    if (this.aborted) return this.fail(this.#reason)
    this.flow()
  }

  /** Goes on with the content while `isFlowing`; called again after each pause. */
  protected abstract flow(): void

  protected get isFlowing(): boolean {
    return this.#state === 'playing' && this.#reason === null
  }

  /** Hands out content as copies: it is the consumer's to change. Returns how many bytes were taken. */
  protected hand(content: Buffer): number {
    let taken = 0
    this.#calling = true
    try {
      while (taken < content.length && this.isFlowing) {
        const chunk = Buffer.from(content.length <= CHUNK ? content : content.subarray(taken, taken + CHUNK))
        taken += chunk.length
        this.#handler.onResponseData?.(this, chunk)
      }
    } catch (error) {
      this.fail(error)
      return taken
    }
    this.#calling = false
    if (this.aborted) this.fail(this.#reason)
    return taken
  }

  protected end(): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    try {
      this.#handler.onResponseEnd?.(this, {})
    } catch (error) {
      this.#tell(error)
    }
  }

  protected fail(error: unknown): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    this.#tell(error)
  }

  #tell(error: unknown): void {
    try {
      this.#handler.onResponseError?.(this, error as Error)
    } catch {
      // Nobody is left to be told.
    }
  }

  // What the handler may do

  /**
   * Field names and values in turn. fetch reads these, and interceptors change them in place: each answer has its own.
   */
  get rawHeaders(): RawFields {
    if (this.#raw === undefined) this.#raw = [...this.reply.lines]
    return this.#raw
  }

  set rawHeaders(raw: RawFields) {
    this.#raw = raw
  }

  get paused(): boolean {
    return this.#state === 'paused'
  }

  get aborted(): boolean {
    return this.#reason !== null
  }

  get reason(): Error | null {
    return this.#reason
  }

  pause(): void {
    if (this.#state === 'playing') this.#state = 'paused'
  }

  resume(): void {
    if (this.#state !== 'paused') return
    this.#state = 'playing'
    if (!this.#calling) this.flow()
  }

  abort(reason: Error): void {
    if (this.#reason !== null || this.#state === 'ended') return
    this.#reason = reason ?? new Error('The request was aborted')
    if (!this.#calling) this.fail(this.#reason)
  }
}
