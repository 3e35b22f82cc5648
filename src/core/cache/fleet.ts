import { setTimeout as pause } from 'node:timers/promises'
import type { Clock } from '../clock.ts'
import type { StoreCapabilities } from '../store/capabilities.ts'
import { type StoreBudget, withDeadline } from '../store/guard.ts'
import { askForLease, type Lease, type LeaseAnswer } from '../store/lease.ts'
import type { Held } from './shelf.ts'

/** What a request that would lead in its own process is to do. */
export type Turn =
  /** Run the handler; give the lease up afterwards. Without one the store could not say who leads. */
  | { readonly type: 'lead'; readonly lease: Lease | undefined }
  /** Another process has stored the answer meanwhile. */
  | { readonly type: 'found'; readonly held: Held }
  /** Run the handler for itself alone: the leader's answer may not be shared, or it takes too long. */
  | { readonly type: 'alone'; readonly unshared: boolean }

/** What is waited for. */
export interface Wanted {
  readonly key: string
  /** Until when on the monotonic clock. */
  readonly until: number
  readonly signal: AbortSignal | undefined
  /** What the request may still spend on stores before it is known whether another leads. */
  readonly budget: StoreBudget | undefined
  /** The stored answer, if there is one that will do. Never rejects. */
  find(budget: StoreBudget | undefined): Promise<Held | undefined>
}

/** A leader that dies is followed by another process after this time, ms. */
const leaseTime = 3_000
/** How long a leader's note stands, ms: longer than others pause. */
const noteTime = 1_000
/** Between two looks at whether the leader is done, ms. */
const firstPause = 15
const longestPause = 200
/** How long a store that failed is not asked who leads, ms. */
const retryAfter = 1_000

const UNSHARED = 'unshared'
const PASS = 'pass'

/** Lets one process lead for a key among all that share a store, and the others wait for what it stores. */
export class Fleet {
  readonly #capabilities: StoreCapabilities
  readonly #clock: Clock
  readonly #timeout: number
  readonly #isDown: () => boolean
  readonly #tell: (error: unknown) => void
  #failedAt = Number.NEGATIVE_INFINITY

  /** `timeout` ms for one call of the store; `tell` hears of calls that failed. */
  constructor(
    capabilities: StoreCapabilities,
    parts: { clock: Clock; timeout: number; isDown: () => boolean; tell: (error: unknown) => void },
  ) {
    this.#capabilities = capabilities
    this.#clock = parts.clock
    this.#timeout = parts.timeout
    this.#isDown = parts.isDown
    this.#tell = parts.tell
  }

  /** Waits for the turn of a request. @throws the reason of `signal`. */
  async turn(wanted: Wanted): Promise<Turn> {
    const { signal, until } = wanted
    let { budget } = wanted
    for (let next = firstPause; ; next = Math.min(next * 1.5, longestPause)) {
      signal?.throwIfAborted()
      const answer = await this.#ask(wanted.key, budget)
      if (answer === undefined) return { type: 'lead', lease: undefined }
      if (answer.type === 'granted') return this.#unlessFound({ ...wanted, budget }, answer.lease)
      if (answer.note !== undefined) return { type: 'alone', unshared: answer.note === UNSHARED }
      const left = until - this.#clock.monotonic()
      if (left <= 0) return { type: 'alone', unshared: false }
      // From here on it is another's answer that is waited for.
      budget = undefined
      await pause(Math.min(next, left), undefined, { signal }).catch(() => signal?.throwIfAborted())
      const held = await wanted.find(budget)
      if (held !== undefined) return { type: 'found', held }
    }
  }

  /** Leave to refresh what is stored; undefined where another process does, or has done. */
  async refreshTurn(
    wanted: Pick<Wanted, 'key' | 'find' | 'budget'>,
  ): Promise<Extract<Turn, { type: 'lead' }> | undefined> {
    const answer = await this.#ask(wanted.key, wanted.budget)
    if (answer === undefined) return { type: 'lead', lease: undefined }
    if (answer.type === 'taken') return undefined
    const turn = await this.#unlessFound(wanted, answer.lease)
    return turn.type === 'lead' ? turn : undefined
  }

  /** Ends a lease: `pass` tells those who wait to run the handler themselves, `unshared` to remember that. */
  end(lease: Lease, how: 'done' | 'pass' | 'unshared'): void {
    void (how === 'pass' || how === 'unshared'
      ? lease.leave(how === 'pass' ? PASS : UNSHARED, noteTime)
      : lease.release())
  }

  /** Another may have stored the answer and given up the lease since this request found nothing. */
  async #unlessFound({ find, budget }: Pick<Wanted, 'find' | 'budget'>, lease: Lease): Promise<Turn> {
    const held = await find(budget)
    if (held === undefined) return { type: 'lead', lease }
    void lease.release()
    return { type: 'found', held }
  }

  /** Undefined where the store cannot say. */
  async #ask(key: string, budget: StoreBudget | undefined): Promise<LeaseAnswer | undefined> {
    const patience = Math.min(this.#timeout, budget?.remaining() ?? Infinity)
    if (patience <= 0 || this.#isDown() || this.#clock.monotonic() - this.#failedAt < retryAfter) return undefined
    const asking = askForLease(this.#capabilities, `lead ${key}`, leaseTime)
    budget?.begin()
    const outcome = await withDeadline(() => asking, patience, false)
    budget?.end()
    if (outcome.type === 'value') return outcome.value
    this.#failedAt = this.#clock.monotonic()
    this.#tell(outcome.type === 'error' ? outcome.error : undefined)
    // One that is granted too late is nobody's.
    if (outcome.type === 'late') {
      asking.then(
        async (answer) => {
          if (answer.type === 'granted') await answer.lease.release()
        },
        () => {},
      )
    }
    return undefined
  }
}
