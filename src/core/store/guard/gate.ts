import type { Clock } from '../../clock.ts'

/** Leave to call a store once; exactly one of the two is called when the outcome is known. */
export interface StorePermit {
  /** The call only tries whether the store is back: nobody should wait for it. */
  readonly isProbe?: boolean
  succeed(): void
  fail(error: unknown): void
}

/** What is to be called: a request waits for a read. */
export type CallKind = 'read' | 'write'

/** Decides whether a store is asked at all. */
export interface StoreGate {
  /** A permit, or undefined where the store is to be skipped. */
  enter(kind: CallKind): StorePermit | undefined
}

/** Failures in a row: of reads, and of all calls. */
interface Failures {
  readonly reads: number
  readonly calls: number
}

type State =
  | { readonly type: 'closed'; readonly failures: Failures }
  /** `isOfReads`: writes arrived meanwhile, so that one more would tell nothing. */
  | { readonly type: 'open'; readonly until: number; readonly interval: number; readonly isOfReads: boolean }
  | { readonly type: 'probing'; readonly interval: number; readonly isOfReads: boolean }

const failuresToOpen = 5
const firstInterval = 1_000
const longestInterval = 30_000
const unharmed: State = { type: 'closed', failures: { reads: 0, calls: 0 } }

/**
 * Opens after 5 failures in a row, or after as many reads in a row that failed whatever writes did, since requests wait
 * for reads. It skips the store for 1 s; then one call, or one read, is made as a probe, for which nobody waits.
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

  enter(kind: CallKind): StorePermit | undefined {
    if (this.#state.type === 'closed') return this.#regular[kind]
    if (this.#state.type === 'probing' || this.#clock.monotonic() < this.#state.until) return undefined
    if (this.#state.isOfReads && kind === 'write') return undefined
    this.#state = { type: 'probing', interval: this.#state.interval, isOfReads: this.#state.isOfReads }
    return this.#probe
  }

  /** For calls while closed. One that comes back after the gate opened tells nothing new. */
  readonly #regular: Readonly<Record<CallKind, StorePermit>> = {
    read: {
      succeed: () => {
        if (this.#state.type === 'closed') this.#state = unharmed
      },
      fail: (error) => this.#failed('read', error),
    },
    write: {
      succeed: () => {
        if (this.#state.type !== 'closed' || this.#state.failures.calls === 0) return
        this.#state = { type: 'closed', failures: { reads: this.#state.failures.reads, calls: 0 } }
      },
      fail: (error) => this.#failed('write', error),
    },
  }

  #failed(kind: CallKind, error: unknown): void {
    if (this.#state.type !== 'closed') return
    const { failures } = this.#state
    const calls = failures.calls + 1
    const reads = failures.reads + Number(kind === 'read')
    if (Math.max(calls, reads) < failuresToOpen) this.#state = { type: 'closed', failures: { reads, calls } }
    else {
      this.#open(firstInterval, calls < failuresToOpen)
      this.#onChange('open', error)
    }
  }

  readonly #probe: StorePermit = {
    isProbe: true,
    succeed: () => {
      this.#state = unharmed
      this.#onChange('closed')
    },
    fail: () => {
      if (this.#state.type !== 'probing') return
      this.#open(Math.min(this.#state.interval * 2, longestInterval), this.#state.isOfReads)
    },
  }

  #open(interval: number, isOfReads: boolean): void {
    this.#state = { type: 'open', until: this.#clock.monotonic() + interval, interval, isOfReads }
  }
}
