/**
 * A map that forgets old entries before it would grow beyond `limit`: at least the newest half of it is kept. Two maps
 * in turn, because a Map's first key is found ever more slowly the more keys before it were deleted.
 */
export class BoundedMap<K, V> {
  readonly #half: number
  #newer = new Map<K, V>()
  #older = new Map<K, V>()

  constructor(limit: number) {
    this.#half = Math.ceil(limit / 2)
  }

  get(key: K): V | undefined {
    return this.#newer.get(key) ?? this.#older.get(key)
  }

  has(key: K): boolean {
    return this.#newer.has(key) || this.#older.has(key)
  }

  set(key: K, value: V): void {
    if (this.#newer.size >= this.#half && !this.#newer.has(key)) {
      this.#older = this.#newer
      this.#newer = new Map()
    }
    this.#newer.set(key, value)
  }

  delete(key: K): boolean {
    const wasNewer = this.#newer.delete(key)
    return this.#older.delete(key) || wasNewer
  }
}
