import { knownOptions, quote } from '../options.ts'
import type { CursorValue } from './cursor.ts'
import { itemContentRange } from './item-range.ts'
import { linkTo, type PageCursors, type PageLinks, type Targets, targetsAround } from './page-links.ts'
import { PAGE_OPTIONS, type PageMode, type PageSettings, type PaginateOptions, pageSettings } from './page-options.ts'
import { outOfRange, type PagePlan, type PageRequest, planPage } from './page-plan.ts'

/** What a source gave for the window of a plan. */
export interface PageResult<Item> {
  /** In the list's order; at most `window.limit`, one more than the page has. */
  readonly items: readonly Item[]
  /** How long the whole list is, where that is known. */
  readonly total?: number | undefined
}

/** A page, and what to say of it. */
export interface Page<Item> {
  readonly status: 200 | 206
  readonly items: readonly Item[]
  readonly links: PageLinks
  readonly cursors: PageCursors
  /** How long the whole list is, where that is known, also from the page itself. */
  readonly total: number | undefined
  readonly hasMore: boolean
  /** The value of Content-Range, for the answer to a range. */
  readonly contentRange: string | undefined
}

/** Reads what page a request wants, and says what is around it. It keeps nothing and asks nobody. */
export interface Paginator<Item> {
  /**
   * What a request asks for: the window to get from the list, and what links are made of.
   *
   * @throws PageError with status 400 for parameters that are malformed, given twice or do not go together, and for
   * cursors (CursorError); 416 for a range that cannot be; 422 for a page that is too large or too far.
   */
  plan(request: PageRequest): PagePlan
  /** How long the list is, by the items alone: known where they are the last ones. */
  totalBy(plan: PagePlan, items: readonly Item[]): number | undefined
  /**
   * The page that a plan asks for, with its links.
   *
   * @throws PageError with status 416 where a range begins behind the end; TypeError for a result of another kind.
   */
  page(plan: PagePlan, result: PageResult<Item>): Page<Item>
}

/**
 * Pages of a list, as pure functions: `plan` says what a request wants, `page` what to answer.
 *
 * @throws TypeError or RangeError with the value quoted.
 */
export function paginate<Item = unknown>(options: PaginateOptions<Item> = {}): Paginator<Item> {
  knownOptions('paginate', options, PAGE_OPTIONS)
  return paginatorOf(pageSettings('paginate', options))
}

export function paginatorOf<Item>(settings: PageSettings<Item>): Paginator<Item> {
  return {
    plan: (request) => planPage(settings, request),
    totalBy,
    page: (plan, result) => pageOf(settings, plan, result),
  }
}

function totalBy(plan: PagePlan, items: readonly unknown[]): number | undefined {
  const { window } = plan
  if (window.kind !== 'slice') return undefined
  const isEnd = items.length < window.limit && (items.length > 0 || window.offset === 0)
  return isEnd ? window.offset + items.length : undefined
}

function pageOf<Item>(settings: PageSettings<Item>, plan: PagePlan, result: PageResult<Item>): Page<Item> {
  const { window, size, mode } = plan
  const { items: found } = result
  if (!Array.isArray(found)) throw new TypeError(`A page is made of an array of items, not of ${quote(found)}`)
  const most = window.limit - 1
  const isSurplus = found.length > most
  const items = window.kind === 'before' ? found.slice(-most) : found.slice(0, most)
  const total = totalOf(plan, result)
  if (window.kind !== 'slice') {
    const targets = targetsByKey(settings, plan, items, isSurplus)
    return described(settings, { ...plan, mode: 'cursor' }, { items, total }, targets)
  }
  const end = window.offset + items.length
  const hasMore = isSurplus || (items.length > 0 && total !== undefined && end < total)
  if (mode !== 'range') {
    const slice = { offset: window.offset, size, scanLimit: settings.scanLimit }
    return described(settings, { ...plan, mode }, { items, total }, targetsAround(slice, total, hasMore))
  }
  if (items.length === 0) throw outOfRange(total)
  const contentRange = itemContentRange(window.offset, end - 1, total)
  return { status: 206, items, links: {}, cursors: {}, total, hasMore, contentRange }
}

/** A total from before an item was added may be less than what the page shows. */
function totalOf<Item>(plan: PagePlan, { items, total }: PageResult<Item>): number | undefined {
  if (total === undefined) return totalBy(plan, items)
  if (!Number.isSafeInteger(total) || total < 0) {
    throw new TypeError(`The total of a list is a whole number, not ${quote(total)}`)
  }
  const seen = plan.window.kind === 'slice' && items.length > 0 ? plan.window.offset + items.length : items.length
  return Math.max(total, seen)
}

/** Pages around items that are told by their keys. */
function targetsByKey<Item>(
  { key: keyOf }: PageSettings<Item>,
  { window }: PagePlan,
  items: readonly Item[],
  isSurplus: boolean,
): Targets {
  const start = { kind: 'start' } as const
  const [first, last] = [items[0], items.at(-1)]
  // All there was here is gone: what lies on the other side can only be found from the start.
  if (items.length === 0) return { first: start, next: window.kind === 'before' ? start : undefined }
  const isFirst = window.kind === 'before' ? !isSurplus : window.kind === 'after' && window.key === undefined
  const isLast = window.kind === 'after' && !isSurplus
  const at = (item: Item) => checkedKey(keyOf?.(item))
  return {
    first: start,
    prev: isFirst ? undefined : { kind: 'before', key: at(first as Item) },
    next: isLast ? undefined : { kind: 'after', key: at(last as Item) },
  }
}

function checkedKey(key: unknown): readonly CursorValue[] {
  if (Array.isArray(key) && key.length > 0) return key
  throw new TypeError(`key must give an array of the values that the list is ordered by, not ${quote(key)}`)
}

function described<Item>(
  settings: PageSettings<Item>,
  plan: PagePlan & { readonly mode: PageMode },
  { items, total }: PageResult<Item>,
  targets: Targets,
): Page<Item> {
  const links: { -readonly [Rel in keyof PageLinks]: string } = {}
  const cursors: { -readonly [Rel in keyof PageCursors]: string } = {}
  for (const rel of ['first', 'prev', 'next', 'last'] as const) {
    const target = targets[rel]
    if (target === undefined) continue
    const { href, cursor } = linkTo(settings, plan, target)
    links[rel] = href
    if (cursor !== undefined && (rel === 'prev' || rel === 'next')) cursors[rel] = cursor
  }
  return { status: 200, items, links, cursors, total, hasMore: targets.next !== undefined, contentRange: undefined }
}
