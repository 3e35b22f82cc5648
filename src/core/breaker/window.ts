/** How many buckets a window has: what it counts is between 9/10 of its length and the whole of it old, at most. */
export const BUCKETS = 10

/** Numbers of a bucket: all calls, failed, slow, failed by this process's own network. */
const WIDTH = 4

/**
 * Counts outcomes over the last `length` ms in a ring of time buckets. Whatever is too old is dropped before every
 * reading and writing, so nothing from before an idle time counts.
 */
export class CallWindow {
  readonly #bucketMs: number
  /** An array of small integers takes less memory than a typed array of this size, which V8 keeps outside its heap. */
  readonly #ring: number[] = new Array<number>(BUCKETS * WIDTH).fill(0)
  /** The number of the newest bucket, counted from the clock's zero. */
  #newest = 0
  /** When the newest bucket ends, so that most calls need no division. */
  #newestUntil = 0
  #total = 0
  #failed = 0
  #slow = 0
  #local = 0

  constructor(length: number) {
    this.#bucketMs = length / BUCKETS
  }

  /** All calls, as of the last `advance` or `add`. */
  get total(): number {
    return this.#total
  }

  get failed(): number {
    return this.#failed
  }

  get slow(): number {
    return this.#slow
  }

  /** Failures that this process's own network caused. */
  get local(): number {
    return this.#local
  }

  add(at: number, failed: boolean, slow: boolean, local: boolean): void {
    this.advance(at)
    const ring = this.#ring
    const base = (this.#newest % BUCKETS) * WIDTH
    this.#total++
    ring[base] = (ring[base] as number) + 1
    if (failed) {
      this.#failed++
      ring[base + 1] = (ring[base + 1] as number) + 1
    }
    if (slow) {
      this.#slow++
      ring[base + 2] = (ring[base + 2] as number) + 1
    }
    if (local) {
      this.#local++
      ring[base + 3] = (ring[base + 3] as number) + 1
    }
  }

  /** Drops what is too old at `at`. */
  advance(at: number): void {
    if (at < this.#newestUntil) return
    const bucket = Math.floor(at / this.#bucketMs)
    if (bucket <= this.#newest) return
    if (bucket - this.#newest >= BUCKETS) this.#empty()
    else for (let gone = this.#newest + 1; gone <= bucket; gone++) this.#drop((gone % BUCKETS) * WIDTH)
    this.#newest = bucket
    this.#newestUntil = (bucket + 1) * this.#bucketMs
  }

  clear(): void {
    this.#empty()
  }

  #drop(base: number): void {
    const ring = this.#ring
    this.#total -= ring[base] as number
    this.#failed -= ring[base + 1] as number
    this.#slow -= ring[base + 2] as number
    this.#local -= ring[base + 3] as number
    ring.fill(0, base, base + WIDTH)
  }

  #empty(): void {
    if (this.#total > 0) this.#ring.fill(0)
    this.#total = this.#failed = this.#slow = this.#local = 0
  }
}
