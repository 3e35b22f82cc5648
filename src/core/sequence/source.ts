import type { Sequence } from './contract.ts'

type Step<State> = IteratorResult<State | undefined, unknown>

/** The states of a sequence, sync or async, with an end to waiting. */
export class Source<State> {
  readonly #iterator: Iterator<State | undefined> | AsyncIterator<State | undefined>
  readonly #signal: AbortSignal
  readonly #onAbort: () => void
  /** Ends the wait for a step; undefined while none is waited for. */
  #giveUp: ((reason: unknown) => void) | undefined

  constructor(sequence: Sequence<State>, after: State | undefined, count: number, signal: AbortSignal) {
    const states = sequence.states(after, signal, count)
    this.#iterator = Symbol.asyncIterator in states ? states[Symbol.asyncIterator]() : states[Symbol.iterator]()
    this.#signal = signal
    this.#onAbort = () => this.#giveUp?.(signal.reason)
    signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** A promise where it has to be waited for: rejected by an abort, whatever the iterator does. */
  next(): Step<State> | Promise<Step<State>> {
    const step = this.#iterator.next() as Step<State> | PromiseLike<Step<State>>
    return 'then' in step ? this.#waitedFor(step) : step
  }

  /** Not a race with one promise of the abort: that one would hold on to every step of a long walk. */
  #waitedFor(step: PromiseLike<Step<State>>): Promise<Step<State>> {
    const { promise, resolve, reject } = Promise.withResolvers<Step<State>>()
    this.#giveUp = reject
    const isOver = (): void => {
      this.#giveUp = undefined
    }
    step.then(resolve, reject)
    if (this.#signal.aborted) reject(this.#signal.reason)
    // It may be looked at later, or not at all.
    promise.then(isOver, isOver)
    return promise
  }

  /** Lets go of what the iterator holds. One that is still at a step, or was aborted, is not waited for. */
  async close(): Promise<void> {
    this.#signal.removeEventListener('abort', this.#onAbort)
    const closed = Promise.resolve(this.#iterator.return?.())
    if (this.#signal.aborted || this.#giveUp !== undefined) closed.catch(() => {})
    else await closed
  }
}
