import type { Cost, Sequence } from './contract.ts'

/** The most that one answer may cost, by prediction. */
export interface CostLimits {
  /** Bytes of text. */
  readonly bytes: number
  /** ms of CPU. */
  readonly time: number
}

/** Whether terms may be computed; where not, how many from the same start may. */
export type CostVerdict =
  | { readonly type: 'affordable'; readonly cost: Cost }
  | { readonly type: 'excessive'; readonly cost: Cost; readonly largestCount: number }

/** Judges `count` terms from `start`, or those that there are, before any is computed; `kept` as for `cost` of a Sequence. */
export function judgeCost(
  sequence: Pick<Sequence, 'cost'> & Partial<Pick<Sequence, 'length'>>,
  range: { readonly start: number; readonly count: number; readonly kept?: number | undefined },
  limits: CostLimits,
): CostVerdict {
  const costOf = (count: number): Cost => sequence.cost(range.start, count, range.kept)
  const isWithin = ({ bytes, time }: Cost): boolean => bytes <= limits.bytes && time <= limits.time
  const left = Math.max((sequence.length ?? Infinity) - range.start, 0)
  const wanted = Math.min(range.count, left)
  const cost = costOf(wanted)
  if (isWithin(cost)) return { type: 'affordable', cost }
  const excessive = Math.min(wanted, Number.MAX_SAFE_INTEGER)
  return { type: 'excessive', cost, largestCount: largest(excessive, (count) => isWithin(costOf(count))) }
}

/** The largest number below `excessive` that fits, 0 where none does; whatever is below one that fits does, too. */
function largest(excessive: number, fits: (count: number) => boolean): number {
  let within = 0
  let beyond = excessive
  while (beyond - within > 1) {
    const middle = within + Math.floor((beyond - within) / 2)
    if (fits(middle)) within = middle
    else beyond = middle
  }
  return within
}
