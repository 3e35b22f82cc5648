import {
  CursorError,
  type CursorSigner,
  type Page,
  PageError,
  type PageMode,
  type PageRequest,
  type PaginateOptions,
  type Paginator,
  paginate,
} from 'breakwater'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { holds } from '../http/holds.ts'
import { hundred, keyedSource, type Row, signer } from './subjects.ts'

const clean = '/books'

/** The page of a list of numbers, as an array gives it. */
function page(
  options: PaginateOptions<number>,
  request: string | PageRequest,
  length: number,
  total: 'known' | 'unknown' = 'known',
): Page<number> {
  const pages = paginate(options)
  const plan = pages.plan(typeof request === 'string' ? { target: request, total: length } : request)
  const { offset, limit } = plan.window as { offset: number; limit: number }
  const items = Array.from({ length: Math.max(0, Math.min(limit, length - offset)) }, (_, i) => offset + i)
  return pages.page(plan, { items, total: total === 'known' ? length : undefined })
}

function thrownBy(act: () => unknown): PageError {
  try {
    act()
  } catch (error) {
    expect(error).toBeInstanceOf(PageError)
    return error as PageError
  }
  throw new Error('Nothing was thrown')
}

describe('pages', () => {
  test.each<[string, number, Page<number>['links'], number]>([
    ['/books', 45, { first: '?page=1&size=20', next: '?page=2&size=20', last: '?page=3&size=20' }, 20],
    [
      '/books?page=2',
      45,
      { first: '?page=1&size=20', prev: '?page=1&size=20', next: '?page=3&size=20', last: '?page=3&size=20' },
      20,
    ],
    ['/books?page=3', 45, { first: '?page=1&size=20', prev: '?page=2&size=20', last: '?page=3&size=20' }, 5],
    ['/books?page=9', 45, { first: '?page=1&size=20', prev: '?page=3&size=20', last: '?page=3&size=20' }, 0],
    ['/books?size=45', 45, { first: '?page=1&size=45', last: '?page=1&size=45' }, 45],
    ['/books?size=100', 45, { first: '?page=1&size=100', last: '?page=1&size=100' }, 45],
    ['/books', 0, { first: '?page=1&size=20', last: '?page=1&size=20' }, 0],
    ['/books?page=2', 0, { first: '?page=1&size=20', prev: '?page=1&size=20', last: '?page=1&size=20' }, 0],
  ])('%s of %i items', (target, length, links, count) => {
    const got = page({ modes: ['page'] }, target, length)
    expect(got.links).toEqual(links)
    expect([got.status, got.items.length, got.total, got.hasMore]).toEqual([
      200,
      count,
      length,
      links.next !== undefined,
    ])
  })

  test('without a total there is no last one, until the end is seen', () => {
    const modes = ['page'] as const
    expect(page({ modes }, clean, 45, 'unknown')).toMatchObject({ total: undefined, hasMore: true })
    expect(page({ modes }, clean, 45, 'unknown').links).not.toHaveProperty('last')
    expect(page({ modes }, '/books?page=3', 45, 'unknown')).toMatchObject({ total: 45, hasMore: false })
    expect(page({ modes }, '/books?page=4', 45, 'unknown').links).toEqual({
      first: '?page=1&size=20',
      prev: '?page=3&size=20',
    })
  })
})

describe('offsets', () => {
  test.each<[string, number, Page<number>['links']]>([
    ['/books?limit=10', 25, { first: '?offset=0&limit=10', next: '?offset=10&limit=10', last: '?offset=20&limit=10' }],
    [
      '/books?offset=5&limit=10',
      25,
      {
        first: '?offset=0&limit=10',
        prev: '?offset=0&limit=10',
        next: '?offset=15&limit=10',
        last: '?offset=15&limit=10',
      },
    ],
    [
      '/books?offset=15&limit=10',
      25,
      { first: '?offset=0&limit=10', prev: '?offset=5&limit=10', last: '?offset=15&limit=10' },
    ],
    [
      '/books?offset=999999999999&limit=10',
      25,
      { first: '?offset=0&limit=10', prev: '?offset=19&limit=10', last: '?offset=19&limit=10' },
    ],
  ])('%s of %i items', (target, length, links) => {
    expect(page({ modes: ['offset'] }, target, length).links).toEqual(links)
  })
})

describe('cursors of a list without keys', () => {
  test('hold the index', () => {
    const cursors = signer()
    const options = { cursors }
    const first = page(options, '/books?limit=10', 25)
    expect(first.links.first).toBe('?limit=10')
    expect(first.links.next).toBe(`?cursor=${first.cursors.next}&limit=10`)
    const second = page(options, `/books${first.links.next}`, 25)
    expect(second.items).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19])
    expect(second.links.prev).toBe('?limit=10')
    const third = page(options, `/books${second.links.next}`, 25)
    expect(third.items).toEqual([20, 21, 22, 23, 24])
    expect(third.links.next).toBeUndefined()
    expect(page(options, `/books${second.links.last}`, 25).items).toEqual(third.items)
    expect(page(options, `/books${third.links.prev}`, 25).items).toEqual(second.items)
  })

  test.each([
    ['another route', '/authors'],
    ['another filter', '/books?author=2'],
    ['another sort', '/books?sort=title'],
    ['one filter less', '/books'],
    ['a filter twice', '/books?author=1&author=1'],
  ])('are refused for %s', (_what, target) => {
    const options = { cursors: signer() }
    const { next } = page(options, '/books?author=1', 100).cursors
    const asked = `${target}${target.includes('?') ? '&' : '?'}cursor=${next}`
    expect(thrownBy(() => page(options, asked, 100))).toBeInstanceOf(CursorError)
  })

  test.each([
    ['parameters in another order', '/books?b=2&author=1'],
    ['another spelling of the same value', '/books?author=%31&b=2'],
    ['a slash at the end', '/books/?author=1&b=2'],
    ['another size', '/books?author=1&b=2&limit=7'],
  ])('are good for %s', (_what, target) => {
    const options = { cursors: signer() }
    const { next } = page(options, '/books?author=1&b=2', 100).cursors
    expect(page(options, `${target}&cursor=${next}`, 100).items[0]).toBe(20)
  })

  test('are bound to what the application says besides', () => {
    const options = { cursors: signer() }
    const { next } = page(options, { target: clean, scope: 'tenant 1' }, 100).cursors
    const target = `/books?cursor=${next}`
    expect(page(options, { target, scope: 'tenant 1' }, 100).items[0]).toBe(20)
    for (const scope of ['tenant 2', '', undefined]) {
      expect(thrownBy(() => page(options, { target, scope }, 100))).toBeInstanceOf(CursorError)
    }
  })

  test('of a list that had keys when they were made are refused, and the other way round', () => {
    const cursors = signer()
    const key = (row: Row) => [row.id]
    const keyed = paginate<Row>({ cursors, key })
    const rows = Array.from({ length: 21 }, (_, id) => ({ rank: 0, id }))
    const byKey = keyed.page(keyed.plan({ target: clean }), { items: rows }).cursors.next
    expect(thrownBy(() => page({ cursors }, `/books?cursor=${byKey}`, 100))).toBeInstanceOf(CursorError)
    const byIndex = page({ cursors }, clean, 100).cursors.next
    expect(thrownBy(() => keyed.plan({ target: `/books?cursor=${byIndex}` }))).toBeInstanceOf(CursorError)
  })
})

describe('ranges', () => {
  const options = { ranges: true }
  const of = (range: string | undefined, total: number | undefined, length = total ?? 100, target = clean) =>
    page(options, { target, range, total }, length, total === undefined ? 'unknown' : 'known')

  test.each<[string, number | undefined, string, number]>([
    ['items=0-24', 100, 'items 0-24/100', 25],
    ['items=0-0', 100, 'items 0-0/100', 1],
    ['Items=90-200', 100, 'items 90-99/100', 10],
    ['items=90-', 100, 'items 90-99/100', 10],
    ['items=-5', 100, 'items 95-99/100', 5],
    ['items=-500', 100, 'items 0-99/100', 100],
    ['items=0-9999999999999999999999', 1000, 'items 0-99/1000', 100],
    ['items=0-24', undefined, 'items 0-24/*', 25],
    ['items=90-200', undefined, 'items 90-99/100', 10],
  ])('%s of %s: %s', (range, total, contentRange, count) => {
    const got = of(range, total)
    expect([got.status, got.contentRange, got.items.length]).toEqual([206, contentRange, count])
    expect(got.links).toEqual({})
  })

  test('may be of any size where the list sets no limit', () => {
    const endless = { ...options, maxSize: Number.MAX_SAFE_INTEGER }
    expect(page(endless, { target: clean, range: 'items=5-9' }, 100).contentRange).toBe('items 5-9/100')
    expect(page(endless, { target: clean, range: 'items=5-' }, 100).contentRange).toBe('items 5-99/100')
  })

  test.each<[string, number | undefined, string | undefined]>([
    ['items=100-', 100, 'items */100'],
    ['items=100-200', 100, 'items */100'],
    ['items=-0', 100, 'items */100'],
    ['items=0-24', 0, 'items */0'],
    ['items=-5', 0, 'items */0'],
    [`items=${'9'.repeat(400)}-`, 100, 'items */100'],
    ['items=100-200', undefined, undefined],
  ])('%s of %s cannot be', (range, total, contentRange) => {
    expect(thrownBy(() => of(range, total))).toMatchObject({ status: 416, contentRange })
  })

  test.each<[string, number | undefined, string]>([
    ['bytes=0-24', 100, clean],
    ['items=0-4, 6-8', 100, clean],
    ['items=9-3', 100, clean],
    ['items=a-b', 100, clean],
    ['items', 100, clean],
    ['items=-5', undefined, clean],
    ['items=50-60', 100, '/books?page=1'],
  ])('%s of %s at %s is ignored', (range, total, target) => {
    expect(of(range, total, 100, target)).toMatchObject({ status: 200, items: { length: 20 } })
  })

  test('are ignored where the list does not say that it understands them', () => {
    expect(page({}, { target: clean, range: 'items=5-9' }, 100)).toMatchObject({ status: 200, contentRange: undefined })
  })
})

/** What no number of pages or items is. */
const numbers: readonly string[] = [
  ...['1e9', '1e3', '-1', '+5', '%2B5', '', ' 5', '5 ', '05', '5.0', '0x10', '1_000', '5,6', 'ten', 'null', 'NaN'],
  ...['Infinity', '[5]', '{}', '%D9%A3', '%EF%BC%95', '५', '5%00', '%', '%zz', '5n', 'true'],
  ...['9'.repeat(16), '9'.repeat(400), '1'.repeat(10_000)],
]

describe('numbers that are none', () => {
  const modes = ['page', 'offset'] as const

  test.each(['page', 'size', 'offset', 'limit'])('as %s are answered 400', (name) => {
    for (const value of numbers) {
      const error = thrownBy(() => page({ modes }, `/books?${name}=${value}`, 100))
      expect([value, error.status]).toEqual([value, 400])
      expect(error.message.length).toBeLessThan(300)
    }
  })

  test.each([
    ['page=0'],
    ['size=0'],
    ['limit=0'],
    ['page'],
    ['page='],
    ['size=5&size=5'],
    ['size=5&size=1000'],
    ['size[]=5'],
    ['size[]=5&size[]=1000'],
    ['size[__proto__]=5'],
    ['size%5B%5D=5'],
    ['%73ize=1e3'],
    ['page=2&offset=5'],
    ['page=2&limit=5'],
    ['offset=2&size=5'],
    ['size=5&limit=5'],
    ['page=999999999999999&size=100'],
  ])('%s is answered 400', (query) => {
    expect(thrownBy(() => page({ modes }, `/books?${query}`, 100)).status).toBe(400)
  })

  test.each([
    ['size=101', 100],
    ['limit=101', 100],
    ['size=999999999999999', 100],
    ['%73ize=101', 100],
  ])('%s is answered 422 with the largest size', (query, maxSize) => {
    expect(thrownBy(() => page({ modes }, `/books?${query}`, 100))).toMatchObject({ status: 422, maxSize })
  })

  test('no query whatsoever gives more than the maximum', () => {
    const names = fc.constantFrom('page', 'size', 'offset', 'limit', 'size[]', 'Size', '__proto__', 'size ', '%73ize')
    const texts = fc.oneof(fc.constantFrom(...numbers, '7', '8', '1000'), fc.string(), fc.nat().map(String))
    const queries = fc.array(fc.tuple(names, texts), { maxLength: 4 })
    holds(
      fc.property(queries, fc.constantFrom(undefined, 'items=0-', 'items=5-9', 'items=-9'), (pairs, range) => {
        const pages = paginate({ modes, ranges: true, maxSize: 8, size: 4 })
        try {
          const target = `/books?${pairs.map(([name, value]) => `${name}=${value}`).join('&')}`
          const plan = pages.plan({ target, range, total: 1000 })
          expect(plan.window.limit).toBeLessThanOrEqual(9)
          expect(pages.page(plan, { items: Array(1000).fill(1) }).items.length).toBeLessThanOrEqual(8)
        } catch (error) {
          expect([400, 416, 422]).toContain((error as PageError).status)
        }
      }),
      { numRuns: 1000 },
    )
  })

  test('up to the scan limit all is read, and nothing beyond', () => {
    const options = { scanLimit: 50, modes, ranges: true }
    for (const query of ['page=3&size=20', 'offset=49&limit=7', 'offset=0&limit=100']) {
      const { window } = paginate(options).plan({ target: `/books?${query}` })
      expect(window).toMatchObject({ kind: 'slice' })
      // One more than is shown tells that there is more.
      if (window.kind === 'slice') expect([query, window.offset + window.limit]).toEqual([query, 51])
    }
    expect(page(options, '/books?page=3&size=20', 100).items).toEqual(hundred.slice(40, 50))
    expect(page(options, '/books?page=3&size=20', 100).links.next).toBe('?page=4&size=20')
    expect(page(options, { target: clean, range: 'items=45-55' }, 100).contentRange).toBe('items 45-49/100')
    expect(thrownBy(() => page(options, '/books?offset=50&limit=10', 100))).toMatchObject({
      status: 422,
      message: 'This list can be read up to its item 50 in this way: ask for an earlier page',
    })
    expect(thrownBy(() => page(options, '/books?page=4', 100)).status).toBe(422)
    expect(thrownBy(() => page(options, { target: clean, range: 'items=50-55' }, 100)).status).toBe(422)
  })

  test('a list that ends before the scan limit is read to its end, whatever the size', () => {
    const options = { scanLimit: 50, modes }
    const last = page(options, '/books?page=2&size=30', 45)
    expect([last.items.length, last.hasMore, last.links.last]).toEqual([15, false, '?page=2&size=30'])
  })
})

test('a last page beyond the scan limit is not told of, the next one is', () => {
  const options = { modes: ['page'], size: 10, scanLimit: 50 } as const
  expect(Object.keys(page(options, '/books?page=5', 100).links)).toEqual(['first', 'prev', 'next'])
  expect(page(options, '/books', 50).links.last).toBe('?page=5&size=10')
  expect(page(options, '/books', 51).links.last).toBeUndefined()
})

describe('which mode a request means', () => {
  test.each<[readonly PageMode[], string, string]>([
    [['page', 'offset'], '', 'page'],
    [['offset', 'page'], '', 'offset'],
    [['page', 'offset'], 'limit=5', 'offset'],
    [['offset', 'page'], 'size=5', 'page'],
    [['page', 'cursor'], 'limit=5', 'cursor'],
    [['cursor', 'offset'], 'limit=5', 'cursor'],
    [['offset', 'cursor'], 'limit=5', 'offset'],
    [['page', 'offset'], 'offset=5', 'offset'],
    [['page'], 'offset=5&limit=5', 'page'],
  ])('%j, ?%s: %s', (modes, query, mode) => {
    expect(paginate({ modes, cursors: signer() }).plan({ target: `/books?${query}` }).mode).toBe(mode)
  })

  test('names may be other ones, and size and limit the same', () => {
    const names = { page: 'page[number]', size: 'per page', limit: 'per page', offset: 'skip' }
    const got = page({ names, modes: ['page', 'offset'] }, '/books?page[number]=2&per+page=5&page=7', 100)
    expect(got.links.next).toBe('?page=7&page%5Bnumber%5D=3&per%20page=5')
    expect(page({ names, modes: ['page', 'offset'] }, `/books${got.links.next}`, 100).items[0]).toBe(10)
    expect(page({ names, modes: ['page', 'offset'] }, '/books?skip=2&per%20page=5', 100).items[0]).toBe(2)
  })
})

test('a name may go on where another one ends', () => {
  const options = { names: { size: 'page[size]' }, modes: ['page'] } as const
  const got = page(options, '/books?page=2&page[size]=5', 100)
  expect([got.items[0], got.links.next]).toEqual([5, '?page=3&page%5Bsize%5D=5'])
  for (const query of ['page[number]=2', 'page[size][]=5', 'page[size]=5&page[size]=5']) {
    expect([query, thrownBy(() => page(options, `/books?${query}`, 100)).status]).toEqual([query, 400])
  }
})

describe('parameters that are not ours', () => {
  test.each([
    ['a=1&page=2&b=2', 'a=1&b=2'],
    ['q=caf%C3%A9+noir', 'q=caf%C3%A9+noir'],
    ['q=%E9', 'q=%E9'],
    ['a=1&a=2&a', 'a=1&a=2&a'],
    ['tags[]=1&tags[]=2', 'tags%5B%5D=1&tags%5B%5D=2'],
    [
      '__proto__=1&constructor=2&toString=3&__proto__[size]=1000',
      '__proto__=1&constructor=2&toString=3&__proto__%5Bsize%5D=1000',
    ],
    ['hasOwnProperty=1', 'hasOwnProperty=1'],
    ['=1&&x', '=1&x'],
    ['q=100%&r=%zz', 'q=100%25&r=%25zz'],
    ['q=">;rel="next"<x>', 'q=%22%3E;rel=%22next%22%3Cx%3E'],
    ['q=\u00c3\u00a9', 'q=%C3%A9'],
    ['q=a?b/c', 'q=a?b/c'],
    ['Page=7&PAGE=8', 'Page=7&PAGE=8'],
  ])('%s: links keep %s', (query, kept) => {
    const { links } = page({ modes: ['page'] }, `/books?${query}`, 100)
    for (const link of Object.values(links)) expect(link).toMatch(/^\?.*&page=\d+&size=20$/)
    expect(links.next?.replace(/&page=\d+&size=20$/, '')).toBe(`?${kept}`)
  })

  test('are kept in meaning and order, whatever they are', () => {
    const pairs = fc.array(fc.tuple(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' })), { maxLength: 6 })
    holds(
      fc.property(pairs, (given) => {
        fc.pre(given.every(([name]) => !/^(page|size|offset|limit)(\[|$)/.test(name)))
        const query = new URLSearchParams(given).toString()
        const { links } = page({}, `/books?${query}`, 100)
        const own = [...new URL(links.next as string, 'http://example.test').searchParams]
        expect(own.slice(0, -2)).toEqual([...new URLSearchParams(query)])
        expect(links.next).toMatch(/^\?[A-Za-z0-9\-._~:/?#@!$&'()*+,;=%]*$/)
      }),
    )
  })

  test('a path full of slashes is read as fast as any', () => {
    const before = performance.now()
    paginate().plan({ target: `/books${'/'.repeat(64_000)}x` })
    expect(performance.now() - before).toBeLessThan(1000)
  })

  test('a whole URL as target is a target', () => {
    const { links } = page({}, { target: 'http://else.test/books?a=1#x', origin: 'https://api.test' }, 100)
    expect(links.first).toBe('https://api.test/books?a=1&page=1&size=20')
  })
})

/** Follows one relation until there is none, at most a thousand times. */
function walk<Item>(
  pages: Paginator<Item>,
  target: string,
  rel: 'next' | 'prev',
  read: (window: ReturnType<Paginator<Item>['plan']>['window']) => Item[],
  between: () => void = () => {},
): Item[][] {
  const seen: Item[][] = []
  for (let at: string | undefined = target, steps = 0; at !== undefined; steps++) {
    if (steps > 1000) throw new Error('There is no end')
    const plan = pages.plan({ target: at })
    const got: Page<Item> = pages.page(plan, { items: read(plan.window) })
    seen.push([...got.items])
    between()
    at = got.links[rel] === undefined ? undefined : `/books${got.links[rel]}`
  }
  return seen
}

const rows = fc
  .uniqueArray(fc.record({ rank: fc.integer({ min: 0, max: 5 }), id: fc.nat({ max: 500 }) }), {
    selector: ({ id }) => id,
    maxLength: 40,
  })
  .map((list) => list.sort((a, b) => a.rank - b.rank || a.id - b.id))

function keyedPages(cursors: CursorSigner, size: number): Paginator<Row> {
  return paginate<Row>({ cursors, size, key: ({ rank, id }) => [rank, id] })
}

const { signal } = new AbortController()

function reader(list: () => readonly Row[]): Parameters<typeof walk<Row>>[3] {
  const source = keyedSource(list)
  return (window) => {
    const after = window.kind === 'after' ? window.key : undefined
    const before = window.kind === 'before' ? window.key : undefined
    return source.read({ after, before, limit: window.limit, signal }, undefined) as Row[]
  }
}

describe('walking from link to link', () => {
  test.each<PageMode>(['page', 'offset', 'cursor'])('by %s sees each item once, in order', (mode) => {
    const cursors = signer()
    holds(
      fc.property(fc.nat({ max: 60 }), fc.integer({ min: 1, max: 20 }), (length, size) => {
        const list = Array.from({ length }, (_, i) => i)
        const pages = paginate<number>({ modes: [mode], cursors, size })
        const seen = walk(pages, '/books?q=1', 'next', (window) =>
          window.kind === 'slice' ? list.slice(window.offset, window.offset + window.limit) : [],
        )
        expect(seen.flat()).toEqual(list)
        expect(seen.slice(0, -1).every((items) => items.length === size)).toBe(true)
      }),
    )
  })

  test('by ranges sees each item once, in order, until 416', () => {
    const walks = fc.tuple(fc.nat({ max: 60 }), fc.integer({ min: 1, max: 30 }), fc.boolean())
    holds(
      fc.property(walks, ([length, step, isKnown]) => {
        const pages = paginate<number>({ ranges: true, maxSize: 20 })
        const seen: number[] = []
        for (;;) {
          const plan = pages.plan({ target: clean, range: `items=${seen.length}-${seen.length + step - 1}` })
          const { offset, limit } = plan.window as { offset: number; limit: number }
          const items = Array.from({ length: Math.max(0, Math.min(limit, length - offset)) }, (_, i) => offset + i)
          const result = { items, total: isKnown ? length : undefined }
          if (seen.length === length) {
            expect(thrownBy(() => pages.page(plan, result)).status).toBe(416)
            break
          }
          const got = pages.page(plan, result)
          seen.push(...got.items)
          const end = seen.length === length || isKnown ? length : '*'
          expect(got.contentRange).toBe(`items ${offset}-${seen.length - 1}/${end}`)
        }
        expect(seen).toEqual(Array.from({ length }, (_, i) => i))
      }),
    )
  })

  test('by key sees each item once, forwards and back', () => {
    const cursors = signer()
    holds(
      fc.property(rows, fc.integer({ min: 1, max: 9 }), (list, size) => {
        const pages = keyedPages(cursors, size)
        const read = reader(() => list)
        const seen = walk(pages, clean, 'next', read)
        expect(seen.flat()).toEqual(list)
        // No link leads to an empty page.
        expect(seen).toHaveLength(Math.max(1, Math.ceil(list.length / size)))
        if (list.length === 0) return
        const last = list.at(-1) as Row
        const scope = pages.plan({ target: clean }).scope
        const end = `/books?cursor=${cursors.sign(['b', last.rank, last.id], scope)}`
        const back = walk(pages, end, 'prev', read)
        expect(back).toHaveLength(Math.max(1, Math.ceil((list.length - 1) / size)))
        expect(back.reverse().flat()).toEqual(list.slice(0, -1))
      }),
    )
  })

  test('by key sees each item that stays once, while others come and go', () => {
    const cursors = signer()
    const changes = fc.array(fc.record({ rank: fc.integer({ min: 0, max: 5 }), id: fc.integer({ min: 1000 }) }))
    holds(
      fc.property(rows, changes, fc.integer({ min: 1, max: 5 }), (list, added, size) => {
        let now: Row[] = [...list]
        const leaving = new Set(list.filter(({ id }) => id % 5 === 0))
        const change = () => {
          const row = added.pop()
          if (row !== undefined) now.push(row)
          now = now.filter((row) => !leaving.has(row) || row.id % 2 === 0)
        }
        const seen = walk(
          keyedPages(cursors, size),
          clean,
          'next',
          reader(() => now),
          change,
        ).flat()
        const stayed = list.filter((row) => !leaving.has(row))
        expect(seen.filter((row) => stayed.includes(row))).toEqual(stayed)
        expect(new Set(seen).size).toBe(seen.length)
      }),
    )
  })

  test('where all that a cursor pointed at is gone, there is a way back to the start', () => {
    const cursors = signer()
    const pages = keyedPages(cursors, 2)
    const { scope } = pages.plan({ target: clean })
    const at = (direction: string) =>
      pages.page(pages.plan({ target: `/books?cursor=${cursors.sign([direction, 1, 1], scope)}` }), { items: [] })
    expect(at('a').links).toEqual({ first: '?limit=2' })
    expect(at('b').links).toEqual({ first: '?limit=2', next: '?limit=2' })
  })
})

describe('what a source gives', () => {
  const pages = paginate<number>({ size: 3 })
  const plan = pages.plan({ target: clean })

  test('beyond the page is not shown', () => {
    expect(pages.page(plan, { items: [1, 2, 3, 4, 5, 6] }).items).toEqual([1, 2, 3])
  })

  test('may be more than a total from a moment before', () => {
    const got = pages.page(plan, { items: [1, 2, 3, 4], total: 2 })
    expect([got.total, got.hasMore, got.links.last]).toEqual([4, true, '?page=2&size=3'])
  })

  test.each<[unknown, RegExp]>([
    [{ items: 'abc' }, /made of an array of items, not of 'abc'/],
    [{ items: undefined }, /made of an array of items, not of undefined/],
    [{ items: [], total: -1 }, /total of a list is a whole number, not -1/],
    [{ items: [], total: '7' }, /total of a list is a whole number, not '7'/],
  ])('%o is an error of its own', (result, message) => {
    expect(() => pages.page(plan, result as never)).toThrow(message)
  })

  test('a key must be an array', () => {
    const keyed = paginate<number>({ cursors: signer(), key: ((item: number) => item) as never })
    expect(() => keyed.page(keyed.plan({ target: clean }), { items: Array(21).fill(1) })).toThrow(
      /key must give an array/,
    )
  })
})

describe('options', () => {
  test.each<[unknown, RegExp]>([
    [{ modes: [] }, /modes must be an array of 'page', 'offset', 'cursor'/],
    [{ modes: 'page' }, /modes must be an array/],
    [{ modes: ['page', 'page'] }, /each at most once/],
    [{ modes: ['keyset'] }, /modes must be an array/],
    [{ modes: ['cursor'] }, /paginate needs cursors/],
    [{ key: () => [1] }, /paginate needs cursors/],
    [{ key: 'id', cursors: signer() }, /key must be a function/],
    [{ key: () => [1], cursors: signer(), modes: ['page'] }, /no numbers to ask for/],
    [{ key: () => [1], cursors: signer(), ranges: true }, /no numbers to ask for/],
    [{ size: 0 }, /size must be a whole number of at least 1, not 0/],
    [{ size: 101 }, /size must be at most maxSize, which is 100, not 101/],
    [{ maxSize: Infinity }, /maxSize must be a whole number/],
    [{ ranges: 1 }, /ranges must be true or false/],
    [{ scanLimit: -1 }, /scanLimit must be/],
    [{ scanLimit: 19 }, /scanLimit must be at least size, which is 20, not 19/],
    [{ names: { page: '' } }, /names.page must be a string that is not empty/],
    [{ names: { page: 'limit' } }, /names must differ/],
    [{ names: { pages: 'p' } }, /names has no option 'pages'/],
    [{ limit: 5 }, /paginate has no option 'limit'/],
    [7, /paginate takes an object/],
  ])('%o: %s', (options, message) => {
    expect(() => paginate(options as PaginateOptions)).toThrow(message)
  })

  test('a maximum below the default size is the default size', () => {
    expect(paginate({ maxSize: 5 }).plan({ target: clean }).size).toBe(5)
  })
})
