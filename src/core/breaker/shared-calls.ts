import { StoreError } from '../store/errors.ts'
import { withDeadline } from '../store/guard.ts'

/** Calls that may be under way at once: those that never end are not to fill the memory. */
const mostUnderWay = 16

/** Calls of a store for which nobody waits: none lasts, and not many hang. */
export class BackgroundCalls {
  readonly #store: string
  readonly #timeout: number
  #underWay = 0

  /** `timeout`: ms for one call. */
  constructor(store: string, timeout: number) {
    this.#store = store
    this.#timeout = timeout
  }

  /** Whether so many hang that calls are only made now and then. */
  get areStuck(): boolean {
    return this.#underWay >= mostUnderWay
  }

  /** @throws what the call does, and StoreError where it takes too long. */
  async make<T>(call: () => T | Promise<T>): Promise<T> {
    this.#underWay++
    const settled = (): void => {
      this.#underWay--
    }
    const called = new Promise<T>((resolve) => resolve(call()))
    called.then(settled, settled)
    const outcome = await withDeadline(() => called, this.#timeout, true)
    if (outcome.type === 'value') return outcome.value
    if (outcome.type === 'error') throw outcome.error
    throw new StoreError(`The store ${this.#store} did not answer within ${this.#timeout} ms`)
  }
}
