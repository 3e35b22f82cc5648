import type { CursorSigner, CursorValue } from './cursor.ts'
import { uriText } from './link.ts'
import type { PageMode, PageSettings } from './page-options.ts'
import { namesOfMode, type PagePlan } from './page-plan.ts'

/** Where other pages of the list are; what there is none of is missing. `last` only where the length is known. */
export interface PageLinks {
  readonly first?: string
  readonly prev?: string
  readonly next?: string
  readonly last?: string
}

/** The values of cursors to other pages, for lists of the mode `cursor`. */
export interface PageCursors {
  readonly prev?: string
  readonly next?: string
}

/** Another page of the same list, by where it begins. */
export type Target =
  | { readonly kind: 'start' }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'after' | 'before'; readonly key: readonly CursorValue[] }

export type Targets = { readonly [Rel in keyof PageLinks]?: Target | undefined }

/**
 * Pages around a slice of a list, `total` items long where that is known. A last page whose end nobody gets is not told
 * of; the next one is, and says why.
 */
export function targetsAround(
  { offset, size, scanLimit }: { readonly offset: number; readonly size: number; readonly scanLimit: number },
  total: number | undefined,
  hasMore: boolean,
): Targets {
  const last = total === undefined || total > scanLimit ? undefined : lastOffset(offset, size, total)
  const previous = Math.min(offset - size, last ?? Infinity)
  return {
    first: { kind: 'start' },
    prev: offset > 0 ? { kind: 'index', index: Math.max(0, previous) } : undefined,
    next: hasMore ? { kind: 'index', index: offset + size } : undefined,
    last: last === undefined ? undefined : { kind: 'index', index: last },
  }
}

/** Where walking on from `offset` in steps of `size` comes to an end. */
function lastOffset(offset: number, size: number, total: number): number {
  const phase = offset % size
  return total > phase ? phase + Math.floor((total - 1 - phase) / size) * size : 0
}

/** The parameters that ask for a page, beside the cursor where it has one. */
export function linkTo<Item>(
  { names, signer }: PageSettings<Item>,
  { mode, size, base, kept, scope }: PagePlan & { readonly mode: PageMode },
  target: Target,
): { readonly href: string; readonly cursor?: string } {
  const [selector, sizeName] = namesOfMode(mode, names)
  const selected = selectorValue(mode, size, target, scope, signer)
  const own = selected === undefined ? [] : [`${encoded(selector)}=${selected}`]
  const href = `${base}?${[...kept, ...own, `${encoded(sizeName)}=${size}`].join('&')}`
  return { href, ...(mode === 'cursor' && selected !== undefined && { cursor: selected }) }
}

function selectorValue(
  mode: PageMode,
  size: number,
  target: Target,
  scope: string,
  signer: CursorSigner | undefined,
): string | undefined {
  const index = target.kind === 'index' ? target.index : 0
  switch (mode) {
    case 'page':
      return String(Math.floor(index / size) + 1)
    case 'offset':
      return String(index)
    case 'cursor':
      if (target.kind === 'after' || target.kind === 'before') {
        return signer?.sign([target.kind === 'after' ? 'a' : 'b', ...target.key], scope)
      }
      return index === 0 ? undefined : signer?.sign([index], scope)
  }
}

function encoded(name: string): string {
  return uriText(encodeURIComponent(name))
}
