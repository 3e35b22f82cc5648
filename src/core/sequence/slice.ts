import { type Clock, systemClock } from '../clock.ts'
import type { Batch, Kept } from './batches.ts'
import type { Sequence } from './contract.ts'
import { Mark } from './mark.ts'
import type { Slice, SlicePart, SliceTask } from './term-pool.ts'
import { walk } from './walk.ts'

/** A slice ends with what makes it longer: after this time from its first term, ms, */
const LONGEST = 50
/** characters of text, */
const MOST_CHARACTERS = 1024 * 1024
/** or terms: whoever gets them has to look at each. */
const MOST_TERMS = 10_000

/**
 * Walks for one slice.
 *
 * @throws the signal's reason; what the sequence throws is told in the slice.
 */
export async function computeSlice<State>(
  sequence: Sequence<State>,
  task: Omit<SliceTask, 'sequence' | 'isContinued'>,
  signal: AbortSignal,
  clock: Clock = systemClock,
): Promise<Slice> {
  const { start, count, boundary, after } = task
  const kept = after && Mark.encoded(sequence, after.index, after.state).kept()
  const parts = new Parts(sequence, boundary)
  let since: number | undefined
  try {
    for await (const batch of walk(sequence, { start, count, kept, boundary, signal, clock, tellsSkipped: true })) {
      parts.add(batch)
      // What a jump takes cannot be divided, and is no reason to come back for the second term.
      since ??= clock.monotonic()
      if (parts.isFull || clock.monotonic() - since >= LONGEST) return { parts: parts.take(), isEnd: false }
    }
    return { parts: parts.take(), isEnd: true }
  } catch (error) {
    signal.throwIfAborted()
    return { parts: parts.take(), isEnd: false, failure: { error } }
  }
}

/** What a slice is put together from. */
class Parts<State> {
  readonly #sequence: Sequence<State>
  readonly #boundary: number
  readonly #parts: SlicePart[] = []
  /** Of the part that has not ended. */
  #texts: string[] = []
  #last: Kept<State> | undefined
  #terms = 0
  #characters = 0

  constructor(sequence: Sequence<State>, boundary: number) {
    this.#sequence = sequence
    this.#boundary = boundary
  }

  get isFull(): boolean {
    return this.#terms >= MOST_TERMS || this.#characters >= MOST_CHARACTERS
  }

  add({ texts, last }: Batch<State>): void {
    for (const text of texts) {
      this.#texts.push(text)
      this.#characters += text.length
    }
    this.#terms += texts.length
    this.#last = last
    if (this.#texts.length > 0 && (last.index + 1) % this.#boundary === 0) this.#end()
  }

  /** @throws what `encode` of the sequence throws. */
  take(): readonly SlicePart[] {
    this.#end()
    return this.#parts
  }

  #end(): void {
    const [texts, last] = [this.#texts, this.#last]
    if (last === undefined) return
    this.#texts = []
    this.#last = undefined
    const state = this.#sequence.encode(last.state)
    this.#parts.push({ count: texts.length, lines: texts.join('\n'), last: { index: last.index, state } })
  }
}
