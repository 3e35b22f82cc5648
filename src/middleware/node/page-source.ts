import { systemClock } from '../../core/clock.ts'
import { quote } from '../../core/options.ts'
import type { CursorValue } from '../../core/sequence/cursor.ts'
import { Pace } from '../../core/sequence/pace.ts'
import type { PageWindow } from '../../core/sequence/page-plan.ts'
import type { PageResult } from '../../core/sequence/paginate.ts'
import { Source } from '../../core/sequence/source.ts'

/** `signal` is aborted when the client leaves. */
interface Asked {
  readonly signal: AbortSignal
}

/** Items from `offset` on, at most `limit` of them. */
export interface SliceAsked extends Asked {
  readonly offset: number
  /** One more than the page has. */
  readonly limit: number
}

/** The first `limit` items behind the key `after`, or of all; or the last `limit` ones before the key `before`. */
export interface KeyedAsked extends Asked {
  readonly after: readonly CursorValue[] | undefined
  readonly before: readonly CursorValue[] | undefined
  /** One more than the page has. */
  readonly limit: number
}

/** The items in the list's order, where wanted with the length of the whole list. */
export type PageGiven<Item> = readonly Item[] | PageResult<Item>

/** A list that is read by offset, such as a table of a database. */
export type SliceSource<Item, Request> = (
  asked: SliceAsked,
  request: Request,
) => PageGiven<Item> | Promise<PageGiven<Item>>

/** A list that is read from a key onwards: pages stay where they are while items come and go. */
export interface KeyedSource<Item, Request> {
  /** The values that the list is ordered by and that tell this item from all others. */
  key(item: Item): readonly CursorValue[]
  /** Gives items in the list's order, also those `before` a key. */
  read(asked: KeyedAsked, request: Request): PageGiven<Item> | Promise<PageGiven<Item>>
}

/** A list that is walked from its start for each page, up to `scanLimit`. */
export interface WalkedSource<Item, Request> {
  iterate(asked: Asked, request: Request): Iterable<Item> | AsyncIterable<Item>
}

export type PageSource<Item, Request> =
  | readonly Item[]
  | Iterable<Item>
  | AsyncIterable<Item>
  | SliceSource<Item, Request>
  | KeyedSource<Item, Request>
  | WalkedSource<Item, Request>

/** A source by how it is read. */
export type ReadySource<Item, Request> =
  | { readonly kind: 'array'; readonly items: readonly Item[] }
  | { readonly kind: 'slices'; readonly read: SliceSource<Item, Request> }
  | { readonly kind: 'keyed'; readonly source: KeyedSource<Item, Request> }
  | { readonly kind: 'walked'; readonly source: WalkedSource<Item, Request> }

/** @throws TypeError that says what a source may be. */
export function readySource<Item, Request>(source: unknown): ReadySource<Item, Request> {
  if (Array.isArray(source)) return { kind: 'array', items: source }
  if (typeof source === 'function') return { kind: 'slices', read: source as SliceSource<Item, Request> }
  const given = typeof source === 'object' && source !== null ? (source as Partial<AnySource<Item, Request>>) : {}
  if (typeof given.key === 'function' && typeof given.read === 'function') {
    return { kind: 'keyed', source: given as KeyedSource<Item, Request> }
  }
  if (typeof given.iterate === 'function') return { kind: 'walked', source: given as WalkedSource<Item, Request> }
  if (ONCE.some((name) => name in given)) {
    throw new TypeError('source is something that can be walked once: give { iterate } with the function that makes it')
  }
  if (Symbol.iterator in given || Symbol.asyncIterator in given) {
    return { kind: 'walked', source: { iterate: () => given as AsyncIterable<Item> } }
  }
  throw new TypeError(
    `source must be an array, a function of { offset, limit }, { key, read }, { iterate } or an iterable, not ${quote(source)}`,
  )
}

type AnySource<Item, Request> = KeyedSource<Item, Request> & WalkedSource<Item, Request>

/** What iterators, Node's streams and web streams have. */
const ONCE = ['next', 'pipe', 'getReader']

/** Reads the window of a plan. What the source throws is handed on. */
export async function readWindow<Item, Request>(
  source: ReadySource<Item, Request>,
  window: PageWindow,
  request: Request,
  signal: AbortSignal,
): Promise<PageResult<Item>> {
  const { limit } = window
  if (source.kind === 'keyed') {
    const after = window.kind === 'after' ? window.key : undefined
    const before = window.kind === 'before' ? window.key : undefined
    return resultOf(await source.source.read({ after, before, limit, signal }, request))
  }
  const offset = window.kind === 'slice' ? window.offset : 0
  switch (source.kind) {
    case 'array':
      return { items: source.items.slice(offset, offset + limit), total: source.items.length }
    case 'slices':
      return resultOf(await source.read({ offset, limit, signal }, request))
    case 'walked':
      return { items: await walk(source.source.iterate({ signal }, request), offset, limit, signal) }
  }
}

function resultOf<Item>(given: PageGiven<Item>): PageResult<Item> {
  return Array.isArray(given) ? { items: given } : { ...(given as PageResult<Item>) }
}

/**
 * Reads from `offset` on. Others have the event loop after each 5 ms; however it ends, by the client's leaving too, so
 * does the iterator.
 */
async function walk<Item>(
  items: Iterable<Item> | AsyncIterable<Item>,
  offset: number,
  limit: number,
  signal: AbortSignal,
): Promise<Item[]> {
  const page: Item[] = []
  const pace = new Pace(signal, systemClock)
  const source = new Source(items, signal)
  try {
    for (let index = 0; page.length < limit; index++) {
      const rest = pace.rest()
      if (rest !== undefined) await rest
      const next = source.next()
      const step = next instanceof Promise ? await next : next
      if (step.done === true) break
      if (index >= offset) page.push(step.value)
    }
  } finally {
    await source.close()
  }
  return page
}
