import { orAborted } from '../store/or-aborted.ts'

type Step<Item> = IteratorResult<Item, unknown>

type Origin<Item> =
  | { readonly type: 'computed'; readonly iterator: Iterator<Item> }
  | { readonly type: 'waited for'; readonly iterator: AsyncIterator<Item> }

/** What is walked, sync or async, with an end to waiting. */
export class Source<Item> {
  readonly #origin: Origin<Item>
  readonly #signal: AbortSignal
  #isAtStep = false

  constructor(items: Iterable<Item> | AsyncIterable<Item>, signal: AbortSignal) {
    this.#origin =
      Symbol.asyncIterator in items
        ? { type: 'waited for', iterator: items[Symbol.asyncIterator]() }
        : { type: 'computed', iterator: items[Symbol.iterator]() }
    this.#signal = signal
  }

  /** A promise where it has to be waited for: rejected by an abort, whatever the iterator does. */
  next(): Step<Item> | Promise<Step<Item>> {
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
