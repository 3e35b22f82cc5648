import type { Clock } from '../clock.ts'

/** ms over which a rate is measured. */
const WINDOW = 10_000

interface Mark {
  readonly done: number
  /** Monotonic ms. */
  readonly at: number
}

/** How fast a number has grown in the last ten seconds. */
export class Rate {
  readonly #clock: Clock
  #marks: Mark[]

  constructor(clock: Clock, done: number) {
    this.#clock = clock
    this.#marks = [{ done, at: clock.monotonic() }]
  }

  /** Notes how far it is. */
  note(done: number): void {
    const at = this.#clock.monotonic()
    // One older than the window is kept: it is what the window begins with.
    const firstInside = this.#marks.findIndex((mark) => mark.at > at - WINDOW)
    const from = firstInside === -1 ? this.#marks.length - 1 : Math.max(firstInside - 1, 0)
    this.#marks = [...this.#marks.slice(from), { done, at }]
  }

  /** Per second, until now. */
  of(done: number): number {
    const [first] = this.#marks as [Mark]
    const passed = this.#clock.monotonic() - first.at
    return passed > 0 ? ((done - first.done) / passed) * 1_000 : 0
  }
}
