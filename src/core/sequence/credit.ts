import { orAborted } from '../store/or-aborted.ts'

/** How many terms may still be sent. */
export class Credit {
  #left = 0
  #more = Promise.withResolvers<void>()

  add(count: number): void {
    this.#left = Math.min(this.#left + count, Number.MAX_SAFE_INTEGER)
    this.#more.resolve()
  }

  /** Undefined where there is some. @throws by the promise: the signal's reason. */
  wait(signal: AbortSignal): Promise<void> | undefined {
    if (this.#left > 0) return undefined
    this.#more = Promise.withResolvers()
    return orAborted(this.#more.promise, signal)
  }

  spend(): void {
    this.#left--
  }
}
