import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../clock.ts'

/** ms after which work on the event loop lets others have it. */
const SLICE = 5

/** Divides work on the event loop into slices. */
export class Pace {
  readonly #signal: AbortSignal
  readonly #clock: Clock
  #since: number

  constructor(signal: AbortSignal, clock: Clock) {
    this.#signal = signal
    this.#clock = clock
    this.#since = clock.monotonic()
  }

  /** Whether the loop has been held for a slice. */
  get isOver(): boolean {
    return this.#clock.monotonic() - this.#since >= SLICE
  }

  /** A promise where the slice is over: timers, sockets and aborts have had their turn when it is resolved. */
  readonly rest = (): Promise<void> | undefined => {
    this.#signal.throwIfAborted()
    return this.isOver ? this.#rest() : undefined
  }

  async #rest(): Promise<void> {
    await nextTurn()
    this.#since = this.#clock.monotonic()
    this.#signal.throwIfAborted()
  }
}
