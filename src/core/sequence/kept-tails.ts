import type { GuardedStore } from '../store/guard.ts'
import type { Sequence } from './contract.ts'
import { keptBody } from './kept-body.ts'
import { encodedMark } from './kept-state.ts'
import type { Terms } from './kept-terms.ts'
import { Mark } from './mark.ts'
import { SharedReading } from './shared-reading.ts'
import type { TermWalker } from './term-walker.ts'

/** ms: a jump that takes less is not worth a question to a store. */
const WORTH_KEEPING = 1
/** ms: terms that take less are computed for each reader. */
const WORTH_SHARING = 5
/** ms: what nobody goes on from is let go of after a day. */
const LIFETIME = 24 * 60 * 60_000

/**
 * Terms of a sequence that can be entered anywhere: computed when they are asked for, once for all who ask for the same at
 * the same time, with the state of the last one kept, so that the next page goes on from it instead of jumping.
 */
export class KeptTails<State> {
  readonly #sequence: Sequence<State>
  readonly #store: GuardedStore
  readonly #walker: TermWalker<State>
  readonly #prefix: string
  /** What is being read, by the first term and the one behind the last. */
  readonly #shared = new Map<string, SharedReading>()

  constructor(sequence: Sequence<State>, store: GuardedStore, walker: TermWalker<State>) {
    this.#sequence = sequence
    this.#store = store
    this.#walker = walker
    this.#prefix = `sequence ${JSON.stringify([sequence.id, sequence.version])} tail`
  }

  /** As KeptTerms has it. */
  async *read(start: number, end: number, signal: AbortSignal): AsyncGenerator<Terms, void> {
    if (this.#sequence.cost(start, end - start).time < WORTH_SHARING) return yield* this.#compute(start, end, signal)
    const behind = yield* this.#together(start, end).read(signal)
    if (behind !== undefined) yield* this.#compute(behind, end, signal)
  }

  #together(start: number, end: number): SharedReading {
    const key = `${start} ${end}`
    const known = this.#shared.get(key)
    if (known?.isOpen) return known
    const controller = new AbortController()
    const terms = this.#compute(start, end, controller.signal)
    const reading: SharedReading = new SharedReading(terms, () => {
      if (this.#shared.get(key) === reading) this.#shared.delete(key)
      controller.abort()
      terms.return().catch(() => {})
    })
    this.#shared.set(key, reading)
    return reading
  }

  async *#compute(start: number, end: number, signal: AbortSignal): AsyncGenerator<Terms, void> {
    const kept = await this.#find(start - 1)
    let last: Mark<State> | undefined
    try {
      for await (const batch of this.#walker.walk({ start, count: end - start, kept, signal })) {
        last = batch.last
        yield { index: batch.index, texts: batch.texts }
      }
    } finally {
      if (last !== undefined) this.#keep(last)
    }
  }

  /** As `keptBefore` of a TermReader. */
  async keptBefore(start: number): Promise<number | undefined> {
    return (await this.#find(start - 1))?.index
  }

  async #find(index: number): Promise<Mark<State> | undefined> {
    if (!this.#isWorthKeeping(index)) return undefined
    const body = await keptBody(await this.#store.get(`${this.#prefix} ${index}`))
    return body && Mark.encoded(this.#sequence, index, body)
  }

  #keep(last: Mark<State>): void {
    if (!this.#isWorthKeeping(last.index)) return
    const body = encodedMark(this.#sequence, last)
    if (body !== undefined) void this.#store.set(`${this.#prefix} ${last.index}`, { meta: {}, body }, LIFETIME)
  }

  #isWorthKeeping(index: number): boolean {
    return index >= 0 && this.#sequence.cost(index, 1).time >= WORTH_KEEPING
  }
}
