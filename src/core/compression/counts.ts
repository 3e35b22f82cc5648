import type { Coding } from './coding.ts'

/** What became of answers in one coding. */
export interface CodingCounts {
  /** Contents compressed. */
  readonly encoded: number
  /** Answers for which an encoding was there already. */
  readonly reused: number
  /** Contents that were compressed for nothing: it saved too little. */
  readonly futile: number
  /** Bytes of all encoded answers as they would have been sent. */
  readonly bytes: number
  /** Bytes that were sent in their place. */
  readonly encodedBytes: number
  /** ms spent on compressing; of streams, their writers' time too. */
  readonly duration: number
}

/** By coding; one that was never used is not there. */
export type CompressionCounts = Readonly<Partial<Record<Coding, CodingCounts>>>

type Tally = { -readonly [K in keyof CodingCounts]: CodingCounts[K] }

/** Adds up what is told of. */
export class Tallies {
  readonly #by = new Map<Coding, Tally>()

  of(coding: Coding): Tally {
    let tally = this.#by.get(coding)
    if (tally === undefined) {
      tally = { encoded: 0, reused: 0, futile: 0, bytes: 0, encodedBytes: 0, duration: 0 }
      this.#by.set(coding, tally)
    }
    return tally
  }

  /** As of now. */
  snapshot(): CompressionCounts {
    return Object.fromEntries([...this.#by].map(([coding, tally]) => [coding, { ...tally }]))
  }
}
