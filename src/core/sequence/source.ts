import type { Sequence } from './contract.ts'

type Step<State> = IteratorResult<State | undefined, unknown>

/** The states of a sequence, sync or async, with an end to waiting. */
export class Source<State> {
  readonly #iterator: Iterator<State | undefined> | AsyncIterator<State | undefined>
  readonly #signal: AbortSignal
  readonly #aborted: Promise<never>
  readonly #onAbort: () => void

  constructor(sequence: Sequence<State>, after: State | undefined, count: number, signal: AbortSignal) {
    const states = sequence.states(after, signal, count)
    this.#iterator = Symbol.asyncIterator in states ? states[Symbol.asyncIterator]() : states[Symbol.iterator]()
    this.#signal = signal
    const { promise, reject } = Promise.withResolvers<never>()
    // Nobody may be waiting when it comes.
    promise.catch(() => {})
    this.#aborted = promise
    this.#onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** A promise where it has to be waited for: rejected by an abort, whatever the iterator does. */
  next(): Step<State> | Promise<Step<State>> {
    const step = this.#iterator.next()
    if (!(step instanceof Promise)) return step as Step<State>
    const settled = Promise.race([step, this.#aborted])
    // It may be looked at later, or not at all.
    settled.catch(() => {})
    return settled
  }

  /** Lets go of what the iterator holds. After an abort an iterator that still waits is not waited for. */
  async close(): Promise<void> {
    this.#signal.removeEventListener('abort', this.#onAbort)
    const closed = Promise.resolve(this.#iterator.return?.())
    if (this.#signal.aborted) closed.catch(() => {})
    else await closed
  }
}
