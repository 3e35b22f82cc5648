import type { Clock } from '../../clock.ts'

/** Leave to call a store once; exactly one of the two is called when the outcome is known. */
export interface StorePermit {
  /** The call only tries whether the store is back: nobody should wait for it. */
  readonly isProbe?: boolean
  succeed(): void
  fail(error: unknown): void
}

/** Decides whether a store is asked at all. */
export interface StoreGate {
  /** A permit, or undefined where the store is to be skipped. */
  enter(): StorePermit | undefined
}

type State =
  | { readonly type: 'closed'; readonly failures: number }
  | { readonly type: 'open'; readonly until: number; readonly interval: number }
  | { readonly type: 'probing'; readonly interval: number }

const failuresToOpen = 5
const firstInterval = 1_000
const longestInterval = 30_000
const unharmed: State = { type: 'closed', failures: 0 }

/**
 * Opens after 5 failures in a row and skips the store for 1 s; then one call is made as a probe, for which nobody waits.
 * The interval doubles up to 30 s while probes fail; the first that succeeds closes the gate.
 */
export class ConsecutiveFailureGate implements StoreGate {
  readonly #clock: Clock
  readonly #onChange: (state: 'open' | 'closed', error?: unknown) => void
  #state: State = unharmed

  constructor(clock: Clock, onChange: (state: 'open' | 'closed', error?: unknown) => void) {
    this.#clock = clock
    this.#onChange = onChange
  }

  enter(): StorePermit | undefined {
    if (this.#state.type === 'closed') return this.#regular
    if (this.#state.type === 'probing' || this.#clock.monotonic() < this.#state.until) return undefined
    this.#state = { type: 'probing', interval: this.#state.interval }
    return this.#probe
  }

  /** For calls while closed. One that comes back after the gate opened tells nothing new. */
  readonly #regular: StorePermit = {
    succeed: () => {
      if (this.#state.type === 'closed') this.#state = unharmed
    },
    fail: (error) => {
      if (this.#state.type !== 'closed') return
      const failures = this.#state.failures + 1
      if (failures < failuresToOpen) this.#state = { type: 'closed', failures }
      else {
        this.#open(firstInterval)
        this.#onChange('open', error)
      }
    },
  }

  readonly #probe: StorePermit = {
    isProbe: true,
    succeed: () => {
      this.#state = unharmed
      this.#onChange('closed')
    },
    fail: () => {
      if (this.#state.type === 'probing') this.#open(Math.min(this.#state.interval * 2, longestInterval))
    },
  }

  #open(interval: number): void {
    this.#state = { type: 'open', until: this.#clock.monotonic() + interval, interval }
  }
}
