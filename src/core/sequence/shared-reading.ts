import { orAborted } from '../store/or-aborted.ts'
import type { Terms } from './term-reader.ts'

/** Characters of terms that are held for readers who are behind the first one. */
const MOST_HELD = 1024 * 1024

/** Terms that several read at the same time: they are computed once, at the pace of whoever is ahead. */
export class SharedReading {
  readonly #terms: AsyncGenerator<Terms, void>
  readonly #onNobody: () => void
  readonly #held: Terms[] = []
  #heldSize = 0
  /** How many came before those that are held. */
  #dropped = 0
  #readers = 0
  /** The next terms on their way; also, for good, that there are none or that they failed. */
  #step: Promise<boolean> | undefined
  #hasFailed = false

  /** `onNobody`: called when the last reader has left, or has all. */
  constructor(terms: AsyncGenerator<Terms, void>, onNobody: () => void) {
    this.#terms = terms
    this.#onNobody = onNobody
  }

  /** Whether one more reader finds all that there was. */
  get isOpen(): boolean {
    return this.#dropped === 0 && !this.#hasFailed
  }

  /**
   * The terms from the first one on. Returns the index from which a reader has to go on alone because it fell behind;
   * undefined: it has had all.
   *
   * @throws the signal's reason, which leaves the others alone; what computing throws, after the terms before it.
   */
  async *read(signal: AbortSignal): AsyncGenerator<Terms, number | undefined> {
    this.#readers++
    try {
      let behind: number | undefined
      for (let at = 0; at >= this.#dropped; ) {
        signal.throwIfAborted()
        const terms = this.#held[at - this.#dropped]
        if (terms !== undefined) {
          at++
          behind = terms.index + terms.texts.length
          yield terms
        } else if (!(await orAborted(this.#more(), signal))) return undefined
      }
      return behind
    } finally {
      if (--this.#readers === 0) this.#onNobody()
    }
  }

  #more(): Promise<boolean> {
    this.#step ??= this.#take()
    return this.#step
  }

  async #take(): Promise<boolean> {
    try {
      const { done, value } = await this.#terms.next()
      if (done) return false
      this.#hold(value)
    } catch (error) {
      this.#hasFailed = true
      throw error
    }
    this.#step = undefined
    return true
  }

  #hold(terms: Terms): void {
    this.#held.push(terms)
    this.#heldSize += sizeOf(terms)
    // The newest stay, whatever their size: somebody waits for them.
    while (this.#heldSize > MOST_HELD && this.#held.length > 1) {
      this.#heldSize -= sizeOf(this.#held.shift() as Terms)
      this.#dropped++
    }
  }
}

function sizeOf({ texts }: Terms): number {
  return texts.reduce((size, text) => size + text.length, 0)
}
