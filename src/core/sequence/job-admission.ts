import { PageError } from './page-error.ts'
import { type AnswerLimits, planTerms, type TermBounds, type TermPlan } from './term-plan.ts'

/** A page as it is asked for; `limit` undefined: nobody said how many. */
export interface PageWish {
  readonly start: number
  readonly limit: number | undefined
  /** Whether the client would rather have an answer at once, and the terms later. */
  readonly prefersLater: boolean
}

/** Whether the terms of a page are computed while the client waits, behind its back, or not at all. */
export type Admission =
  | { readonly kind: 'now' | 'later'; readonly plan: TermPlan }
  | { readonly kind: 'refused'; readonly error: PageError }

/**
 * Judges a page before anything of it is computed. `later` are the limits of what is computed in the background;
 * undefined: nothing is.
 *
 * @throws PageError with status 400 where no sequence has so many terms.
 */
export function admitPage(bounds: TermBounds, later: AnswerLimits | undefined, wish: PageWish): Admission {
  const now = planOrRefusal(bounds, wish)
  const behind = later === undefined ? now : planOrRefusal({ ...bounds, limits: later }, wish)
  // A page without terms is no work.
  const isWanted = now.kind === 'refused' || (wish.prefersLater && now.plan.count > 0)
  if (later !== undefined && isWanted && behind.kind !== 'refused') return { kind: 'later', plan: behind.plan }
  if (now.kind !== 'refused' || behind.kind !== 'refused') return now
  return maxSizeOf(behind) > maxSizeOf(now) ? behind : now
}

type Refusal = Extract<Admission, { kind: 'refused' }>

function planOrRefusal(bounds: TermBounds, { start, limit }: PageWish): Admission {
  try {
    return { kind: 'now', plan: planTerms(bounds, start, limit) }
  } catch (error) {
    if (error instanceof PageError && error.status === 422) return { kind: 'refused', error }
    throw error
  }
}

function maxSizeOf({ error }: Refusal): number {
  return error.maxSize ?? 0
}
