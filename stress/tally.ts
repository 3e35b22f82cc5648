/** What was seen in a phase. */
export interface Tally {
  readonly name: string
  /** When each request began and how long it took, ms. */
  readonly requests: { readonly at: number; readonly took: number }[]
  /** How late this process' own timers were, ms: what the machine adds to every time. */
  readonly lateness: number[]
  readonly failed: string[]
  readonly wrong: string[]
  readonly stale: string[]
  /** When a purge resolved, ms. */
  readonly purged: number[]
  readonly rejected: string[]
  /** How long after a purge a request began at most that still got what was purged, ms. */
  lag: number
  /** When something was killed or frozen, and when that was over, ms. */
  trouble: { readonly from: number; until: number } | undefined
}

export function newTally(name: string): Tally {
  const lists = { requests: [], lateness: [], failed: [], wrong: [], stale: [], purged: [], rejected: [] }
  return { name, ...lists, lag: 0, trouble: undefined }
}

/** The time, in ms, that this share of requests did not exceed. */
export function percentile(times: readonly number[], share: number): number {
  const sorted = times.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
