import type { Clock } from '../../src/core/clock.ts'

/** A clock that stands still until it is told to move. */
export class HeldClock implements Clock {
  #passed = 0

  now(): number {
    return Date.UTC(2026, 0, 1) + this.#passed
  }

  monotonic(): number {
    return this.#passed
  }

  pass(ms: number): void {
    this.#passed += ms
  }
}
