/** What errors are heard from. */
interface Emitter {
  on(event: 'error', listener: (error: unknown) => void): unknown
}

const known = new WeakMap<Emitter, SwallowedErrors>()

/**
 * The errors that a Keyv reports as events instead of letting its calls fail. Listening keeps them from
 * ending the process; `claim` lets a call fail after all. An event does not say whose it is, so each counts
 * for one call that was under way, and no error makes two calls fail.
 */
export class SwallowedErrors {
  last: unknown
  #seen = 0
  #claimed = 0

  /** The one listener of an emitter, however many stores stand on it. */
  static of(emitter: Emitter): SwallowedErrors {
    const before = known.get(emitter)
    if (before !== undefined) return before
    const errors = new SwallowedErrors()
    emitter.on('error', (error) => errors.#note(error))
    known.set(emitter, errors)
    return errors
  }

  /** Where a call starts. */
  mark(): number {
    return this.#seen
  }

  /** Throws where an error came since `mark` that no other call has answered for. */
  claim(mark: number): void {
    const from = Math.max(mark, this.#claimed)
    if (this.#seen <= from) return
    this.#claimed = from + 1
    throw this.last
  }

  /** The same error comes more than once where an adapter and its client both report it. */
  #note(error: unknown): void {
    if (error === this.last) return
    this.last = error
    this.#seen++
  }
}
