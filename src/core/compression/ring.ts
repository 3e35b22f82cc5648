/** Bytes that each takes at least: about as much as what is noted of it, so that there is a limit to what has few bytes, or none. */
const LEAST = 256

/** Where some bytes lie, and what goes with them. */
export interface Held<K, V> {
  readonly key: K
  readonly value: V
  readonly at: number
  readonly length: number
}

/**
 * Bytes that are held for a while, in one piece of memory that is written round and round: what is new overwrites what is
 * oldest. A buffer for each would outlive the collections of young objects, and have to be collected with the old ones.
 */
export class Ring<K, V> {
  readonly #size: number
  readonly #onGone: (key: K) => void
  /** Made when it is first needed. */
  #bytes: Buffer | undefined
  /** Where the next bytes go. */
  #end = 0
  /** In the order of writing. */
  readonly #held = new Map<K, Held<K, V>>()

  /**
   * @param size Bytes.
   * @param onGone Told of what is held no more.
   */
  constructor(size: number, onGone: (key: K) => void = () => {}) {
    this.#size = size
    this.#onGone = onGone
  }

  get(key: K): Held<K, V> | undefined {
    return this.#held.get(key)
  }

  /** Whether these very bytes are held. */
  isSame({ at, length }: Held<K, V>, bytes: Uint8Array): boolean {
    return length === bytes.length && this.#bytes?.compare(bytes, 0, length, at, at + length) === 0
  }

  /** In memory of their own size. */
  copyOf({ at, length }: Held<K, V>): Buffer {
    const copy = Buffer.allocUnsafeSlow(length)
    this.#bytes?.copy(copy, 0, at, at + length)
    return copy
  }

  /** In place of what was held under that key. More bytes than the ring has are not held. */
  hold(key: K, value: V, bytes: Uint8Array): void {
    const { length } = bytes
    const room = Math.max(length, LEAST)
    this.letGo(key)
    if (room > this.#size) return
    this.#bytes ??= Buffer.allocUnsafeSlow(this.#size)
    if (this.#end + room > this.#size) {
      this.#makeRoom(this.#end, this.#size)
      this.#end = 0
    }
    const at = this.#end
    this.#end += room
    this.#makeRoom(at, this.#end)
    this.#bytes.set(bytes, at)
    this.#held.set(key, { key, value, at, length })
  }

  letGo(key: K): void {
    if (this.#held.delete(key)) this.#onGone(key)
  }

  /** What begins there was written first of all, a round ago. */
  #makeRoom(from: number, to: number): void {
    for (const { key, at } of this.#held.values()) {
      if (at < from || at >= to) return
      this.letGo(key)
    }
  }
}
