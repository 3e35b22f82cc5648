import { orAborted } from '../store/or-aborted.ts'
import type { Sequence } from './contract.ts'
import type { Pace } from './pace.ts'
import { Source } from './source.ts'

/** A state and the index of its term. */
export interface Kept<State> {
  readonly index: number
  readonly state: State
}

/** Some terms in a row: what was made in 5 ms, or 64 KiB of text, or what there is before something is waited for. */
export interface Batch<State> {
  /** Index of the first of them. */
  readonly index: number
  /** The JSON text of each: at least one, unless what is skipped is told. */
  readonly texts: readonly string[]
  /** The state of the last of them, to go on from. */
  readonly last: Kept<State>
}

/** Terms from `start` up to, but not, `end`. */
export interface TermRange {
  readonly start: number
  readonly end: number
  /** Where the index of the next term is a multiple of it, a batch ends. */
  readonly boundary: number
  /** Whether there are batches without terms, after 5 ms each, while those before `start` are computed. */
  readonly tellsSkipped: boolean
}

/** Characters of text after which a batch is handed on. */
const LARGEST_BATCH = 64 * 1024

/** Collects the terms of one walk. */
export class Batches<State> {
  readonly #sequence: Sequence<State>
  readonly #range: TermRange
  readonly #signal: AbortSignal
  readonly #pace: Pace
  #source: Source<State | undefined> | undefined
  /** Asked for, and not there when the batch before it was handed on. */
  #pending: ReturnType<Source<State | undefined>['next']> | undefined
  /** Where the walk is: the last state that was had, its term wanted or skipped. */
  #at: Kept<State> | undefined
  #texts: string[] = []
  /** Whether there is something to hand on. */
  #hasNews = false
  #characters = 0
  #isDone = false
  #failure: { readonly error: unknown } | undefined

  constructor(sequence: Sequence<State>, range: TermRange, signal: AbortSignal, pace: Pace) {
    this.#sequence = sequence
    this.#range = range
    this.#signal = signal
    this.#pace = pace
  }

  /** Goes to where the walk begins: after `kept`, else by a jump, else before the first term. */
  async open(kept: Kept<State> | undefined): Promise<void> {
    const { start, end } = this.#range
    const { jump } = this.#sequence
    this.#at = kept
    if (kept === undefined && start > 0 && jump !== undefined) {
      const state = await orAborted(Promise.resolve(jump(start, this.#signal, this.#pace.rest)), this.#signal)
      if (state === undefined) this.#isDone = true
      else this.#reach(start, state)
    }
    if (this.#isDone) return
    const before = this.#at === undefined ? 0 : this.#at.index + 1
    this.#source = new Source(this.#sequence.states(this.#at?.state, this.#signal, end - before), this.#signal)
  }

  /** The next terms; undefined: that was all. An error comes after the terms before it. */
  async next(): Promise<Batch<State> | undefined> {
    if (this.#failure !== undefined) throw this.#failure.error
    this.#signal.throwIfAborted()
    try {
      return await this.#collect()
    } catch (error) {
      if (!this.#hasNews || this.#signal.aborted) throw error
      this.#failure = { error }
      return this.#take()
    }
  }

  async close(): Promise<void> {
    await this.#source?.close()
  }

  async #collect(): Promise<Batch<State> | undefined> {
    while (!this.#isDone && this.#source !== undefined) {
      const isTime = this.#pace.isOver
      if (this.#hasNews && (isTime || this.#isFull)) return this.#take()
      if (isTime) await this.#pace.rest()
      let step = this.#pending ?? this.#source.next()
      if (step instanceof Promise) {
        this.#pending = step
        if (this.#hasNews) return this.#take()
        step = await step
        this.#pending = undefined
      }
      if (step.done === true) this.#isDone = true
      else if (step.value !== undefined) this.#reach((this.#at?.index ?? -1) + 1, step.value)
    }
    return this.#hasNews ? this.#take() : undefined
  }

  get #isFull(): boolean {
    return this.#characters >= LARGEST_BATCH || ((this.#at?.index ?? -1) + 1) % this.#range.boundary === 0
  }

  #reach(index: number, state: State): void {
    const { start, end, tellsSkipped } = this.#range
    // Its text first: where that throws, the state before is the last.
    if (index >= start) {
      const text = this.#sequence.text(state)
      // It would be two records of a stream and two terms of a block, or none.
      if (text === '' || text.includes('\n') || text.includes('\r')) {
        throw new TypeError(`The text of term ${index} is empty or has a line break: it must be JSON in one line`)
      }
      this.#texts.push(text)
      this.#characters += text.length
    }
    this.#at = { index, state }
    this.#hasNews = index >= start || tellsSkipped
    this.#isDone = index === end - 1
  }

  #take(): Batch<State> {
    const last = this.#at as Kept<State>
    const texts = this.#texts
    this.#texts = []
    this.#hasNews = false
    this.#characters = 0
    return { index: last.index - texts.length + 1, texts, last }
  }
}
