import { type IncomingMessage, type ServerResponse, validateHeaderValue } from 'node:http'
import { rangeApplies } from '../../core/http/range.ts'
import { matchesAny } from '../../core/http/validators.ts'
import { flag, knownOptions, optionalFunction, quote } from '../../core/options.ts'
import { formatLinks } from '../../core/sequence/link.ts'
import { PageError } from '../../core/sequence/page-error.ts'
import {
  PAGE_OPTIONS,
  type PageSettings,
  type PaginateOptions,
  pageSettings,
} from '../../core/sequence/page-options.ts'
import type { PagePlan, PageRequest } from '../../core/sequence/page-plan.ts'
import { type Page, type PageResult, type Paginator, paginatorOf } from '../../core/sequence/paginate.ts'
import { splitTarget } from '../../core/sequence/query.ts'
import { clientSignal } from './client-signal.ts'
import { entityTag } from './entity-tag.ts'
import type { PageAnswer, PageFields } from './page-answer.ts'
import { pageProblem } from './page-problem.ts'
import { type PageSource, type ReadySource, readWindow, readySource } from './page-source.ts'
import { prefixOption } from './prefix.ts'
import { type Origin, originText } from './request-head.ts'

export interface PageRouterOptions<Item, Request> extends Omit<PaginateOptions<Item>, 'key'> {
  /** The list: an array, a function of `{ offset, limit }`, `{ key, read }`, or something to walk. */
  readonly source: PageSource<Item, Request>
  /**
   * How long the list is. A function is asked only where neither the page nor the source tells. Without it there is no
   * link to the last page until it is reached.
   */
  readonly total?: number | TotalOf<Request> | undefined
  /** `array`, the default: the items; `data`: `{ data, links, total, hasMore }`; or a function that makes the content. */
  readonly envelope?: 'array' | 'data' | ((page: Page<Item>) => unknown) | undefined
  /**
   * `true`, the default: a strong entity tag of the content. A function names the state of the list, such as the time
   * of its last change: where it is the same the source is not asked. `false`: none.
   */
  readonly etag?: boolean | ((request: Request) => string | undefined | Promise<string | undefined>) | undefined
  /** The field Cache-Control of pages. Default: none. */
  readonly cacheControl?: string | undefined
  /** Whether links are absolute behind a proxy that the application trusts. Default true; elsewhere they never are. */
  readonly absolute?: boolean | undefined
  /** What else a cursor is bound to besides path and query, such as a tenant. */
  readonly scope?: ((request: Request) => string) | undefined
  /** The path that it answers, such as `/books`; '' for the root of its mount, '*' for whatever comes. */
  readonly prefix?: string | undefined
  /** For a source that is walked: it is read up to so many items. Default 10,000; for other sources Infinity. */
  readonly scanLimit?: number | undefined
}

type TotalOf<Request> = (asked: { readonly signal: AbortSignal }, request: Request) => number | Promise<number>

/** A request as a bridge hands it over. */
export interface PageCall<Request> {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly native: Request
  /** Path and query as received. */
  readonly target: string
  /** Scheme and authority by a proxy that is trusted; undefined where there is none. */
  readonly origin: Origin | undefined
  /** Whether the framework has found out by itself that the request is for us. */
  readonly isRouted: boolean
}

const ROUTER_OPTIONS = ['source', 'total', 'envelope', 'etag', 'cacheControl', 'absolute', 'scope', 'prefix']
const WALKED_LIMIT = 10_000

/** Answers requests for pages of a list. Decides and reads; bridges write. */
export class PageEndpoint<Item, Request> {
  readonly #source: ReadySource<Item, Request>
  readonly #settings: PageSettings<Item>
  readonly #pages: Paginator<Item>
  readonly #options: PageRouterOptions<Item, Request>
  readonly #prefix: string
  readonly #isAbsolute: boolean

  /** @throws TypeError or RangeError with the value quoted. */
  constructor(options: PageRouterOptions<Item, Request>) {
    const ownNames = PAGE_OPTIONS.filter((name) => name !== 'key')
    knownOptions('pageRouter', options, [...ROUTER_OPTIONS, ...ownNames])
    const { source, absolute, prefix = '', ...rest } = options ?? {}
    checkOptions(rest)
    this.#source = readySource(source)
    this.#settings = pageSettings('pageRouter', pageOptionsFor(this.#source, rest))
    this.#pages = paginatorOf(this.#settings)
    this.#options = options
    this.#prefix = prefixOption(prefix)
    this.#isAbsolute = flag('absolute', absolute, true)
  }

  /** @throws by the promise: what the source and the functions of the options throw. */
  async answer(call: PageCall<Request>): Promise<PageAnswer> {
    const { method, url = '/' } = call.request
    if ((method !== 'GET' && method !== 'HEAD') || !(call.isRouted || this.#isOurs(url))) return { kind: 'pass' }
    const signal = clientSignal(call.response)
    try {
      return await this.#page(call, signal)
    } catch (error) {
      if (signal.aborted) return { kind: 'gone' }
      if (error instanceof PageError) return refused(error)
      throw error
    }
  }

  #isOurs(url: string): boolean {
    const { path } = splitTarget(url)
    return this.#prefix === '*' || path === this.#prefix || path === `${this.#prefix}/`
  }

  async #page(call: PageCall<Request>, signal: AbortSignal): Promise<PageAnswer> {
    const { etag } = this.#options
    const state = typeof etag === 'function' ? await etag(call.native) : undefined
    const origin = this.#isAbsolute ? originText(call.origin) : undefined
    const plan = this.#plan(call, origin, state)
    const tag = state === undefined ? undefined : tagOfState(plan, state, this.#expiryFor(plan))
    const fields = { ...this.#fieldsOf(origin !== undefined), ETag: tag }
    if (isKnown(call.request, tag)) return { kind: 'unchanged', fields }
    const page = this.#pages.page(plan, await this.#read(plan, call.native, signal))
    return this.#show(call.request, page, fields)
  }

  #show(request: IncomingMessage, page: Page<Item>, fields: PageFields): PageAnswer {
    const { etag = true, envelope = 'array' } = this.#options
    const { status, total, contentRange } = page
    const body = JSON.stringify(contentOf(page, envelope))
    if (body === undefined) throw new TypeError('envelope must give something that JSON can express')
    const links = formatLinks(Object.entries(page.links).map(([rel, href]) => ({ rel, href })))
    // What a range is a part of has a tag of its own, and only the list's state tells it (RFC 9110 section 15.3.7).
    const ETag = etag === true && status === 200 ? entityTag([body, links, `${total ?? ''}`]) : fields.ETag
    if (isKnown(request, ETag)) return { kind: 'unchanged', fields: { ...fields, ETag } }
    const own = { ETag, Link: links, 'Content-Range': contentRange, 'X-Total-Count': total?.toString() }
    return { kind: 'page', status, fields: { ...fields, ...own }, body }
  }

  #plan(
    { request, native, target }: PageCall<Request>,
    origin: string | undefined,
    state: string | undefined,
  ): PagePlan {
    const asked: PageRequest = {
      target,
      origin,
      scope: this.#options.scope?.(native),
      total: this.#source.kind === 'array' ? this.#source.items.length : undefined,
    }
    const page = this.#pages.plan(asked)
    const { range } = request.headers
    // Ranges are for GET alone (RFC 9110 section 14.2), and one of a list as it was is judged by nothing else.
    if (request.method !== 'GET' || range === undefined) return page
    const etag = state === undefined ? undefined : tagOfRanges(page, state)
    return rangeApplies(request.headers, { etag }) ? this.#pages.plan({ ...asked, range }) : page
  }

  async #read(plan: PagePlan, native: Request, signal: AbortSignal): Promise<PageResult<Item>> {
    const { items, total } = await readWindow(this.#source, plan.window, native, signal)
    signal.throwIfAborted()
    if (!Array.isArray(items)) return { items, total }
    const known = total ?? this.#pages.totalBy(plan, items)
    if (known !== undefined) return { items, total: known }
    const { total: own } = this.#options
    return { items, total: typeof own === 'function' ? await own({ signal }, native) : own }
  }

  #fieldsOf(isAbsolute: boolean): PageFields {
    const { ranges } = this.#settings
    const vary = [ranges ? 'Range' : '', isAbsolute ? 'X-Forwarded-Proto, X-Forwarded-Host' : '']
    return {
      'Accept-Ranges': ranges ? 'items' : undefined,
      Vary: vary.filter((name) => name !== '').join(', '),
      'Cache-Control': this.#options.cacheControl,
    }
  }

  /** A page whose cursors were about to end is not the same as one with new ones. */
  #expiryFor({ mode }: PagePlan): number | undefined {
    return mode === 'cursor' ? this.#settings.signer?.expiry : undefined
  }
}

function checkOptions({ total, envelope, etag, cacheControl, scope }: Omit<AnyOptions, 'source'>): void {
  if (typeof total !== 'number') optionalFunction('total', total)
  else if (!Number.isSafeInteger(total) || total < 0) {
    throw new RangeError(`total must be a whole number, not ${quote(total)}`)
  }
  if (envelope !== 'array' && envelope !== 'data' && typeof envelope !== 'function' && envelope !== undefined) {
    throw new TypeError(`envelope must be 'array', 'data' or a function of a page, not ${quote(envelope)}`)
  }
  if (typeof etag !== 'boolean') optionalFunction('etag', etag)
  optionalFunction('scope', scope)
  if (cacheControl === undefined) return
  if (typeof cacheControl !== 'string') throw new TypeError(`cacheControl must be a string, not ${quote(cacheControl)}`)
  validateHeaderValue('Cache-Control', cacheControl)
}

type AnyOptions = PageRouterOptions<never, never>

function pageOptionsFor<Item, Request>(
  source: ReadySource<Item, Request>,
  { modes, size, maxSize, ranges, names, cursors, scanLimit }: Omit<PageRouterOptions<Item, Request>, 'source'>,
): PaginateOptions<Item> {
  const key = source.kind === 'keyed' ? (item: Item) => source.source.key(item) : undefined
  const reach = scanLimit ?? (source.kind === 'walked' ? WALKED_LIMIT : undefined)
  return { modes, size, maxSize, ranges, names, cursors, key, scanLimit: reach }
}

function isKnown({ headers }: IncomingMessage, etag: string | undefined): boolean {
  return etag !== undefined && matchesAny(headers['if-none-match'], etag)
}

function refused(error: PageError): PageAnswer {
  return { kind: 'problem', problem: pageProblem(error), contentRange: error.contentRange }
}

function contentOf<Item>(page: Page<Item>, envelope: 'array' | 'data' | ((page: Page<Item>) => unknown)): unknown {
  if (typeof envelope === 'function') return envelope(page)
  const { items, links, total, hasMore } = page
  return envelope === 'array' ? items : { data: items, links, total, hasMore }
}

/** Pages differ by what they show. */
function tagOfState(plan: PagePlan, state: string, expiry: number | undefined): string {
  const { mode, window, base, scope } = plan
  if (mode === 'range') return tagOfRanges(plan, state)
  const shown = JSON.stringify([scope, { mode, base, expiry, window }], (_, value) =>
    typeof value === 'bigint' ? `${value}n` : value,
  )
  return entityTag([shown, state])
}

/** All ranges are parts of one thing. */
function tagOfRanges({ scope }: Pick<PagePlan, 'scope'>, state: string): string {
  return entityTag([JSON.stringify([scope]), state])
}
