import type { Batch } from './batches.ts'
import type { Cost } from './contract.ts'

/** Some terms in a row, as JSON texts: what a reader has at a time. */
export type Terms = Pick<Batch<unknown>, 'index' | 'texts'>

/** Which terms are read: fewer where the sequence ends before. */
export interface TermSpan {
  readonly start: number
  readonly count: number
}

/** Where the terms of answers come from: computed for each, kept, or made elsewhere. */
export interface TermReader {
  /**
   * Terms in order, each batch as soon as it is there; an error comes after the terms before it. An abort ends it with
   * the signal's reason; what is computed for several goes on for the others.
   */
  read(span: TermSpan, options: { readonly signal: AbortSignal }): AsyncGenerator<Terms, void>
  /** What reading is predicted to cost, as `cost` of a Sequence. Bytes do not depend on what is kept. */
  cost(start: number, count: number, kept?: number): Cost
  /**
   * The index of the last term before `start` that reading would go on from, for `cost`; undefined where there is none,
   * or the store does not say within its timeout. Computes nothing, never rejects.
   */
  keptBefore(start: number): Promise<number | undefined>
}
