import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { type FetchPage, fromUpstream, type UpstreamPage, walk } from '../../src/index.ts'
import { textsOf } from './texts.ts'

/** An upstream with pages of the given sizes; cursors are page numbers from 1 on. */
function upstreamOf(sizes: readonly number[]) {
  const pages: UpstreamPage<number, number>[] = []
  let first = 0
  for (const [i, size] of sizes.entries()) {
    const items = Array.from({ length: size }, (_, k) => first + k)
    pages.push({ items, next: i + 1 < sizes.length ? i + 1 : undefined })
    first += size
  }
  const fetchPage = vi.fn<FetchPage<number, number>>(async (cursor = 0) => pages[cursor]!)
  const asked = (): (number | undefined)[] => fetchPage.mock.calls.map(([cursor]) => cursor)
  const all = pages.flatMap(({ items }) => items.map(String))
  return { fetchPage, asked, all }
}

const sizesOf = fc.array(fc.nat(7), { minLength: 1, maxLength: 12 })

test('pages of any sizes become pages of the size asked for, none fetched twice', async () => {
  await fc.assert(
    fc.asyncProperty(sizesOf, fc.nat(50), fc.nat(50), fc.boolean(), async (sizes, start, count, prefetch) => {
      const { fetchPage, asked, all } = upstreamOf(sizes)
      const upstream = fromUpstream(fetchPage, { id: 'numbers', prefetch })
      expect(await textsOf(upstream, { start, count })).toEqual(all.slice(start, start + count))
      expect(new Set(asked()).size).toBe(asked().length)
    }),
  )
})

test('a walk goes on after a state, its own or a stored one', async () => {
  await fc.assert(
    fc.asyncProperty(sizesOf, fc.nat(30), fc.boolean(), async (sizes, index, isStored) => {
      const { fetchPage, all } = upstreamOf(sizes)
      const upstream = fromUpstream(fetchPage, { id: 'numbers' })
      for await (const { last } of walk(upstream, { start: index, count: 1 })) {
        const state = isStored ? upstream.decode(upstream.encode(last.state)) : last.state
        fetchPage.mockClear()
        const rest = await textsOf(upstream, { start: index + 1, kept: { index, state } })
        expect(rest).toEqual(all.slice(index + 1))
        expect(new Set(fetchPage.mock.calls.map(([cursor]) => cursor)).size).toBe(fetchPage.mock.calls.length)
      }
    }),
  )
})

test('where the upstream can be entered anywhere, pages before are not fetched, also where one is too short', async () => {
  const { fetchPage, asked, all } = upstreamOf([10, 10, 10, 7, 10, 9])
  const upstream = fromUpstream(fetchPage, {
    id: 'numbers',
    locate: (n) => ({ cursor: Math.floor(n / 10), index: Math.floor(n / 10) * 10 }),
  })
  expect(await textsOf(upstream, { start: 25, count: 8 })).toEqual(all.slice(25, 33))
  expect(asked()).toEqual([2, 3])
  fetchPage.mockClear()
  expect(await textsOf(upstream, { start: 38, count: 3 })).toEqual(all.slice(38, 41))
  expect(asked()).toEqual([3, 4])
  expect(await textsOf(upstream, { start: 59, count: 3 })).toEqual([])
})

test('one page is fetched ahead of the reader, and only where more is wanted than the page has', async () => {
  const { fetchPage, asked } = upstreamOf([3, 3, 3, 3])
  const upstream = fromUpstream(fetchPage, { id: 'numbers' })
  await textsOf(upstream, { count: 3 })
  expect(asked()).toEqual([undefined])
  fetchPage.mockClear()
  for await (const { index } of walk(upstream)) {
    // The walk is one item ahead, too.
    expect(asked().length).toBeLessThanOrEqual(Math.floor((index + 1) / 3) + 2)
    if (index === 0) expect(asked()).toEqual([undefined, 1])
    if (index === 4) break
  }
})

test('an error of a page comes after the items before it', async () => {
  const { fetchPage } = upstreamOf([2, 2])
  const failing: typeof fetchPage = vi.fn(async (cursor, signal) => {
    if (cursor === 1) throw new Error('upstream is down')
    return fetchPage(cursor, signal)
  })
  const seen: string[] = []
  await expect(async () => {
    for await (const { texts } of walk(fromUpstream(failing, { id: 'numbers' }))) seen.push(...texts)
  }).rejects.toThrow('upstream is down')
  expect(seen).toEqual(['0', '1'])
})

test('a fetch under way is aborted when the reader leaves, and with the signal of the walk', async () => {
  const signals: AbortSignal[] = []
  const hanging: FetchPage<number, number> = (cursor, signal) => {
    signals.push(signal)
    if (cursor === undefined) return Promise.resolve({ items: [0, 1], next: 1 })
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  }
  const upstream = fromUpstream(hanging, { id: 'numbers' })
  for await (const _ of walk(upstream)) break
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, true])
  const leaver = new AbortController()
  const reason = new Error('gone')
  setTimeout(() => leaver.abort(reason), 20)
  await expect(textsOf(upstream, { signal: leaver.signal })).rejects.toBe(reason)
  expect(signals.at(-1)?.reason).toBe(reason)
})

test('an answer that is no page is an error', async () => {
  const none = fromUpstream<number>(async () => [1, 2] as never, { id: 'numbers' })
  await expect(textsOf(none)).rejects.toThrow('fetchPage must give { items: [...] }')
})

test.each([[[1]], [[1, 2, 1]], [[1, 2, 3, 4, 5, 2]]])(
  'pages that come again, %j, are an error, wherever the walk began',
  async (cursors) => {
    const following = (cursor = 0) => cursors[cursor] ?? cursors.at(-1)
    const fetchPage = vi.fn<FetchPage<number, number>>(async (cursor) => ({ items: [], next: following(cursor) }))
    const circle = fromUpstream(fetchPage, { id: 'numbers', locate: () => ({ cursor: 1, index: 0 }) })
    for (const start of [0, 10]) {
      fetchPage.mockClear()
      await expect(textsOf(circle, { start })).rejects.toThrow(/gave the page at \d as one after itself/)
      expect(fetchPage.mock.calls.length).toBeLessThan(20)
    }
  },
)

test('items of a page that leads back are read before the error', async () => {
  const circle = fromUpstream<number, number>(async (cursor = 0) => ({ items: [cursor], next: 1 }), { id: 'numbers' })
  const seen: string[] = []
  await expect(async () => {
    for await (const { texts } of walk(circle)) seen.push(...texts)
  }).rejects.toThrow('as one after itself')
  expect(seen).toEqual(['0', '1'])
})

test('null is no cursor: the page was the last', async () => {
  const fetchPage = vi.fn<FetchPage<number, string>>(async () => ({ items: [1, 2], next: null }))
  expect(await textsOf(fromUpstream(fetchPage, { id: 'numbers' }))).toEqual(['1', '2'])
  expect(fetchPage).toHaveBeenCalledOnce()
})

test.each([0, 7])('pages without items and without end are left when the reader leaves; from %i', async (start) => {
  const fetchPage = vi.fn<FetchPage<number, number>>(async (cursor = 0) => ({ items: [], next: cursor + 1 }))
  const endless = fromUpstream(fetchPage, { id: 'numbers', locate: () => ({ cursor: 1, index: 0 }) })
  const leaver = new AbortController()
  const reason = new Error('gone')
  setTimeout(() => leaver.abort(reason), 20)
  await expect(textsOf(endless, { start, signal: leaver.signal })).rejects.toBe(reason)
  const asked = fetchPage.mock.calls.length
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(fetchPage.mock.calls.length - asked).toBeLessThan(3)
})

test('items far out cost what it takes to fetch those before them, unless the upstream can be entered there', () => {
  const fetchPage: FetchPage<number, number> = async () => ({ items: [] })
  const walked = fromUpstream(fetchPage, { id: 'numbers' })
  expect(walked.cost(9_900, 100).time).toBeCloseTo(1_000)
  expect(walked.cost(9_900, 100, 9_899).time).toBeCloseTo(10)
  const entered = fromUpstream(fetchPage, { id: 'numbers', locate: (n) => ({ cursor: n, index: n }) })
  expect(entered.cost(1e9, 100).time).toBeCloseTo(10)
  const cost = () => ({ bytes: 1, time: 2 })
  expect(fromUpstream(fetchPage, { id: 'numbers', cost }).cost(5, 5)).toEqual({ bytes: 1, time: 2 })
  const said = fromUpstream(fetchPage, { id: 'numbers', cost: undefined, deterministic: undefined })
  expect([said.cost(0, 10).time, said.deterministic]).toEqual([1, false])
})

test('takes a function and known options', () => {
  expect(() => fromUpstream({} as never, { id: 'numbers' })).toThrow('fetchPage must be a function')
  expect(() => fromUpstream(async () => ({ items: [] }), { id: 'x', pageSize: 3 } as never)).toThrow('pageSize')
  expect(() => fromUpstream(async () => ({ items: [] }), { id: 'x', prefetch: 3 } as never)).toThrow('prefetch')
})

test('a stored state asks for its page again only where something on it was not read', async () => {
  const { fetchPage, asked } = upstreamOf([3, 3, 3])
  const upstream = fromUpstream(fetchPage, { id: 'numbers' })
  for (const [index, first] of [
    [3, 1],
    [4, 1],
    [5, 2],
  ] as const) {
    for await (const { last } of walk(upstream, { start: index, count: 1 })) {
      fetchPage.mockClear()
      const state = upstream.decode(upstream.encode(last.state))
      expect(await textsOf(upstream, { start: index + 1, count: 1, kept: { index, state } })).toEqual([`${index + 1}`])
      expect(asked()).toEqual([first])
    }
  }
})
