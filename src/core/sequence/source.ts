import type { Sequence } from './contract.ts'
import { orAborted } from './or-aborted.ts'

type Step<State> = IteratorResult<State | undefined, unknown>

type Origin<State> =
  | { readonly type: 'computed'; readonly iterator: Iterator<State | undefined> }
  | { readonly type: 'waited for'; readonly iterator: AsyncIterator<State | undefined> }

/** The states of a sequence, sync or async, with an end to waiting. */
export class Source<State> {
  readonly #origin: Origin<State>
  readonly #signal: AbortSignal
  #isAtStep = false

  constructor(sequence: Sequence<State>, after: State | undefined, count: number, signal: AbortSignal) {
    const states = sequence.states(after, signal, count)
    this.#origin =
      Symbol.asyncIterator in states
        ? { type: 'waited for', iterator: states[Symbol.asyncIterator]() }
        : { type: 'computed', iterator: states[Symbol.iterator]() }
    this.#signal = signal
  }

  /** A promise where it has to be waited for: rejected by an abort, whatever the iterator does. */
  next(): Step<State> | Promise<Step<State>> {
    if (this.#origin.type === 'computed') return this.#origin.iterator.next()
    this.#isAtStep = true
    const step = orAborted(this.#origin.iterator.next(), this.#signal)
    const isOver = (): void => {
      this.#isAtStep = false
    }
    // It may be looked at later, or not at all.
    step.then(isOver, isOver)
    return step
  }

  /** Lets go of what the iterator holds. One that is still at a step, or was aborted, is not waited for. */
  async close(): Promise<void> {
    const closed = Promise.resolve(this.#origin.iterator.return?.())
    if (this.#signal.aborted || this.#isAtStep) closed.catch(() => {})
    else await closed
  }
}
