import type { Sequence } from './contract.ts'
import { type KeepOptions, keepTerms } from './keep-terms.ts'
import type { TermReader } from './term-reader.ts'

/**
 * Reads terms from where they are kept, and keeps those that it has to compute.
 *
 * @throws TypeError or RangeError with the value quoted.
 */
export function keptReader(sequence: Sequence, options: KeepOptions): TermReader {
  const source = keepTerms(sequence, options)
  return {
    read: ({ start, count }, { signal }) => source.read(start, start + count, signal),
    cost: (...asked) => sequence.cost(...asked),
    keptBefore: (start) => source.keptBefore(start),
  }
}
