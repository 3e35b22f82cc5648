import type { Outcome } from './deadline.ts'

/**
 * By key, the reads that began in this turn of the event loop and are under way. Requests that come together ask for the
 * same things, so whoever wants a key before the turn is over shares the answer. Later ones do not: others may have
 * written to the store between the beginning of the read and theirs.
 */
export class SharedReads<T> {
  readonly #reads = new Map<string, Promise<Outcome<T>>>()

  get(key: string): Promise<Outcome<T>> | undefined {
    return this.#reads.get(key)
  }

  /** `read` must not reject. */
  add(key: string, read: Promise<Outcome<T>>): void {
    if (this.#reads.size === 0) setImmediate(() => this.#reads.clear())
    this.#reads.set(key, read)
    void read.then(() => {
      if (this.#reads.get(key) === read) this.#reads.delete(key)
    })
  }

  /** The key is written to, or just was: who asks from now on asks the store. */
  end(key: string): void {
    this.#reads.delete(key)
  }

  endAll(): void {
    this.#reads.clear()
  }
}
