/** Slots that share a bucket: enough that a bucket rarely loses a hash that is still remembered. */
const ways = 4
const smallest = 1024

/**
 * Remembers the hashes of the latest keys that left, as many as `reach` says when asked.
 * Two typed arrays of 4 bytes a place: no object for each key. It forgets everything when it grows,
 * which happens once for each doubling.
 */
export class Ghost {
  #hashes = new Int32Array(smallest)
  /** When a place was written, counted in keys that left; 0 is never. */
  #stamps = new Uint32Array(smallest)
  #count = 0

  add(hash: number, reach: number): void {
    if (reach > this.#hashes.length / 2) this.#grow(reach)
    // Starting over after 4 billion keys loses what was remembered, nothing else.
    if (++this.#count > 0xfffffff0) this.#grow(reach)
    const start = this.#bucket(hash)
    let oldest = start
    for (let place = start; place < start + ways; place++) {
      if (this.#stampAt(place) < this.#stampAt(oldest)) oldest = place
    }
    this.#hashes[oldest] = hash
    this.#stamps[oldest] = this.#count
  }

  has(hash: number, reach: number): boolean {
    const start = this.#bucket(hash)
    for (let place = start; place < start + ways; place++) {
      const stamp = this.#stampAt(place)
      if (this.#hashes[place] === hash && stamp > 0 && this.#count - stamp < reach) return true
    }
    return false
  }

  #stampAt(place: number): number {
    return this.#stamps[place] ?? 0
  }

  #bucket(hash: number): number {
    return hash & (this.#hashes.length - ways)
  }

  #grow(reach: number): void {
    let places = this.#hashes.length
    while (places < reach * 2) places *= 2
    this.#hashes = new Int32Array(places)
    this.#stamps = new Uint32Array(places)
    this.#count = 1
  }
}
