import type { FieldValue } from '../http/message.ts'
import type { RequestedRange } from '../http/range.ts'
import type { CursorValue } from './cursor.ts'
import { requestedItems, unsatisfiedItems } from './item-range.ts'
import { uriText } from './link.ts'
import { CursorError, PageError } from './page-error.ts'
import type { PageMode, PageNames, PageSettings } from './page-options.ts'
import { integerOf, ownParameters } from './parameters.ts'
import { type QueryParameter, splitTarget } from './query.ts'

/** What is known of a request for a page. */
export interface PageRequest {
  /** Path and query as received, such as `/books?page=2`. */
  readonly target: string
  /** Where links begin, such as `https://api.example`. Default: they are relative references. */
  readonly origin?: string | undefined
  /** The field Range. Leave it out where If-Range forbids it. */
  readonly range?: FieldValue
  /** How long the list is, where that is known beforehand; without it `Range: items=-5` is ignored. */
  readonly total?: number | undefined
  /** What else a cursor is bound to besides path and query, such as a tenant. */
  readonly scope?: string | undefined
}

/** Where a page is cut from the list. `limit` is one more than the page has, to see whether there is a next one. */
export type PageWindow =
  | { readonly kind: 'slice'; readonly offset: number; readonly limit: number }
  /** The first ones behind the item with this key, or of all. */
  | { readonly kind: 'after'; readonly key: readonly CursorValue[] | undefined; readonly limit: number }
  /** The last ones before the item with this key, in the list's own order. */
  | { readonly kind: 'before'; readonly key: readonly CursorValue[]; readonly limit: number }

/** What a request asks for. */
export interface PagePlan {
  readonly mode: PageMode | 'range'
  /** How many items pages have. What lies at the scan limit has fewer. */
  readonly size: number
  readonly window: PageWindow
  /** What links begin with, and the parameters that are not about pages. */
  readonly base: string
  readonly kept: readonly string[]
  /** What its cursors are bound to: path, all parameters that are not about pages, and the request's own scope. */
  readonly scope: string
}

/** @throws PageError that says what to send instead; CursorError is one. */
export function planPage<Item>(settings: PageSettings<Item>, request: PageRequest): PagePlan {
  const { path, query } = splitTarget(request.target)
  const { modes, names } = settings
  const { asked, kept } = ownParameters(
    query,
    modes.flatMap((mode) => namesOfMode(mode, names)),
  )
  const scope = scopeOf(path, kept, request.scope)
  const range = settings.ranges && asked.size === 0 ? requestedItems(request.range) : undefined
  const place = (range && placeOfRange(settings, range, request.total)) ?? placeOf(settings, asked, scope)
  const base = request.origin === undefined ? '' : request.origin + uriText(path)
  return { ...place, base, kept: kept.map(({ text }) => text), scope }
}

type Place = Pick<PagePlan, 'mode' | 'size' | 'window'>

/** The names of the parameters of one mode: which page, and how large. */
export function namesOfMode(mode: PageMode, names: PageNames): readonly [selector: string, size: string] {
  return [names[mode], mode === 'page' ? names.size : names.limit]
}

function placeOf<Item>(settings: PageSettings<Item>, asked: ReadonlyMap<string, string>, scope: string): Place {
  const mode = modeOf(settings, asked)
  const [selector, sizeName] = namesOfMode(mode, settings.names)
  const size = sizeOf(settings, sizeName, asked.get(sizeName))
  const selected = asked.get(selector)
  switch (mode) {
    case 'page': {
      const page = selected === undefined ? 1 : integerOf(selector, selected, 1)
      return slice(settings, mode, (page - 1) * size, size)
    }
    case 'offset':
      return slice(settings, mode, selected === undefined ? 0 : integerOf(selector, selected, 0), size)
    case 'cursor':
      return placeOfCursor(settings, selected, size, scope)
  }
}

/** The mode whose own parameters are there; the first one of the list where nothing tells. */
function modeOf<Item>({ modes, names }: PageSettings<Item>, asked: ReadonlyMap<string, string>): PageMode {
  const selected = modes.filter((mode) => asked.has(names[mode]))
  const sized = modes.filter((mode) => asked.has(namesOfMode(mode, names)[1]))
  const first = modes[0] as PageMode
  const mode = selected[0] ?? (sized.includes(first) ? first : (sized[0] ?? first))
  const own = namesOfMode(mode, names)
  const foreign = [...asked.keys()].find((name) => !own.includes(name))
  if (foreign === undefined) return mode
  throw new PageError(
    400,
    `${foreign} does not go with ${own.find((name) => asked.has(name)) ?? own[0]}: give one of them`,
  )
}

function sizeOf<Item>({ size, maxSize }: PageSettings<Item>, name: string, asked: string | undefined): number {
  if (asked === undefined) return size
  const number = integerOf(name, asked, 1)
  if (number <= maxSize) return number
  throw new PageError(422, `${name} must be at most ${maxSize}, not ${number}`, { maxSize })
}

function slice<Item>(settings: PageSettings<Item>, mode: PagePlan['mode'], offset: number, size: number): Place {
  const { scanLimit } = settings
  if (offset >= scanLimit) {
    throw new PageError(422, `This list can be read up to its item ${scanLimit} in this way: ask for an earlier page`)
  }
  if (!Number.isSafeInteger(offset + size + 1)) throw new PageError(400, 'No list has so many pages')
  return { mode, size, window: { kind: 'slice', offset, limit: Math.min(size, scanLimit - offset) + 1 } }
}

function placeOfCursor<Item>(
  settings: PageSettings<Item>,
  cursor: string | undefined,
  size: number,
  scope: string,
): Place {
  const { key, signer } = settings
  const values = cursor === undefined ? undefined : signer?.open(cursor, scope)
  if (key === undefined) return slice(settings, 'cursor', values === undefined ? 0 : indexOf(values), size)
  const [direction, ...rest] = values ?? []
  if (values !== undefined && direction !== 'a' && direction !== 'b') throw new CursorError('invalid')
  const limit = size + 1
  const window: PageWindow =
    direction === 'b' ? { kind: 'before', key: rest, limit } : { kind: 'after', key: values && rest, limit }
  return { mode: 'cursor', size, window }
}

/** A list that was ordered by keys when the cursor was made has no index in it. */
function indexOf([index]: readonly CursorValue[]): number {
  if (typeof index === 'number' && Number.isSafeInteger(index) && index >= 0) return index
  throw new CursorError('invalid')
}

/** Undefined where the field is to be ignored: the end of a list of unknown length is nowhere. */
function placeOfRange<Item>(
  settings: PageSettings<Item>,
  { first, last, suffix }: RequestedRange,
  total: number | undefined,
): Place | undefined {
  const { maxSize } = settings
  if (suffix !== undefined) {
    if (total === undefined) return undefined
    if (suffix === 0 || total === 0) throw outOfRange(total)
    return slice(settings, 'range', Math.max(0, total - suffix), Math.min(suffix, total, maxSize))
  }
  const offset = first as number
  // Fewer than asked for may be sent, as Content-Range says (RFC 9110 section 15.3.7).
  const left = Number.MAX_SAFE_INTEGER - 1 - offset
  if (left < 1) throw outOfRange(total)
  const size = Math.min(last === undefined ? left : last - offset + 1, maxSize, left)
  return slice(settings, 'range', offset, size)
}

/** A range that begins behind the end of the list. */
export function outOfRange(total: number | undefined): PageError {
  const contentRange = total === undefined ? undefined : unsatisfiedItems(total)
  return new PageError(416, 'The list has no items in this range', { contentRange })
}

/** The order of parameters does not matter, but for those of one name. */
function scopeOf(path: string, kept: readonly QueryParameter[], own: string | undefined): string {
  const pairs = kept.map(({ name, value }) => [name, value] as const)
  pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  return JSON.stringify([withoutClosingSlashes(path), pairs, own ?? null])
}

/** A pattern would try each slash of a path that is full of them. */
function withoutClosingSlashes(path: string): string {
  let end = path.length
  while (path[end - 1] === '/') end--
  return path.slice(0, end)
}
