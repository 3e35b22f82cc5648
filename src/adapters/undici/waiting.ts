import type { Controller, Handler, RawFields } from './types.ts'

/** The parts of an AbortSignal and of an EventEmitter that may serve as one. */
interface SignalLike {
  readonly aborted?: boolean
  readonly reason?: unknown
  addEventListener?(type: 'abort', listener: () => void, options?: { once: boolean }): void
  removeEventListener?(type: 'abort', listener: () => void): void
  on?(type: 'abort', listener: () => void): void
  removeListener?(type: 'abort', listener: () => void): void
}

/** The caller asked for an end while its request was waiting. */
class AbortedError extends Error {
  override readonly name = 'AbortError'
  readonly code = 'UND_ERR_ABORTED'
}

/**
 * A request while a far store is asked, another's answer or a fallback is waited for, and the controller it can be ended
 * with meanwhile. Whoever acts on the decision starts the request anew, as a redirect or a retry does.
 */
export class Waiting implements Controller {
  readonly paused = false
  rawHeaders: RawFields = null
  rawTrailers: RawFields = null
  readonly #handler: Handler
  readonly #signal: SignalLike | null | undefined
  readonly #onAbort = (): void => this.abort(this.#signal?.reason as Error)
  #reason: Error | null = null
  #over = false

  constructor(handler: Handler, signal: SignalLike | null | undefined) {
    this.#handler = handler
    this.#signal = signal
  }

  /** Waits, then acts; a decision that comes too late is given back. */
  async wait<T>(decision: PromiseLike<T>, act: (decision: T) => void, giveBack?: (decision: T) => void): Promise<void> {
    this.#begin()
    try {
      const decided = await decision
      if (this.#over) return giveBack?.(decided)
      this.#leave()
      act(decided)
    } catch (error) {
      this.#fail(error)
    }
  }

  #begin(): void {
    const signal = this.#signal
    if (signal?.aborted) return this.abort(signal.reason as Error)
    if (signal?.addEventListener !== undefined) signal.addEventListener('abort', this.#onAbort, { once: true })
    else signal?.on?.('abort', this.#onAbort)
    try {
      this.#handler.onRequestStart?.(this, null)
    } catch (error) {
      this.#fail(error)
    }
  }

  get aborted(): boolean {
    return this.#reason !== null
  }

  get reason(): Error | null {
    return this.#reason
  }

  pause(): void {}

  resume(): void {}

  abort(reason: Error): void {
    if (this.#over) return
    this.#reason = reason ?? new AbortedError('The request was aborted')
    this.#fail(this.#reason)
  }

  #fail(error: unknown): void {
    if (this.#over) return
    this.#leave()
    try {
      this.#handler.onResponseError?.(this, error as Error)
    } catch {
      // Nobody is left to be told.
    }
  }

  #leave(): void {
    this.#over = true
    this.#signal?.removeEventListener?.('abort', this.#onAbort)
    this.#signal?.removeListener?.('abort', this.#onAbort)
  }
}
