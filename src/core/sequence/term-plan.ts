import type { RequestedRange } from '../http/range.ts'
import { type CostLimits, judgeCost } from './limits.ts'
import { PageError } from './page-error.ts'
import { outOfRange } from './page-plan.ts'
import type { TermReader, TermSpan } from './term-reader.ts'

/** The most that one answer may be. */
export interface AnswerLimits extends CostLimits {
  /** Terms. */
  readonly count: number
}

/** What a plan is made by. */
export interface TermBounds {
  readonly reader: Pick<TermReader, 'cost'>
  /** Of the sequence; undefined: endless, or not known. */
  readonly length: number | undefined
  readonly limits: AnswerLimits
  /** Terms of an answer whose size is not asked for. */
  readonly limit: number
  /** The index of a term that reading goes on from, where it is before what is read. */
  readonly kept?: number | undefined
}

/** Terms to answer with. */
export interface TermPlan extends TermSpan {
  /** How many there would be if the sequence did not end before. */
  readonly size: number
}

/** How many of `count` terms from `start` on may be answered with. */
export function allowedCount({ reader, length, limits, ...bounds }: TermBounds, start: number, count: number): number {
  const most = Math.min(count, limits.count)
  const existing = Math.min(most, remaining(length, start))
  if (existing === 0) return most
  const kept = bounds.kept !== undefined && bounds.kept < start ? bounds.kept : undefined
  const verdict = judgeCost(reader, { start, count: existing, kept }, limits)
  return verdict.type === 'affordable' ? most : verdict.largestCount
}

/**
 * Terms from `start` on. Where nobody said how many, there are as many as may be.
 *
 * @throws ExcessiveTerms where they cost too much.
 */
export function planTerms(bounds: TermBounds, start: number, limit: number | undefined): TermPlan {
  const size = limit ?? bounds.limit
  const allowed = allowedCount(bounds, start, size)
  if (allowed === size || (limit === undefined && allowed > 0)) return planOf(bounds, start, allowed)
  throw new ExcessiveTerms(start, allowed)
}

/**
 * The terms of an item range, or its first ones where all of them were too much (RFC 9110 section 15.3.7); undefined
 * where the range is to be ignored: nobody knows the last terms of what has no known end.
 *
 * @throws PageError with status 416 where there is nothing in it; ExcessiveTerms where not even one term may be had.
 */
export function planRange(bounds: TermBounds, { first, last, suffix }: RequestedRange): TermPlan | undefined {
  const { length } = bounds
  if (suffix !== undefined && length === undefined) return undefined
  const start = first ?? Math.max(0, (length ?? 0) - (suffix ?? 0))
  const left = Math.min(remaining(length, start), LARGEST_END - start)
  if (suffix === 0 || left === 0) throw outOfRange(length)
  const wanted = Math.min(last === undefined ? Infinity : last - start + 1, left)
  const size = allowedCount(bounds, start, wanted)
  if (size === 0) throw new ExcessiveTerms(start, 0)
  return planOf(bounds, start, size)
}

/** The most terms in a row from which a walk still knows its indexes. */
const LARGEST_END = Number.MAX_SAFE_INTEGER

function planOf({ length }: TermBounds, start: number, size: number): TermPlan {
  if (start + size > LARGEST_END) throw new PageError(400, 'No sequence has so many terms')
  return { start, size, count: Math.min(size, remaining(length, start)) }
}

function remaining(length: number | undefined, start: number): number {
  return length === undefined ? Infinity : Math.max(0, length - start)
}

/** Terms that cost too much for one answer; its `maxSize` says how many may be asked for. Status 422. */
export class ExcessiveTerms extends PageError {
  readonly start: number

  constructor(start: number, maxSize: number) {
    const instead = maxSize > 0 ? `ask for ${maxSize} at most` : 'ask for earlier ones'
    super(422, `So many terms from index ${start} on are too much for one answer: ${instead}`, { maxSize })
    this.start = start
  }
}
