import type { Clock } from '../../clock.ts'

/** What one request may spend waiting for stores, over all its calls together. Runs only while something waits. */
export class StoreBudget {
  readonly #clock: Clock
  #left: number
  #waiting = 0
  #since = 0

  /** `ms`: the budget. */
  constructor(clock: Clock, ms: number) {
    this.#clock = clock
    this.#left = ms
  }

  /** Milliseconds left; 0 when it is spent. */
  remaining(): number {
    const running = this.#waiting > 0 ? this.#clock.monotonic() - this.#since : 0
    return Math.max(0, this.#left - running)
  }

  /** A wait begins. Waits at the same time are counted once. */
  begin(): void {
    if (this.#waiting++ === 0) this.#since = this.#clock.monotonic()
  }

  /** A wait that began is over. */
  end(): void {
    if (--this.#waiting === 0) this.#left -= this.#clock.monotonic() - this.#since
  }
}
