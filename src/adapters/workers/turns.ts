/** Lets so many in at a time, the others in the order in which they came. */
export class Turns {
  readonly #places: number
  readonly #waiting: (() => void)[] = []
  #taken = 0

  constructor(places: number) {
    this.#places = places
  }

  get taken(): number {
    return this.#taken
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** Whether whoever comes now has to wait. */
  get areTaken(): boolean {
    return this.#taken >= this.#places
  }

  /** Resolves when it is one's turn, until `leave`. @throws the signal's reason: then it never is. */
  async enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (!this.areTaken) {
      this.#taken++
      return
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const giveUp = (): void => {
      this.#waiting.splice(this.#waiting.indexOf(resolve), 1)
      reject(signal.reason)
    }
    this.#waiting.push(resolve)
    signal.addEventListener('abort', giveUp, { once: true })
    await promise.finally(() => signal.removeEventListener('abort', giveUp))
  }

  /** The place is the next one's. */
  leave(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#taken--
    else next()
  }
}
