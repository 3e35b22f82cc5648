import type { TermPoolError, TermPoolReason } from './term-pool.ts'

/** Events of sequences, by channel name. */
export interface SequenceEvents {
  /** A term could not be had when part of the answer had been sent: only the answer itself could still tell. */
  'breakwater:sequence:broken': {
    readonly sequence: string
    /** Of the term that is missing. */
    readonly index: number
    readonly format: string
    readonly error: unknown
  }
  /** A state could not be encoded, so that nothing is kept there: terms are right, and computed again each time. */
  'breakwater:sequence:unkept': {
    readonly sequence: string
    /** Of the term whose state it is. */
    readonly index: number
    readonly error: unknown
  }
  /** Workers have not computed what they were given; `unavailable`: the event loop does it instead. */
  'breakwater:sequence:pool': {
    readonly sequence: string
    readonly reason: TermPoolReason
    readonly error: TermPoolError
  }
  /** A function of a router's options threw: the client was refused. */
  'breakwater:sequence:fault': {
    readonly sequence: string
    readonly error: unknown
  }
}
