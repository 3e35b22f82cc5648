/** The writes in flight to a far store: bounded in number and bytes, in order for each key. */
export class Writes {
  readonly #most: number
  readonly #mostBytes: number
  readonly #latest = new Map<string, Promise<unknown>>()
  #count = 0
  #bytes = 0

  constructor(most: number, mostBytes: number) {
    this.#most = most
    this.#mostBytes = mostBytes
  }

  /** Whether a write of so many bytes may start. One alone may be of any size. */
  hasRoom(bytes: number): boolean {
    return this.#count === 0 || (this.#count < this.#most && this.#bytes + bytes <= this.#mostBytes)
  }

  /** Runs `write`, which never rejects, after the writes under the same key. */
  async run<T>(key: string, bytes: number, write: () => Promise<T>): Promise<T> {
    this.#count++
    this.#bytes += bytes
    const before = this.#latest.get(key)
    const done = before === undefined ? write() : before.then(write)
    this.#latest.set(key, done)
    const result = await done
    if (this.#latest.get(key) === done) this.#latest.delete(key)
    this.#bytes -= bytes
    this.#count--
    return result
  }

  /** Settles when all writes that are in flight now are done. */
  async settled(): Promise<void> {
    await Promise.all(this.#latest.values())
  }
}
