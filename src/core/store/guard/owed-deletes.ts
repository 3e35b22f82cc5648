/** Keys: the oldest are forgotten beyond that. */
const most = 10_000

/**
 * Keys whose removal has not arrived, or not yet. What the store has there must not be used, whenever the store is back: the resource
 * was changed by a request that the cache has seen (RFC 9111 section 4.4), or somebody purged it.
 */
export class OwedDeletes {
  /** The oldest first. */
  readonly #keys = new Set<string>()
  #isSettling = false

  has(key: string): boolean {
    return this.#keys.size > 0 && this.#keys.has(key)
  }

  add(key: string): void {
    this.#keys.delete(key)
    this.#keys.add(key)
    if (this.#keys.size > most) this.#keys.delete(this.#keys.values().next().value as string)
  }

  /** What is there now was written since. */
  settled(key: string): void {
    this.#keys.delete(key)
  }

  clear(): void {
    this.#keys.clear()
  }

  /** Removes what is owed, one after the other, until that fails. `remove` tells whether it has; it never rejects. */
  settle(remove: (key: string) => Promise<boolean>): void {
    if (this.#isSettling || this.#keys.size === 0) return
    this.#isSettling = true
    void this.#settleAll(remove).then(() => {
      this.#isSettling = false
    })
  }

  async #settleAll(remove: (key: string) => Promise<boolean>): Promise<void> {
    for (const key of this.#keys) {
      if (!(await remove(key))) return
    }
  }
}
