import type { Clock } from '../clock.ts'
import { waitAtMost } from '../store/guard.ts'
import { BlockWriter, type BlockWriterParts } from './block-writer.ts'
import type { Sequence } from './contract.ts'
import { Pace } from './pace.ts'
import type { TermBlocks } from './term-blocks.ts'
import type { Landed, Wanted } from './wishes.ts'

/** Some terms in a row, by their JSON texts. */
export interface Terms {
  /** Index of the first of them. */
  readonly index: number
  readonly texts: readonly string[]
}

/** Terms that are kept in blocks: read where they were computed, computed where they were not. */
export class KeptTerms<State> {
  readonly #sequence: Sequence<State>
  readonly #blocks: TermBlocks
  readonly #writer: BlockWriter<State>
  readonly #clock: Clock
  readonly #timeout: number

  constructor(sequence: Sequence<State>, blocks: TermBlocks, parts: BlockWriterParts<State>) {
    this.#sequence = sequence
    this.#blocks = blocks
    this.#writer = new BlockWriter(sequence, blocks, parts)
    this.#clock = parts.clock
    this.#timeout = parts.timeout
  }

  /**
   * Terms from `start` up to, but not, `end`, as their blocks land; fewer where the sequence ends.
   *
   * @throws the signal's reason; what the sequence throws, after the terms before it.
   */
  async *read(start: number, end: number, signal: AbortSignal): AsyncGenerator<Terms, void> {
    const { size } = this.#blocks
    const stop = Math.min(end, this.#sequence.length ?? Infinity)
    const last = Math.ceil(stop / size) - 1
    // A store may answer at once, each time.
    const pace = new Pace(signal, this.#clock)
    for (let index = start; index < stop; ) {
      await pace.rest()
      const n = Math.floor(index / size)
      const skipped = index - n * size
      const wanted = Math.min(size, stop - n * size)
      const { texts, isEnd, failure } = await this.#block({ n, count: wanted, last }, signal)
      const own = texts.slice(skipped, wanted)
      if (own.length > 0) yield { index, texts: own }
      if (failure !== undefined) throw failure.error
      if (isEnd && texts.length <= wanted) return
      index = n * size + wanted
    }
  }

  /** As `keptBefore` of a TermReader. */
  keptBefore(start: number): Promise<number | undefined> {
    return waitAtMost(this.#writer.keptBefore(start), this.#timeout)
  }

  async #block(wanted: Wanted, signal: AbortSignal): Promise<Landed> {
    const block = await this.#blocks.find(wanted.n)
    if (block === undefined) return this.#writer.wait(wanted, signal)
    return { texts: block.texts, isEnd: block.texts.length < this.#blocks.size }
  }
}
