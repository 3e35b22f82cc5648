import { fibonacci, primes } from 'breakwater'
import { beforeEach, describe, expect, test } from 'vitest'
import { frameworks, linksOf, MOUNT, type Received, type Subject, squares, startSubject } from './subjects.ts'

const FIXED = 'public, max-age=31536000, immutable'
const OPEN = 'public, max-age=60'
const JSON_TYPE = 'application/json'

describe.each(frameworks)('a sequence in $name', (framework) => {
  let subject: Subject
  beforeEach(async () => {
    subject = await startSubject(framework, { router: { sequence: fibonacci, counted: 'exact' } })
  })

  test.each<[string, Record<string, string>, number, Record<string, string | undefined>, unknown]>([
    [
      '/terms?start=3&limit=4',
      {},
      200,
      { 'content-type': JSON_TYPE, 'cache-control': FIXED, vary: 'Accept', 'content-length': '47' },
      { start: 3, count: 4, terms: ['2', '3', '5', '8'] },
    ],
    ['/terms/?start=3&limit=1', {}, 200, { 'cache-control': FIXED }, { start: 3, count: 1, terms: ['2'] }],
    [
      '/terms?limit=2',
      {},
      200,
      { 'content-type': JSON_TYPE, 'cache-control': OPEN, 'accept-ranges': undefined },
      { start: 0, count: 2, terms: ['0', '1'] },
    ],
    [
      '/terms?start=5&limit=2&format=array',
      {},
      200,
      { 'content-type': JSON_TYPE, 'cache-control': FIXED, vary: undefined },
      ['5', '8'],
    ],
    [
      '/terms',
      { range: 'items=100-101' },
      206,
      {
        'content-range': 'items 100-101/*',
        'cache-control': OPEN,
        'accept-ranges': 'items',
        vary: 'Accept, Range',
        link: undefined,
      },
      { start: 100, count: 2, terms: ['354224848179261915075', '573147844013817084101'] },
    ],
    [
      '/terms?start=1&limit=1',
      { range: 'items=100-101' },
      200,
      { 'accept-ranges': undefined },
      { start: 1, count: 1, terms: ['1'] },
    ],
    ['/terms/10', {}, 200, { 'content-type': JSON_TYPE, 'cache-control': OPEN }, { index: 10, term: '55' }],
    ['?count=5', {}, 200, { 'content-type': JSON_TYPE, 'cache-control': OPEN }, { results: [0, 1, 1, 2, 3] }],
    ['?count=0', {}, 200, {}, { results: [] }],
  ])('answers %s %j with %i', async (path, headers, status, fields, content) => {
    const got = await subject.get(path, headers)
    expect(got.status).toBe(status)
    for (const [name, value] of Object.entries(fields)) expect([name, got.headers[name]]).toEqual([name, value])
    expect(got.headers.etag).toMatch(/^"[\w-]{22}(-\d+-\d+)?"$/)
    expect(JSON.parse(got.body)).toEqual(content)
  })

  test('tells at its root what it is and where its terms are', async () => {
    for (const path of ['', '/', '?a=b']) {
      const { status, headers, body } = await subject.get(path)
      expect([status, headers['content-type'], headers['cache-control']]).toEqual([200, JSON_TYPE, OPEN])
      expect(JSON.parse(body)).toMatchObject({
        id: 'fibonacci',
        version: fibonacci.version,
        length: null,
        deterministic: true,
        formats: { json: JSON_TYPE, array: JSON_TYPE, ndjson: 'application/x-ndjson', sse: 'text/event-stream' },
        limit: 100,
        limits: { page: { count: 1000 }, stream: { count: 1_000_000 }, job: { count: 1_000_000 } },
        links: {
          terms: `${MOUNT}/terms{?start,limit,format}`,
          term: `${MOUNT}/terms/{index}`,
          job: `${MOUNT}/jobs/{id}`,
        },
      })
    }
  })

  test('has 100 terms where nobody says how many, in every format', async () => {
    for (const accept of [JSON_TYPE, 'application/x-ndjson', 'text/event-stream']) {
      const { body } = await subject.get('/terms', { accept })
      expect(body.match(/"218922995834555169026"/g)).toHaveLength(1)
      expect(body).not.toContain('"354224848179261915075"')
    }
  })

  test.each([
    [undefined, JSON_TYPE],
    ['', JSON_TYPE],
    ['*/*', JSON_TYPE],
    ['text/html, application/xhtml+xml, */*;q=0.8', JSON_TYPE],
    ['application/*', JSON_TYPE],
    ['text/*', 'text/event-stream'],
    ['application/x-ndjson', 'application/x-ndjson'],
    ['application/json;q=0.1, application/x-ndjson;q=0.2', 'application/x-ndjson'],
    ['application/json;q=0, */*', 'application/x-ndjson'],
    ['application/json; charset=utf-8', JSON_TYPE],
    ['text/html', undefined],
    ['application/json;q=0', undefined],
  ])('to Accept: %s it gives %s', async (accept, type) => {
    const got = await subject.get('/terms?limit=1', accept === undefined ? {} : { accept })
    expect(got.headers['content-type']).toBe(type ?? 'application/problem+json')
    expect(got.status).toBe(type === undefined ? 406 : 200)
    expect(got.headers.vary).toContain('Accept')
  })

  test('the parameter format wins over Accept', async () => {
    const { headers } = await subject.get('/terms?limit=1&format=ndjson', { accept: 'text/html' })
    expect(headers['content-type']).toBe('application/x-ndjson')
  })

  test('server-sent events are for one reader, as they come', async () => {
    const { status, headers, body } = await subject.get('/terms?start=6&limit=2', { accept: 'text/event-stream' })
    expect(status).toBe(200)
    expect(headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
    })
    expect(headers).not.toHaveProperty('etag')
    expect(headers).not.toHaveProperty('accept-ranges')
    expect(body).toBe('id: 6\ndata: "8"\n\nid: 7\ndata: "13"\n\nevent: end\ndata: {"count":2}\n\n')
  })

  test('ranges are told of where they are taken', async () => {
    const { headers } = await subject.get('/terms')
    expect(headers).toMatchObject({ 'accept-ranges': 'items', vary: 'Accept, Range' })
  })

  test('NDJSON has a record with the index of each term', async () => {
    const { headers, body } = await subject.get('/terms?start=6&limit=2&format=ndjson')
    expect(headers).toMatchObject({ 'content-type': 'application/x-ndjson', 'cache-control': FIXED })
    expect(body).toBe('{"index":6,"term":"8"}\n{"index":7,"term":"13"}\n')
  })

  test('links keep parameters that it does not know', async () => {
    const got = await subject.get('/terms?a=1&start=100&b=%20x&limit=50&a=%22%3E&format=json')
    const before = '?a=1&b=%20x&a=%22%3E&format=json'
    expect(linksOf(got)).toEqual({
      first: `${before}&start=0&limit=50`,
      prev: `${before}&start=50&limit=50`,
      next: `${before}&start=150&limit=50`,
    })
    expect(linksOf(await subject.get('/terms/5?a=%3C'))).toEqual({
      prev: `${MOUNT}/terms/4?a=%3C`,
      next: `${MOUNT}/terms/6?a=%3C`,
    })
  })

  test('a request behind no trusted proxy gets no absolute links', async () => {
    const forged = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'evil.test' }
    const got = await subject.get('/terms', forged)
    expect(got.headers.link).not.toContain('evil')
    expect((await subject.get('', forged)).body).not.toContain('evil')
    expect(got.headers.vary).toBe('Accept, Range')
  })

  test('behind a trusted proxy links are absolute', async () => {
    const trusting = await startSubject(framework, { router: { sequence: fibonacci }, trustsProxy: true })
    const forwarded = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'api.test' }
    const got = await trusting.get('/terms?limit=5', forwarded)
    expect(linksOf(got).next).toBe(`https://api.test${MOUNT}/terms?start=5&limit=5`)
    expect(got.headers.vary).toContain('X-Forwarded-Host')
    expect((await trusting.get('', forwarded)).body).toContain(`"https://api.test${MOUNT}/terms/{index}"`)
    expect((await trusting.get('/terms', { ...forwarded, 'x-forwarded-host': 'a b"' })).headers.link).toContain(
      '<?start',
    )
    const relative = await startSubject(framework, {
      router: { sequence: fibonacci, absolute: false },
      trustsProxy: true,
    })
    expect(linksOf(await relative.get('/terms?limit=5', forwarded)).next).toBe('?start=5&limit=5')
  })

  test('a sequence with an end has a last page, and nothing behind it', async () => {
    const ending = await startSubject(framework, { router: { sequence: squares({ length: 25 }).sequence } })
    const middle = await ending.get('/terms?start=10&limit=10')
    expect(linksOf(middle)).toMatchObject({ next: '?start=20&limit=10', last: '?start=20&limit=10' })
    const last = await ending.get('/terms?start=20&limit=10')
    expect(JSON.parse(last.body)).toEqual({ start: 20, count: 5, terms: [400, 441, 484, 529, 576] })
    expect(linksOf(last)).not.toHaveProperty('next')
    expect(JSON.parse((await ending.get('/terms?start=30&limit=10')).body)).toEqual({ start: 30, count: 0, terms: [] })
    expect((await ending.get('/terms/24')).body).toBe('{"index":24,"term":576}')
    expect(linksOf(await ending.get('/terms/24'))).toEqual({ prev: `${MOUNT}/terms/23` })
    expect((await ending.get('/terms/25')).status).toBe(404)
    expect((await ending.get('/terms', { range: 'items=20-99' })).headers['content-range']).toBe('items 20-24/25')
    expect((await ending.get('/terms', { range: 'items=-3' })).headers['content-range']).toBe('items 22-24/25')
    const beyond = await ending.get('/terms', { range: 'items=25-' })
    expect([beyond.status, beyond.headers['content-range']]).toEqual([416, 'items */25'])
  })

  test.each([
    ['items=0-1,5-6', 200],
    ['bytes=0-1', 200],
    ['items=-5', 200],
    ['items=5-2', 200],
    ['items=x', 200],
    ['items=5-', 206],
    ['items=0-999999', 206],
    ['ITEMS=0-1', 206],
  ])('to Range: %s it answers %i', async (range, status) => {
    const got = await subject.get('/terms', { range })
    expect(got.status).toBe(status)
    expect(JSON.parse(got.body).count).toBeLessThanOrEqual(1000)
  })

  test('If-Range with another tag gets a page instead', async () => {
    const part = await subject.get('/terms', { range: 'items=5-6' })
    const same = await subject.get('/terms', { range: 'items=7-8', 'if-range': part.headers.etag as string })
    expect([same.status, same.headers.etag]).toEqual([206, part.headers.etag])
    expect((await subject.get('/terms', { range: 'items=7-8', 'if-range': '"other"' })).status).toBe(200)
  })

  test.each(['', '/terms', '/terms/5', '/terms?format=ndjson', '/terms?format=sse', '?count=5'])(
    'HEAD of %s has the fields of GET, and no content',
    async (path) => {
      const whole = await subject.get(path)
      const head = await subject.get(path, {}, 'HEAD')
      expect([head.status, head.body]).toEqual([200, ''])
      const told = ({ headers }: Received) => {
        const { date: _, connection: __, 'content-length': ___, 'transfer-encoding': ____, ...rest } = headers
        return rest
      }
      expect(told(head)).toEqual(told(whole))
    },
  )

  test('other methods are not allowed, and OPTIONS says which are', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
      const { status, headers } = await subject.get('/terms', {}, method)
      expect([status, headers.allow, headers['content-type']]).toEqual([
        405,
        'GET, HEAD, OPTIONS',
        'application/problem+json',
      ])
    }
    const { status, headers } = await subject.get('/terms/5', {}, 'OPTIONS')
    expect([status, headers.allow]).toEqual([204, 'GET, HEAD, OPTIONS'])
  })

  test('paths that are not its own pass', async () => {
    for (const path of ['/other', '/terms/5/6', '/termsx', '/terms//']) {
      const { status, headers } = await subject.get(path)
      expect([path, status, headers['content-type']?.includes('problem')]).toEqual([path, 404, false])
    }
  })

  test('numbers of the counted form are exact for every reader, or all numbers', async () => {
    const { body } = await subject.get('?count=80')
    expect(body).toContain(',8944394323791464,"14472334024676221"]')
    const all = await startSubject(framework, { router: { sequence: fibonacci, counted: 'numbers' } })
    expect((await all.get('?count=80')).body).toContain(',8944394323791464,14472334024676221]')
    const plain = await startSubject(framework, { router: { sequence: primes } })
    expect(JSON.parse((await plain.get('?count=80')).body).id).toBe('primes')
  })
})
