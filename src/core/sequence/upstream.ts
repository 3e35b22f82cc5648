import { flag, knownOptions, optionalFunction, quote } from '../options.ts'
import type { Rest, Sequence } from './contract.ts'
import { assumedCost, defineSequence } from './define.ts'
import type { IterableOptions } from './iterable.ts'
import { jsonState, stateJson } from './json.ts'

/** What an upstream answered. */
export interface UpstreamPage<Item, Cursor> {
  readonly items: readonly Item[]
  /** Where the next page is; undefined or null: this was the last. */
  readonly next?: Cursor | null | undefined
}

/** Asks the upstream for a page: the first where `cursor` is undefined. */
export type FetchPage<Item, Cursor> = (
  cursor: Cursor | undefined,
  signal: AbortSignal,
) => Promise<UpstreamPage<Item, Cursor>>

export interface UpstreamOptions<Cursor> extends IterableOptions {
  /** Where an upstream can be entered anywhere: the page that holds item `n`, and the index of its first item. */
  readonly locate?: ((n: number) => { readonly cursor: Cursor; readonly index: number }) | undefined
  /** Whether the next page is fetched while one is read, if it is wanted. Default true. */
  readonly prefetch?: boolean | undefined
  /**
   * As for `defineSequence`. Default: 20 bytes an item; 0.1 ms an item, and for each that has to be skipped. By the usual
   * limits of a router that is 10,000 items from the start for a page, and 300,000 for a stream.
   */
  readonly cost?: Sequence['cost'] | undefined
}

/** ms. To skip an item means to fetch it. */
const ITEM_TIME = 0.1

/** An item and where it was. `page` is at hand until the state is encoded. */
export interface UpstreamState<Item, Cursor> {
  readonly item: Item
  /** Of its page. */
  readonly cursor?: Cursor | undefined
  /** Its place on the page. */
  readonly offset: number
  /** Whether it was the last there, and what came next. */
  readonly isLast: boolean
  readonly next?: Cursor | undefined
  readonly page?: Page<Item, Cursor> | undefined
}

/** A page as it is read from. */
interface Page<Item, Cursor> {
  readonly items: readonly Item[]
  readonly next: Cursor | undefined
}

/** Where to read on. */
interface Place<Item, Cursor> {
  readonly cursor: Cursor | undefined
  readonly offset: number
  readonly page?: Page<Item, Cursor> | undefined
}

/**
 * The items of an upstream that answers in pages of its own, whatever their sizes, as a sequence: so clients get pages
 * of the size that they ask for. No page is fetched twice in a walk, and none that is not wanted; one is fetched ahead.
 *
 * @throws TypeError or RangeError where an option is none.
 */
export function fromUpstream<Item, Cursor = string>(
  fetchPage: FetchPage<Item, Cursor>,
  options: UpstreamOptions<Cursor>,
): Sequence<UpstreamState<Item, Cursor>, Item> {
  if (optionalFunction('fetchPage', fetchPage) === undefined) {
    throw new TypeError('fromUpstream takes a function that fetches a page')
  }
  const known = ['id', 'version', 'length', 'deterministic', 'cost', 'locate', 'prefetch']
  knownOptions('fromUpstream', options, known)
  const { locate, prefetch, ...definition } = options
  const upstream = new Upstream(fetchPage, flag('prefetch', prefetch, true))
  return defineSequence<UpstreamState<Item, Cursor>, Item>({
    ...definition,
    deterministic: definition.deterministic ?? false,
    cost: definition.cost ?? assumedCost(locate !== undefined, ITEM_TIME),
    states: (after, signal, count) => upstream.states(after, signal, count),
    jump: jumpOf(upstream, optionalFunction('locate', locate)),
    term: ({ item }) => item,
    encode: ({ page: _page, ...state }) => stateJson(state),
    decode,
  })
}

function jumpOf<Item, Cursor>(
  upstream: Upstream<Item, Cursor>,
  locate: UpstreamOptions<Cursor>['locate'],
): Sequence<UpstreamState<Item, Cursor>>['jump'] {
  return locate && ((n, signal, rest) => upstream.jump(n, locate(n), signal, rest))
}

class Upstream<Item, Cursor> {
  readonly #fetchPage: FetchPage<Item, Cursor>
  readonly #prefetch: boolean

  constructor(fetchPage: FetchPage<Item, Cursor>, prefetch: boolean) {
    this.#fetchPage = fetchPage
    this.#prefetch = prefetch
  }

  async *states(
    after: UpstreamState<Item, Cursor> | undefined,
    signal: AbortSignal,
    count: number,
  ): AsyncGenerator<UpstreamState<Item, Cursor> | undefined> {
    const circle = new Circle<Cursor>()
    const reader = new AbortController()
    const both = AbortSignal.any([signal, reader.signal])
    let place = after === undefined ? { cursor: undefined, offset: 0 } : placeAfter(after)
    let wanted = count
    let ahead: Promise<Page<Item, Cursor>> | undefined
    try {
      while (place !== undefined) {
        const { cursor, offset } = place
        const page = place.page ?? (await (ahead ?? this.#fetch(cursor, both)))
        wanted -= Math.max(page.items.length - offset, 0)
        ahead = this.#prefetch && wanted > 0 && page.next !== undefined ? this.#fetch(page.next, both) : undefined
        // Where it fails nobody may be waiting yet.
        ahead?.catch(() => {})
        for (let i = offset; i < page.items.length; i++) yield stateOf(page, cursor, i)
        // However many pages there are without items, who walks can stop here.
        yield undefined
        circle.pass(page.next)
        place = page.next === undefined ? undefined : { cursor: page.next, offset: 0 }
      }
    } finally {
      reader.abort()
    }
  }

  /** The state of item `n`, on the page at `entry` or, where that is shorter than thought, on one after it. */
  async jump(
    n: number,
    entry: { readonly cursor: Cursor; readonly index: number },
    signal: AbortSignal,
    rest: Rest,
  ): Promise<UpstreamState<Item, Cursor> | undefined> {
    const circle = new Circle<Cursor>()
    let offset = n - entry.index
    if (!(Number.isSafeInteger(offset) && offset >= 0)) {
      throw new RangeError(`locate(${n}) must give an index from 0 to ${n}, not ${quote(entry.index)}`)
    }
    for (let cursor: Cursor | undefined = entry.cursor; cursor !== undefined; ) {
      const page: Page<Item, Cursor> = await this.#fetch(cursor, signal)
      if (offset < page.items.length) return stateOf(page, cursor, offset)
      offset -= page.items.length
      await rest()
      circle.pass(page.next)
      cursor = page.next
    }
    return undefined
  }

  async #fetch(cursor: Cursor | undefined, signal: AbortSignal): Promise<Page<Item, Cursor>> {
    const page = await this.#fetchPage(cursor, signal)
    if (!Array.isArray(page?.items)) throw new TypeError(`fetchPage must give { items: [...] }, not ${quote(page)}`)
    return { items: page.items, next: page.next ?? undefined }
  }
}

/** Knows cursors that come again, by comparing each with one that is renewed after 1, 2, 4, ... of them (R. P. Brent). */
class Circle<Cursor> {
  #mark: Cursor | undefined
  #stretch = 1
  #left = 1

  /** @throws TypeError where the upstream goes round in a circle. */
  pass(cursor: Cursor | undefined): void {
    if (cursor === undefined) return
    if (cursor === this.#mark) throw new TypeError(`fetchPage gave the page at ${quote(cursor)} as one after itself`)
    this.#left--
    if (this.#left > 0) return
    this.#mark = cursor
    this.#stretch *= 2
    this.#left = this.#stretch
  }
}

function stateOf<Item, Cursor>(
  page: Page<Item, Cursor>,
  cursor: Cursor | undefined,
  offset: number,
): UpstreamState<Item, Cursor> {
  const isLast = offset === page.items.length - 1
  return { item: page.items[offset] as Item, cursor, offset, isLast, next: page.next, page }
}

/** Undefined: the upstream has no more. Where the page is not at hand, it is fetched again unless all of it was read. */
function placeAfter<Item, Cursor>(state: UpstreamState<Item, Cursor>): Place<Item, Cursor> | undefined {
  const { cursor, offset, isLast, next, page } = state
  if (!isLast) return { cursor, offset: offset + 1, page }
  return next === undefined ? undefined : { cursor: next, offset: 0 }
}

function decode<Item, Cursor>(bytes: Uint8Array): UpstreamState<Item, Cursor> {
  const state = jsonState(bytes) as Partial<UpstreamState<Item, Cursor>> | null
  if (Number.isSafeInteger(state?.offset)) return state as UpstreamState<Item, Cursor>
  throw new TypeError(`These bytes are no state of an upstream: ${quote(state)}`)
}
