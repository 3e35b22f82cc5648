import { flag, knownOptions, limit, positiveInteger, quote, text } from '../options.ts'
import { type CursorOptions, CursorSigner, type CursorValue } from './cursor.ts'

/**
 * How a request says which page it wants: `page` and `size`, `offset` and `limit`, or `cursor` and `limit`. A list may
 * understand several; the first one is that of a request that says nothing.
 */
export type PageMode = 'page' | 'offset' | 'cursor'

/** What the parameters of a query are called. `size` and `limit` may be the same, all others differ. */
export interface PageNames {
  readonly page: string
  readonly size: string
  readonly offset: string
  readonly limit: string
  readonly cursor: string
}

export interface PaginateOptions<Item = unknown> {
  /** Default `['cursor']` where `cursors` is given, else `['page', 'offset']`. */
  readonly modes?: readonly PageMode[] | undefined
  /** Items of a page whose size is not asked for. Default 20, or `maxSize` where that is less. */
  readonly size?: number | undefined
  /** The most items that a page may be asked for; for more the answer is 422. Default 100. */
  readonly maxSize?: number | undefined
  /** Whether `Range: items=0-24` is understood where the query asks for no page. Default false. */
  readonly ranges?: boolean | undefined
  /** Other names for parameters of the query, such as `{ size: 'per_page' }`. */
  readonly names?: Partial<PageNames> | undefined
  /** What cursors are signed with; needed for the mode `cursor`. */
  readonly cursors?: CursorSigner | CursorOptions | undefined
  /**
   * For a list that is read from a key onwards: the values that it is ordered by and that tell each item from all others.
   * Such a list has the mode `cursor` only, and no ranges.
   */
  readonly key?: ((item: Item) => readonly CursorValue[]) | undefined
  /** So many items from the start can be reached by page, offset or range; beyond, the answer is 422. Default Infinity. */
  readonly scanLimit?: number | undefined
}

export interface PageSettings<Item> {
  readonly modes: readonly PageMode[]
  readonly size: number
  readonly maxSize: number
  readonly ranges: boolean
  readonly names: PageNames
  readonly signer: CursorSigner | undefined
  readonly key: ((item: Item) => readonly CursorValue[]) | undefined
  readonly scanLimit: number
}

const MODES: readonly PageMode[] = ['page', 'offset', 'cursor']
const NAMES: PageNames = { page: 'page', size: 'size', offset: 'offset', limit: 'limit', cursor: 'cursor' }

/** What of the options of a whole router is for `paginate`. */
export const PAGE_OPTIONS = ['modes', 'size', 'maxSize', 'ranges', 'names', 'cursors', 'key', 'scanLimit'] as const

/** @throws TypeError or RangeError with the value quoted. */
export function pageSettings<Item>(owner: string, options: PaginateOptions<Item>): PageSettings<Item> {
  const { cursors, key } = options
  if (key !== undefined && typeof key !== 'function') {
    throw new TypeError(`key must be a function that gives an array of values, not ${quote(key)}`)
  }
  const maxSize = positiveInteger('maxSize', options.maxSize, 100)
  const size = positiveInteger('size', options.size, Math.min(20, maxSize))
  if (size > maxSize) throw new RangeError(`size must be at most maxSize, which is ${maxSize}, not ${size}`)
  const signer = signerOf(cursors)
  const modes = modesOf(options.modes, signer !== undefined || key !== undefined)
  const ranges = flag('ranges', options.ranges, false)
  if (modes.includes('cursor') && signer === undefined) {
    throw new TypeError(`${owner} needs cursors: { keys: [{ id, secret }] } to sign its cursors with`)
  }
  if (key !== undefined && (ranges || modes.some((mode) => mode !== 'cursor'))) {
    throw new TypeError(`A list with keys has no numbers to ask for: leave out ranges, and modes but 'cursor'`)
  }
  const scanLimit = limit('scanLimit', options.scanLimit, Infinity)
  if (scanLimit < size) throw new RangeError(`scanLimit must be at least size, which is ${size}, not ${scanLimit}`)
  return { modes, size, maxSize, ranges, names: namesOf(options.names), signer, key, scanLimit }
}

function signerOf(cursors: unknown): CursorSigner | undefined {
  if (cursors === undefined || cursors instanceof CursorSigner) return cursors
  return new CursorSigner(cursors as CursorOptions)
}

function modesOf(modes: unknown, hasCursors: boolean): readonly PageMode[] {
  if (modes === undefined) return hasCursors ? ['cursor'] : ['page', 'offset']
  const given = Array.isArray(modes) ? (modes as PageMode[]) : []
  const isGood = given.length > 0 && given.every((mode, i) => MODES.includes(mode) && given.indexOf(mode) === i)
  if (isGood) return [...given]
  throw new TypeError(
    `modes must be an array of ${MODES.map(quote).join(', ')}, each at most once, not ${quote(modes)}`,
  )
}

function namesOf(names: Partial<PageNames> | undefined): PageNames {
  knownOptions('names', names, Object.keys(NAMES))
  const name = (of: keyof PageNames): string => text(`names.${of}`, names?.[of], NAMES[of])
  const page = name('page')
  const offset = name('offset')
  const cursor = name('cursor')
  const size = name('size')
  const limit = name('limit')
  const distinct = new Set([page, offset, cursor, size, limit])
  if (distinct.size < (size === limit ? 4 : 5)) {
    throw new TypeError(`names must differ, but for size and limit, and not be ${quote([...distinct].join(', '))}`)
  }
  return { page, size, offset, limit, cursor }
}
