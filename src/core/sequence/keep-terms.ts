import { type Clock, systemClock } from '../clock.ts'
import { eventChannel } from '../events.ts'
import { clockOption, duration, knownOptions, positiveInteger } from '../options.ts'
import { asStore } from '../store/as-store.ts'
import { guardStore } from '../store/guard.ts'
import type { KeyvLike } from '../store/keyv.ts'
import { capabilitiesOf } from '../store/local-capabilities.ts'
import type { Store } from '../store/store.ts'
import type { Sequence } from './contract.ts'
import { KeptTails } from './kept-tails.ts'
import { KeptTerms, type Terms } from './kept-terms.ts'
import { TermBlocks } from './term-blocks.ts'
import type { TermPool } from './term-pool.ts'
import { TermWalker } from './term-walker.ts'

export interface KeepOptions {
  /** Where terms are kept: a Store or a Keyv. Default: the memory store that this process shares. */
  readonly store?: Store | KeyvLike | undefined
  /**
   * Terms of a block, of sequences that cannot be entered anywhere: so many are computed and kept together. Another size
   * computes anew. Default 250.
   */
  readonly blockSize?: number | undefined
  /** ms for one call of the store. Default 100. */
  readonly storeTimeout?: number | undefined
  readonly clock?: Clock | undefined
  /** Where costly terms are computed. Default: on the event loop. */
  readonly pool?: TermPool | undefined
}

/** Where terms come from. */
export interface TermSource {
  /**
   * The terms from `start` up to, but not, `end`, in order, as they land; fewer where the sequence ends.
   *
   * @throws the signal's reason; what the sequence throws, after the terms before it.
   */
  read(start: number, end: number, signal: AbortSignal): AsyncGenerator<Terms, void>
  /** As `keptBefore` of a TermReader. */
  keptBefore(start: number): Promise<number | undefined>
}

/**
 * Keeps in a store what was computed of a sequence, and goes on from there: blocks of terms, or where it can be entered
 * anywhere the last state of each page. Terms that are not deterministic are computed each time.
 *
 * Of all processes that share a store with locks, one computes; the others read what it has written as it lands.
 *
 * @throws TypeError or RangeError with the value quoted.
 */
export function keepTerms<State>(sequence: Sequence<State>, options: KeepOptions = {}): TermSource {
  knownOptions('keepTerms', options, ['store', 'blockSize', 'storeTimeout', 'clock', 'pool'])
  const clock = clockOption('clock', options.clock, systemClock)
  const size = positiveInteger('blockSize', options.blockSize, 250)
  const timeout = duration('storeTimeout', options.storeTimeout, 100)
  const store = asStore(options.store)
  const walker = new TermWalker(sequence, clock, options.pool)
  if (!sequence.deterministic) return computed(walker)
  const guarded = guardStore(store, { storeTimeout: timeout, clock, onEvent: (event) => events.publish(event) })
  if (sequence.jump !== undefined) return new KeptTails(sequence, guarded, walker)
  const parts = { walker, capabilities: capabilitiesOf(store, clock), clock, timeout }
  return new KeptTerms(sequence, new TermBlocks(sequence, guarded, size), parts)
}

const events = eventChannel('breakwater:store')

function computed<State>(walker: TermWalker<State>): TermSource {
  return {
    async *read(start, end, signal) {
      for await (const { index, texts } of walker.walk({ start, count: end - start, signal })) yield { index, texts }
    },
    keptBefore: async () => undefined,
  }
}
