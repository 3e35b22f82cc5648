import { connect } from 'node:net'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { CircuitBreaker, CursorSigner } from 'breakwater'
import { describe, expect, test } from 'vitest'
import type { Got } from '../bridges/subject.ts'
import { askRaw } from '../bridges/wire.ts'
import { ManualClock } from '../support/engine.ts'
import { linkTargets, readLinks } from '../support/links.ts'
import { frameworks, hundred, keyedSource, type Options, secret, signer, startPages } from './subjects.ts'

/** What a client goes by. */
function told({ status, headers, body }: Got) {
  const fields = ['link', 'content-range', 'accept-ranges', 'x-total-count', 'vary', 'cache-control', 'allow'] as const
  const present = fields.filter((name) => headers[name] !== undefined)
  const json = body === '' ? undefined : JSON.parse(body)
  return { status, ...Object.fromEntries(present.map((name) => [name, headers[name]])), json }
}

const links = (entries: Record<string, string>): string =>
  Object.entries(entries)
    .map(([rel, href]) => `<${href}>; rel="${rel}"`)
    .join(', ')

const from = (start: number, count: number): number[] => hundred.slice(start, start + count)

describe.each(frameworks)('$name: pageRouter()', (framework) => {
  describe('every mode has its fields', () => {
    test.each<[string, Omit<Options, 'source'>, string, Record<string, string>, object]>([
      [
        'page',
        {},
        '/books?page=2&size=3',
        {},
        {
          status: 200,
          link: links({
            first: '?page=1&size=3',
            prev: '?page=1&size=3',
            next: '?page=3&size=3',
            last: '?page=34&size=3',
          }),
          'x-total-count': '100',
          json: [3, 4, 5],
        },
      ],
      [
        'offset',
        {},
        '/books?offset=97&limit=3',
        {},
        {
          status: 200,
          link: links({ first: '?offset=0&limit=3', prev: '?offset=94&limit=3', last: '?offset=97&limit=3' }),
          'x-total-count': '100',
          json: [97, 98, 99],
        },
      ],
      [
        'range',
        { ranges: true },
        '/books',
        { range: 'items=2-4' },
        {
          status: 206,
          'content-range': 'items 2-4/100',
          'accept-ranges': 'items',
          vary: 'Range',
          'x-total-count': '100',
          json: [2, 3, 4],
        },
      ],
      [
        'a range behind the end',
        { ranges: true },
        '/books',
        { range: 'items=100-' },
        {
          status: 416,
          'content-range': 'items */100',
          'cache-control': 'no-store',
          json: {
            type: 'about:blank',
            status: 416,
            title: 'Range Not Satisfiable',
            detail: 'The list has no items in this range',
          },
        },
      ],
      [
        'data',
        { envelope: 'data', size: 2, cacheControl: 'public, max-age=60' },
        '/books?q=1',
        {},
        {
          status: 200,
          link: links({ first: '?q=1&page=1&size=2', next: '?q=1&page=2&size=2', last: '?q=1&page=50&size=2' }),
          'cache-control': 'public, max-age=60',
          'x-total-count': '100',
          json: {
            data: [0, 1],
            links: { first: '?q=1&page=1&size=2', next: '?q=1&page=2&size=2', last: '?q=1&page=50&size=2' },
            total: 100,
            hasMore: true,
          },
        },
      ],
      [
        'too large',
        {},
        '/books?size=101',
        {},
        {
          status: 422,
          'cache-control': 'no-store',
          json: {
            type: 'about:blank',
            status: 422,
            title: 'Unprocessable Content',
            detail: 'size must be at most 100, not 101',
            maxSize: 100,
          },
        },
      ],
    ])('%s', async (_mode, options, path, headers, expected) => {
      const { request } = await startPages(framework, { source: hundred, ...options })
      const got = await request(path, { headers })
      expect(told(got)).toEqual(expected)
      const type = got.status >= 400 ? 'application/problem+json' : 'application/json'
      expect(got.headers['content-type']).toBe(type)
      expect(got.headers['content-length']).toBe(String(Buffer.byteLength(got.body)))

      const head = await request(path, { method: 'HEAD', headers })
      // Ranges are for GET alone.
      const whole = headers.range === undefined ? got : await request(path)
      const { date: _date, ...own } = whole.headers
      expect([head.status, head.body]).toEqual([whole.status, ''])
      expect(head.headers).toMatchObject(own)
    })

    test('cursor', async () => {
      const { request } = await startPages(framework, { source: hundred, cursors: signer(), size: 3 })
      const first = await request()
      const { first: start, next, last } = linkTargets(first.headers.link)
      expect(start).toBe('http://example.test/?limit=3')
      expect(next).toMatch(/^http:\/\/example\.test\/\?cursor=[\w-]{30,60}&limit=3$/)
      const second = await request(`/books${new URL(next!).search}`)
      expect([second.body, Object.keys(linkTargets(second.headers.link))]).toEqual([
        '[3,4,5]',
        ['first', 'prev', 'next', 'last'],
      ])
      expect((await request(`/books${new URL(last!).search}`)).body).toBe('[99]')
    })
  })

  test('forged, foreign and expired cursors are answered 400', async () => {
    const clock = new ManualClock()
    const cursors = signer(clock)
    const { request } = await startPages(framework, { source: keyedSource(() => []), cursors })
    const good = cursors.sign(['a', 1, 1], JSON.stringify(['/books', [], null]))
    expect((await request(`/books?cursor=${good}`)).status).toBe(200)
    const other = new CursorSigner({ keys: [{ id: 'a', secret: Buffer.alloc(32) }], clock })
    const bad = [
      `${good}A`,
      other.sign(['a', 1, 1], JSON.stringify(['/books', [], null])),
      cursors.sign(['a', 1, 1], JSON.stringify(['/authors', [], null])),
      cursors.sign(['c', 1, 1], JSON.stringify(['/books', [], null])),
      '',
      `${good}&cursor=${good}`,
    ]
    for (const cursor of bad) {
      const got = await request(`/books?cursor=${cursor}`)
      expect([cursor, got.status, got.headers['content-type']]).toEqual([cursor, 400, 'application/problem+json'])
    }
    expect((await request(`/books?cursor=${good}&author=1`)).status).toBe(400)
    clock.pass(26 * 3600)
    const { status, body } = await request(`/books?cursor=${good}`)
    expect([status, JSON.parse(body).detail]).toEqual([400, 'The cursor has expired: begin at the first page again'])
  })

  test.each(['simple', 'extended'] as const)('limits hold with the query parser %s', async (queryParser) => {
    const { request } = await startPages(framework, { source: hundred, maxSize: 10, size: 5 }, { queryParser })
    const bad = ['1e9', '0', '-1', '+5', '%2B5', '1e3', '', '%D9%A3', '9'.repeat(400), '11', '5&size=5', '5&size=100']
    for (const value of bad) {
      const { status, body } = await request(`/books?size=${value}`)
      expect([value, [400, 422].includes(status)]).toEqual([value, true])
      expect(JSON.parse(body)).not.toBeInstanceOf(Array)
    }
    for (const query of ['size[]=100', 'size[0]=100', 'size[a]=100', 'size%5B%5D=100', 'limit[]=100']) {
      expect([query, (await request(`/books?${query}`)).status]).toEqual([query, 400])
    }
    for (const query of [
      '__proto__[size]=100',
      '__proto__=100',
      'constructor[prototype][size]=100',
      'Size=100',
      '.size=9',
    ]) {
      expect([query, JSON.parse((await request(`/books?${query}`)).body)]).toEqual([query, from(0, 5)])
    }
    expect(({} as { size?: unknown }).size).toBeUndefined()
  })

  test('unknown parameters survive in links, and cannot break out of them', async () => {
    const { port, request } = await startPages(framework, { source: hundred })
    const { next } = linkTargets((await request('/books?q=caf%C3%A9&tag=a&tag=b&page=1')).headers.link)
    expect(next).toBe('http://example.test/?q=caf%C3%A9&tag=a&tag=b&page=2&size=20')
    const path = '/books?q=x>;rel="last",<http://evil.test/>'
    const raw = await askRaw(port, `GET ${path} HTTP/1.1\r\nHost: example.test\r\nConnection: close\r\n\r\n`)
    const value = /^link: (.*)$/im.exec(raw)?.[1]?.trim()
    expect(readLinks(value).map(({ rel }) => rel)).toEqual(['first', 'next', 'last'])
    expect(new URL(linkTargets(value).next!).searchParams.get('q')).toBe('x>;rel="last",<http://evil.test/>')
  })

  test('other methods and other paths pass', async () => {
    const { request } = await startPages(framework, { source: hundred })
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
      expect([method, (await request('/books', { method })).body]).toEqual([method, 'passed'])
    }
    for (const path of ['/books/1', '/bookshop', '/']) expect((await request(path)).body).toBe('passed')
    for (const path of ['/books', '/books/', '/books?', '/books/?page=1'])
      expect((await request(path)).status).toBe(200)
  })

  describe('links', () => {
    const forwarded = { 'x-forwarded-host': 'api.example', 'x-forwarded-proto': 'https' }

    test('are relative where no proxy is trusted', async () => {
      const { request } = await startPages(framework, { source: hundred })
      const { headers } = await request('/books?page=1', { headers: forwarded })
      expect(headers.link).toMatch(/^<\?page=1&size=20>/)
      expect(headers.link).not.toContain('example')
      expect(headers.vary).toBeUndefined()
    })

    test('are absolute behind one that is, and the answer says what it depends on', async () => {
      const { request } = await startPages(framework, { source: hundred, envelope: 'data' }, { trustProxy: true })
      const { headers, body } = await request('/books?page=1&a=b', { headers: forwarded })
      expect(headers.link).toMatch(/^<https:\/\/api\.example\/books\?a=b&page=1&size=20>/)
      expect(JSON.parse(body).links.next).toBe('https://api.example/books?a=b&page=2&size=20')
      expect(headers.vary).toBe('X-Forwarded-Proto, X-Forwarded-Host')
      expect((await request('/books')).headers.link).toMatch(/^<http:\/\/example\.test\/books\?page=1&size=20>/)
    })

    test('are relative behind one where they shall be', async () => {
      const { request } = await startPages(framework, { source: hundred, absolute: false }, { trustProxy: true })
      const { headers } = await request('/books', { headers: forwarded })
      expect(headers.link).toMatch(/^<\?page=1/)
      expect(headers.vary).toBeUndefined()
    })

    test.each([
      ['x-forwarded-host', 'evil.test/x?y=<>'],
      ['x-forwarded-host', 'a.test>; rel="next"'],
      ['x-forwarded-proto', 'javascript'],
    ])('are relative where %s is %s', async (name, value) => {
      const { request } = await startPages(framework, { source: hundred }, { trustProxy: true })
      const { headers } = await request('/books', { headers: { [name]: value } })
      expect(readLinks(headers.link).every(({ href }) => !href.includes('evil') && !href.includes('script'))).toBe(true)
    })

    test('stand beside those that are there already, as Vary does', async () => {
      const fields = { Link: '</style.css>; rel=preload', Vary: 'Accept-Encoding' }
      const { request } = await startPages(framework, { source: [], ranges: true }, { fields })
      const { headers } = await request()
      expect(headers.link).toMatch(/^<\/style.css>; rel=preload, <\?page=1/)
      expect(headers.vary).toBe('Accept-Encoding, Range')
    })
  })

  describe('validation', () => {
    test('the same content has the same strong tag, and is answered 304', async () => {
      const list = [...hundred]
      const { request } = await startPages(framework, { source: list, cacheControl: 'no-cache' })
      const { etag } = (await request()).headers
      expect(etag).toMatch(/^"[\w-]{22}"$/)
      for (const method of ['GET', 'HEAD']) {
        const got = await request('/books', { method, headers: { 'if-none-match': `W/"x", ${etag}` } })
        expect([got.status, got.body, got.headers.etag, got.headers['cache-control']]).toEqual([
          304,
          '',
          etag,
          'no-cache',
        ])
        expect([got.headers['content-type'], got.headers.link]).toEqual([undefined, undefined])
      }
      expect((await request('/books?page=2')).headers.etag).not.toBe(etag)
      list[3] = 7
      expect((await request('/books', { headers: { 'if-none-match': etag! } })).status).toBe(200)
    })

    test('what is said of other pages is part of it', async () => {
      const list = [...hundred]
      const { request } = await startPages(framework, { source: list })
      const { etag } = (await request()).headers
      list.push(...hundred)
      expect((await request()).headers.etag).not.toBe(etag)
    })

    test('what is said of its length is part of it', async () => {
      const list = [...hundred].slice(0, 50)
      const { request } = await startPages(framework, { source: list })
      const { etag } = (await request()).headers
      list.push(50)
      const again = await request('/books', { headers: { 'if-none-match': etag! } })
      expect([again.status, again.headers['x-total-count']]).toEqual([200, '51'])
    })

    test('by the state of the list, a 304 asks no source', async () => {
      let [state, asked] = ['v1', 0]
      const source: Options['source'] = ({ offset, limit }: { offset: number; limit: number }) => {
        asked++
        return hundred.slice(offset, offset + limit)
      }
      const { request } = await startPages(framework, { source, etag: async () => state })
      const { etag } = (await request('/books?page=2')).headers
      expect((await request('/books?page=2', { headers: { 'if-none-match': etag! } })).status).toBe(304)
      expect(asked).toBe(1)
      for (const path of ['/books?page=3', '/books?page=2&size=10', '/books?page=2&q=1']) {
        expect((await request(path, { headers: { 'if-none-match': etag! } })).status).toBe(200)
      }
      state = 'v2'
      expect((await request('/books?page=2', { headers: { 'if-none-match': etag! } })).status).toBe(200)
    })

    test('a state that is told keeps no cursor alive', async () => {
      const clock = new ManualClock()
      const { request } = await startPages(framework, { source: hundred, cursors: signer(clock), etag: () => 'v1' })
      const { etag } = (await request()).headers
      const asking = { headers: { 'if-none-match': etag! } }
      expect((await request('/books', asking)).status).toBe(304)
      clock.pass(2 * 3600)
      expect((await request('/books', asking)).status).toBe(200)
    })

    test('without tags there is none', async () => {
      const { request } = await startPages(framework, { source: hundred, etag: false })
      expect((await request('/books', { headers: { 'if-none-match': '*' } })).headers.etag).toBeUndefined()
    })

    test('If-Range holds for ranges of the list as it was', async () => {
      let state = 'v1'
      const { request } = await startPages(framework, { source: hundred, ranges: true, etag: () => state })
      const range = 'items=5-6'
      const { etag } = (await request('/books', { headers: { range } })).headers
      expect((await request('/books', { headers: { range: 'items=9-9' } })).headers.etag).toBe(etag)
      const asking = { headers: { range: 'items=9-9', 'if-range': etag! } }
      expect((await request('/books', asking)).status).toBe(206)
      state = 'v2'
      expect((await request('/books', asking)).status).toBe(200)
      const weak = await request('/books', { headers: { range, 'if-range': `W/${etag}` } })
      expect(weak.status).toBe(200)
      for (const beyond of ['items=-0', 'items=100-', 'items=99999999999999999-']) {
        const got = await request('/books', { headers: { range: beyond, 'if-range': '"old"' } })
        expect([beyond, got.status]).toEqual([beyond, 200])
      }
    })

    test('a range of a list whose state nobody tells has no tag, and If-Range never holds', async () => {
      const { request } = await startPages(framework, { source: hundred, ranges: true })
      const range = 'items=5-6'
      expect((await request('/books', { headers: { range } })).headers.etag).toBeUndefined()
      expect((await request('/books', { headers: { range, 'if-range': '"x"' } })).status).toBe(200)
    })
  })

  describe('sources', () => {
    test('a function of offset and limit is asked for one more, and for the total only where it is not plain', async () => {
      const asked: unknown[] = []
      let counted = 0
      const { request } = await startPages(framework, {
        source: ({ offset, limit }: { offset: number; limit: number }) => {
          asked.push([offset, limit])
          return hundred.slice(offset, offset + limit)
        },
        total: async () => {
          counted++
          return 100
        },
      })
      expect((await request('/books?page=2&size=10')).headers['x-total-count']).toBe('100')
      expect(asked).toEqual([[10, 11]])
      expect(counted).toBe(1)
      expect((await request('/books?offset=95')).headers['x-total-count']).toBe('100')
      expect(counted).toBe(1)
    })

    test('may give the total along', async () => {
      const { request } = await startPages(framework, {
        source: async () => ({ items: [1, 2, 3], total: 77 }),
        size: 3,
      })
      const { headers } = await request()
      expect([headers['x-total-count'], linkTargets(headers.link).last]).toEqual([
        '77',
        'http://example.test/?page=26&size=3',
      ])
    })

    test('get the request of their framework', async () => {
      const { request } = await startPages(framework, {
        source: (_asked: unknown, own: { url: string; query: { author: string } }) => [own.query.author],
      })
      expect((await request('/books?author=7')).body).toBe('["7"]')
    })

    test('keyed ones are walked forwards and back', async () => {
      const list = hundred.map((id) => ({ rank: id % 3, id }))
      const { request } = await startPages(framework, { source: keyedSource(() => list), cursors: signer(), size: 7 })
      const seen: number[] = []
      let query: string | undefined = ''
      let before = ''
      while (query !== undefined) {
        const { body, headers } = await request(`/books${query}`)
        seen.push(...JSON.parse(body).map(({ id }: { id: number }) => id))
        const { prev, next, last } = linkTargets(headers.link)
        expect(last).toBeUndefined()
        if (prev !== undefined) expect((await request(`/books${new URL(prev).search}`)).body).toBe(before)
        before = body
        query = next && new URL(next).search
      }
      expect(seen).toEqual([...hundred].sort((a, b) => (a % 3) - (b % 3) || a - b))
    })

    test.each<[string, () => Options['source']]>([
      ['a Set', () => new Set(hundred)],
      [
        'a generator',
        () => ({
          *iterate() {
            yield* hundred
          },
        }),
      ],
      [
        'an async generator',
        () => ({
          async *iterate() {
            for (const item of hundred) yield await item
          },
        }),
      ],
    ])('%s is walked, up to the scan limit', async (_what, source) => {
      const { request } = await startPages(framework, { source: source(), scanLimit: 60 })
      expect(JSON.parse((await request('/books?offset=50&limit=10')).body)).toEqual(from(50, 10))
      expect(JSON.parse((await request()).body)).toEqual(from(0, 20))
      const beyond = await request('/books?page=4')
      expect([beyond.status, JSON.parse(beyond.body).detail]).toEqual([
        422,
        'This list can be read up to its item 60 in this way: ask for an earlier page',
      ])
    })

    test('what is walked is left as soon as the page is full, and ended', async () => {
      let [given, ended] = [0, 0]
      const source = {
        async *iterate() {
          try {
            for (;;) yield given++
          } finally {
            ended++
          }
        },
      }
      const { request } = await startPages(framework, { source, size: 5 })
      const { headers, body } = await request('/books?page=2')
      expect([JSON.parse(body), given, ended]).toEqual([[5, 6, 7, 8, 9], 11, 1])
      expect(Object.keys(linkTargets(headers.link))).toEqual(['first', 'prev', 'next'])
      expect(headers['x-total-count']).toBeUndefined()
    })

    test('a range of what is walked has an open end until the end is seen', async () => {
      const { request } = await startPages(framework, { source: new Set(hundred), ranges: true })
      const ranged = async (range: string) => (await request('/books', { headers: { range } })).headers['content-range']
      expect(await ranged('items=0-9')).toBe('items 0-9/*')
      expect(await ranged('items=90-120')).toBe('items 90-99/100')
      expect(await ranged('items=200-')).toBeUndefined()
    })

    test('a function makes the content', async () => {
      const envelope: Options['envelope'] = ({ items, cursors }) => ({ books: items, next_page_token: cursors.next })
      const { request } = await startPages(framework, { source: hundred, cursors: signer(), size: 2, envelope })
      const { books, next_page_token } = JSON.parse((await request()).body)
      expect(books).toEqual([0, 1])
      expect(JSON.parse((await request(`/books?cursor=${next_page_token}`)).body).books).toEqual([2, 3])
    })

    test.each<[string, Partial<Options>]>([
      [
        'a source that throws',
        {
          source: () => {
            throw new Error('broken')
          },
        },
      ],
      ['a source that rejects', { source: async () => Promise.reject(new Error('broken')) }],
      [
        'a keyed source that rejects',
        { source: { key: () => [1], read: async () => Promise.reject(new Error('broken')) }, cursors: signer() },
      ],
      ['a total that rejects', { source: () => hundred, total: async () => Promise.reject(new Error('broken')) }],
      ['a state that rejects', { source: hundred, etag: async () => Promise.reject(new Error('broken')) }],
      [
        'a scope that throws',
        {
          source: hundred,
          scope: () => {
            throw new Error('broken')
          },
        },
      ],
      [
        'an envelope that throws',
        {
          source: hundred,
          envelope: () => {
            throw new Error('broken')
          },
        },
      ],
      [
        'a walk that breaks off',
        {
          source: {
            async *iterate() {
              yield 1
              throw new Error('broken')
            },
          },
        },
      ],
    ])('%s is an error as any other', async (_what, options) => {
      const { request } = await startPages(framework, options as Options)
      expect(await request()).toMatchObject({ status: 500, body: 'broken' })
    })
  })

  test('when the client leaves, the source is told, and nobody else', async () => {
    const errors: unknown[] = []
    let told: unknown
    let asked = 0
    const source = async ({ signal }: { signal: AbortSignal }) => {
      asked++
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      told = signal.reason
      throw signal.reason
    }
    const { port } = await startPages(framework, { source }, { onError: (error) => errors.push(error) })
    const socket = connect(port, '127.0.0.1', () => socket.write('GET /books HTTP/1.1\r\nHost: example.test\r\n\r\n'))
    await expect.poll(() => asked).toBe(1)
    socket.destroy()
    await expect.poll(() => String(told)).toBe('Error: The client has left')
    await sleep(20)
    expect(errors).toEqual([])
  })

  test('when the client leaves, what is walked and gives nothing is ended', async () => {
    let [asked, ended] = [0, 0]
    const list = {
      [Symbol.asyncIterator]: () => ({
        next: () => {
          asked++
          return new Promise<never>(() => {})
        },
        return: async () => {
          ended++
          return { done: true as const, value: undefined }
        },
      }),
    }
    const { port } = await startPages(framework, { source: list })
    const socket = connect(port, '127.0.0.1', () => socket.write('GET /books HTTP/1.1\r\nHost: example.test\r\n\r\n'))
    await expect.poll(() => asked).toBe(1)
    socket.destroy()
    await expect.poll(() => ended).toBe(1)
  })

  test('others have the event loop while a long list is walked', async () => {
    let [turns, end] = [0, 0]
    const source = {
      *iterate() {
        let isOver = false
        const turn = (): void => {
          turns++
          if (!isOver) setImmediate(turn)
        }
        setImmediate(turn)
        const until = performance.now() + 100
        for (let i = 0; performance.now() < until; i++) yield i
        isOver = true
        end = turns
      },
    }
    const { request } = await startPages(framework, { source, scanLimit: Infinity })
    expect((await request('/books?page=100000000000')).status).toBe(200)
    expect(end).toBeGreaterThan(5)
  })

  test('an answered request aborts nothing', async () => {
    let signal: AbortSignal | undefined
    const { request } = await startPages(framework, {
      source: (asked: { signal: AbortSignal }) => {
        signal = asked.signal
        return [1]
      },
    })
    await request()
    await sleep(20)
    expect(signal?.aborted).toBe(false)
  })

  test('inside cache() pages and ranges are kept apart', async () => {
    let asked = 0
    const source = ({ offset, limit }: { offset: number; limit: number }) => {
      asked++
      return hundred.slice(offset, offset + limit)
    }
    const options = { source, ranges: true, cacheControl: 'public, max-age=60' }
    const { request } = await startPages(framework, options, { isCached: true })
    const first = await request()
    expect(first.headers['cache-status']).toContain('stored')
    expect((await request()).headers['cache-status']).toContain('hit')
    const range = await request('/books', { headers: { range: 'items=5-6' } })
    expect([range.status, range.body]).toEqual([206, '[5,6]'])
    expect((await request()).body).toBe(first.body)
    expect(asked).toBe(2)
  })
})

describe('options', () => {
  const [express, koa] = [frameworks[0]!, frameworks[2]!]

  test.each<[object | undefined, RegExp]>([
    [undefined, /source must be an array, a function of { offset, limit }/],
    [{}, /source must be .* not undefined/],
    [{ source: 'abc' }, /source must be .* not 'abc'/],
    [{ source: new CircuitBreaker() }, /source must be/],
    [{ source: [1].values() }, /can be walked once: give { iterate }/],
    [{ source: (function* () {})() }, /can be walked once/],
    [{ source: Readable.from([1]) }, /can be walked once/],
    [{ source: new Blob(['1']).stream() }, /can be walked once/],
    [{ source: [], sauce: [] }, /pageRouter has no option 'sauce'/],
    [{ source: [], key: () => [1] }, /pageRouter has no option 'key'/],
    [{ source: keyedSource(() => []) }, /pageRouter needs cursors: { keys/],
    [
      { source: keyedSource(() => []), cursors: { keys: [{ id: 'a', secret }] }, ranges: true },
      /no numbers to ask for/,
    ],
    [{ source: [], modes: ['cursor'] }, /pageRouter needs cursors/],
    [{ source: [], total: -1 }, /total must be a whole number, not -1/],
    [{ source: [], total: '1' }, /total must be a function, not '1'/],
    [{ source: [], envelope: 'json' }, /envelope must be 'array', 'data'/],
    [{ source: [], etag: 'x' }, /etag must be a function/],
    [{ source: [], scope: 'x' }, /scope must be a function/],
    [{ source: [], absolute: 'x' }, /absolute must be true or false/],
    [{ source: [], cacheControl: 60 }, /cacheControl must be a string/],
    [{ source: [], cacheControl: 'a\nb' }, /Invalid character in header content/],
    [{ source: [], prefix: 'books' }, /prefix must be a path/],
    [{ source: [], size: 1e9 }, /size must be at most maxSize/],
  ])('%o: %s', (options, message) => {
    expect(() => express.listener(options as Options, {})).toThrow(message)
    if (options !== undefined) expect(() => koa.listener(options as Options, {})).toThrow(message)
  })
})
