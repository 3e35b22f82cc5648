import type { Clock } from '../../core/clock.ts'
import { StoreError } from '../../core/store/errors.ts'

/** Who may wait at once. */
const waitingAtMost = 16_384
/** Milliseconds after which one more is let in again. */
const recoversEvery = 5000

interface Waiting {
  enter(): void
  turnAway(reason: Error): void
}

/** Lets a number of callers work at once, and others wait as long as there is any progress. */
export class Turns {
  readonly #most: number
  readonly #patience: number
  readonly #clock: Clock
  readonly #waiting: Waiting[] = []
  #limit: number
  #shrunkAt = 0
  #working = 0
  #standstill: NodeJS.Timeout | undefined

  /** `patience` in ms: when nobody has finished for so long, all who wait are turned away. */
  constructor(most: number, patience: number, clock: Clock) {
    this.#most = most
    this.#limit = most
    this.#patience = patience
    this.#clock = clock
  }

  /** Resolves when it is the caller's turn, undefined where it is so now; `leave` ends it. */
  enter(): Promise<void> | undefined {
    this.#recover()
    if (this.#working < this.#limit) {
      this.#working++
      return undefined
    }
    if (this.#waiting.length >= waitingAtMost) {
      return Promise.reject(new StoreError(`PostgreSQL is too slow: ${waitingAtMost} operations are waiting for it`))
    }
    this.#standstill ??= setTimeout(() => this.#turnAway(), this.#patience)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ enter: resolve, turnAway: reject })
    })
  }

  leave(): void {
    this.#working--
    this.#standstill?.refresh()
    while (this.#working < this.#limit) {
      const next = this.#waiting.shift()
      if (next === undefined) break
      this.#working++
      next.enter()
    }
    if (this.#waiting.length === 0) this.#stopWatching()
  }

  /** Lets one less work at once for a while; false where that would be nobody. */
  shrink(): boolean {
    if (this.#limit === 1) return false
    this.#limit--
    this.#shrunkAt = this.#clock.monotonic()
    return true
  }

  /** Turns away all who wait. */
  close(): void {
    this.#reject(new StoreError('The store was closed'))
  }

  #recover(): void {
    if (this.#limit === this.#most || this.#clock.monotonic() - this.#shrunkAt < recoversEvery) return
    this.#limit++
    this.#shrunkAt = this.#clock.monotonic()
  }

  #turnAway(): void {
    this.#reject(new StoreError(`PostgreSQL has not finished anything for ${this.#patience} ms`))
  }

  #reject(reason: Error): void {
    this.#stopWatching()
    for (const { turnAway } of this.#waiting.splice(0)) turnAway(reason)
  }

  #stopWatching(): void {
    clearTimeout(this.#standstill)
    this.#standstill = undefined
  }
}
