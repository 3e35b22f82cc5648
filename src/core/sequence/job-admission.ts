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
  | { readonly kind: 'now'; readonly plan: TermPlan }
  /** `instead`: what may be computed at once, where that is only not preferred. */
  | { readonly kind: 'later'; readonly plan: TermPlan; readonly instead: TermPlan | undefined }
  | { readonly kind: 'refused'; readonly error: PageError }

/**
 * Judges a page before anything of it is computed. `later` are the limits of what is computed in the background;
 * undefined: nothing is.
 *
 * @throws PageError with status 400 where no sequence has so many terms.
 */
export function admitPage(bounds: TermBounds, later: AnswerLimits | undefined, wish: PageWish): Admission {
  const now = planOrRefusal(bounds, wish)
  // A page without terms is no work.
  const isEnough = now.kind === 'now' && (!wish.prefersLater || now.plan.count === 0)
  if (later === undefined || isEnough) return now
  const behind = planOrRefusal({ ...bounds, limits: later }, wish)
  if (behind.kind === 'now') {
    return { kind: 'later', plan: behind.plan, instead: now.kind === 'now' ? now.plan : undefined }
  }
  return now.kind === 'now' || maxSizeOf(now) >= maxSizeOf(behind) ? now : behind
}

type AtOnce = Extract<Admission, { kind: 'now' }>
type Refusal = Extract<Admission, { kind: 'refused' }>

function planOrRefusal(bounds: TermBounds, { start, limit }: PageWish): AtOnce | Refusal {
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
