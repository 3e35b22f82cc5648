import type { Clock } from '../clock.ts'
import type { StoreCapabilities } from '../store/capabilities.ts'
import { withDeadline } from '../store/guard.ts'
import { askForLease, type Lease, type LeaseAnswer } from '../store/lease.ts'

/** A writer that dies is followed by another process after this time, ms. */
const LEASE_TIME = 3_000
/** ms for which a store that has failed is not asked. */
const RETRY_AFTER = 1_000
/** ms for which another that had the right is taken to have it still, where the store is late to say so. */
const TAKEN_FOR = 1_000

/** The right to write alone, among all processes that share a store. */
export class WriteRight {
  readonly #capabilities: StoreCapabilities
  readonly #key: string
  readonly #clock: Clock
  readonly #timeout: number
  /** When the store failed, and when it said that another has the right: monotonic ms. */
  #failedAt = -Infinity
  #takenAt = -Infinity

  /** `timeout`: ms for one call of the store. */
  constructor(
    key: string,
    { capabilities, clock, timeout }: { capabilities: StoreCapabilities; clock: Clock; timeout: number },
  ) {
    this.#capabilities = capabilities
    this.#key = key
    this.#clock = clock
    this.#timeout = timeout
  }

  /** Whether the store has failed so lately that it is not asked. */
  get hasFailed(): boolean {
    return this.#clock.monotonic() - this.#failedAt < RETRY_AFTER
  }

  /** Asks for it. Waits no longer than the store's timeout; what it says later, the turn hears. Never rejects. */
  async ask(): Promise<WriteTurn> {
    const turn = new WriteTurn(this.#timeout)
    if (this.hasFailed) return turn
    const asking = askForLease(this.#capabilities, this.#key, LEASE_TIME).then((answer) => this.#hear(answer, turn))
    const { type } = await withDeadline(() => asking, this.#timeout, false)
    if (type === 'value') return turn
    // Nobody waits for what comes late, and it may fail.
    asking.catch(() => {})
    if (type === 'late' && this.#clock.monotonic() - this.#takenAt < TAKEN_FOR)
      turn.hear({ type: 'taken', note: undefined })
    else this.#failedAt = this.#clock.monotonic()
    return turn
  }

  #hear(answer: LeaseAnswer, turn: WriteTurn): void {
    this.#failedAt = -Infinity
    if (answer.type === 'taken') this.#takenAt = this.#clock.monotonic()
    turn.hear(answer)
  }
}

/**
 * Who may write. `own`: this process; `lost`: this process did, and stood still for too long; `another`: somebody else
 * does; `unknown`: the store does not say.
 */
export type WriteTurnState = 'own' | 'lost' | 'another' | 'unknown'

/** What came of asking once, until it is given back. */
export class WriteTurn {
  readonly #timeout: number
  #state: 'asked' | 'another' | 'over' | Lease = 'asked'

  constructor(timeout: number) {
    this.#timeout = timeout
  }

  get state(): WriteTurnState {
    if (this.#state === 'another') return 'another'
    if (typeof this.#state === 'string') return 'unknown'
    return this.#state.isLost ? 'lost' : 'own'
  }

  /** The store's answer, however late. */
  hear(answer: LeaseAnswer): void {
    if (this.#state === 'asked') this.#state = answer.type === 'granted' ? answer.lease : 'another'
    // One that is granted when nobody has a use for it any more is nobody's.
    else if (answer.type === 'granted') void answer.lease.release()
  }

  /** Gives back what there is. */
  async end(): Promise<void> {
    const lease = typeof this.#state === 'string' ? undefined : this.#state
    this.#state = 'over'
    if (lease !== undefined) await withDeadline(() => lease.release(), this.#timeout, false)
  }
}
