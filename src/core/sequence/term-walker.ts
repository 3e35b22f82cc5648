import type { Clock } from '../clock.ts'
import { eventChannel } from '../events.ts'
import type { Batch } from './batches.ts'
import type { Sequence, SequenceModule } from './contract.ts'
import { Mark } from './mark.ts'
import { type Slice, type TermPool, TermPoolError } from './term-pool.ts'
import { walk } from './walk.ts'

/** As `walk` has it, with a place that may be in another thread. */
export interface MarkedBatch<State> extends Pick<Batch<State>, 'index' | 'texts'> {
  readonly last: Mark<State>
}

/** As for `walk`. */
export interface TermRoute<State> {
  readonly start: number
  readonly count: number
  /** How many of them somebody wants for sure, to predict the cost by. Default `count`. */
  readonly expected?: number | undefined
  readonly kept?: Mark<State> | undefined
  readonly boundary?: number | undefined
  readonly signal: AbortSignal
}

/** How far a walk has come. */
interface Place<State> {
  /** Index of the next term. */
  next: number
  /** What is gone on from. */
  kept: Mark<State> | undefined
}

const refused = eventChannel('breakwater:sequence:pool')

/** Walks where it holds nobody up: what is cheap on the event loop, what is not in a pool, if the sequence can go there. */
export class TermWalker<State> {
  readonly #sequence: Sequence<State>
  readonly #clock: Clock
  readonly #pool: TermPool | undefined

  constructor(sequence: Sequence<State>, clock: Clock, pool: TermPool | undefined) {
    this.#sequence = sequence
    this.#clock = clock
    this.#pool = pool
  }

  /** @throws as `walk`; TermPoolError. */
  async *walk(route: TermRoute<State>): AsyncGenerator<MarkedBatch<State>, void> {
    const place = { next: route.start, kept: route.kept }
    const { module } = this.#sequence
    if (this.#pool !== undefined && module !== undefined && this.#isCostly(route, this.#pool.threshold)) {
      if (yield* this.#beside(this.#pool, module, route, place)) return
    }
    yield* this.#here(route, place)
  }

  #isCostly({ start, count, expected = count, kept }: TermRoute<State>, threshold: number): boolean {
    const wanted = Math.min(expected, (this.#sequence.length ?? Infinity) - start)
    return wanted > 0 && this.#sequence.cost(start, wanted, kept?.index).time > threshold
  }

  async *#here({ start, count, boundary, signal }: TermRoute<State>, { next, kept }: Place<State>) {
    const options = {
      start: next,
      count: start + count - next,
      kept: kept?.kept(),
      boundary,
      signal,
      clock: this.#clock,
    }
    for await (const { index, texts, last } of walk(this.#sequence, options)) {
      yield { index, texts, last: Mark.of(this.#sequence, last) }
    }
  }

  /** By slices; gives whether all was had. A reader that takes its time has no worker meanwhile. */
  async *#beside(pool: TermPool, module: SequenceModule, route: TermRoute<State>, place: Place<State>) {
    const end = Math.min(route.start + route.count, this.#sequence.length ?? Infinity)
    for (let isContinued = false; place.next < end; isContinued = true) {
      const slice = await this.#slice(pool, module, route, { ...place, end, isContinued })
      if (slice === undefined) return false
      yield* this.#handOver(slice, place)
      if (slice.failure !== undefined) throw slice.failure.error
      if (slice.isEnd) return true
    }
    return true
  }

  /** Undefined where there is no pool after all. */
  async #slice(
    pool: TermPool,
    module: SequenceModule,
    { boundary = Infinity, signal }: TermRoute<State>,
    { next, kept, end, isContinued }: Place<State> & { readonly end: number; readonly isContinued: boolean },
  ): Promise<Slice | undefined> {
    const { id, version } = this.#sequence
    const after = kept && { index: kept.index, state: kept.bytes() }
    const sequence = { ...module, id, version }
    try {
      return await pool.run({ sequence, start: next, count: end - next, boundary, after, isContinued }, signal)
    } catch (error) {
      if (!(error instanceof TermPoolError)) throw error
      if (refused.hasSubscribers) refused.publish({ sequence: id, reason: error.reason, error })
      if (error.reason === 'unavailable') return undefined
      throw error
    }
  }

  *#handOver({ parts }: Slice, place: Place<State>): Generator<MarkedBatch<State>, void> {
    for (const { count, lines, last } of parts) {
      place.kept = Mark.encoded(this.#sequence, last.index, last.state)
      if (count === 0) continue
      place.next = last.index + 1
      yield { index: place.next - count, texts: lines.split('\n'), last: place.kept }
    }
  }
}
