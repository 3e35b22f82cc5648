import { fibonacci, fromIterable, memoryStore, ResponseCache, type Sequence } from 'breakwater'
import { describe, expect, test } from 'vitest'
import { frameworks, squares, startSubject } from './subjects.ts'

describe.each(frameworks)('a sequence in $name', (framework) => {
  test.each([
    ['/terms?start=5&limit=3', {}],
    ['/terms', {}],
    ['/terms', { range: 'items=5-7' }],
    ['/terms?format=array', {}],
    ['/terms?format=ndjson', {}],
    ['/terms/5', {}],
    ['?count=5', {}],
    ['', {}],
  ] as [string, Record<string, string>][])('%s %j is not computed for who has it', async (path, headers) => {
    const { sequence, computed } = squares()
    const subject = await startSubject(framework, { router: { sequence, counted: 'exact' } })
    const first = await subject.get(path, headers)
    const before = computed()
    const tag = first.headers.etag as string
    for (const known of [tag, `W/${tag}`, `"a", ${tag}`, '*']) {
      const again = await subject.get(path, { ...headers, 'if-none-match': known })
      expect([known, again.status, again.body]).toEqual([known, 304, ''])
      const { etag, vary, 'cache-control': control } = again.headers
      expect({ etag, vary, control }).toEqual({
        etag: tag,
        vary: first.headers.vary,
        control: first.headers['cache-control'],
      })
    }
    expect(computed()).toBe(before)
    expect((await subject.get(path, { ...headers, 'if-none-match': '"other"' })).body).toBe(first.body)
  })

  test('that one has a page says nothing of other requests for its URL', async () => {
    const { sequence } = squares()
    const subject = await startSubject(framework, { router: { sequence } })
    const path = '/terms?start=5&limit=3'
    const first = await subject.get(path)
    const known = { 'if-none-match': first.headers.etag as string }
    const text = 'application/x-ndjson'
    for (let i = 0; i < 2; i++) {
      expect((await subject.get(path, known)).status).toBe(304)
      expect((await subject.get(path, known, 'HEAD')).status).toBe(304)
      expect((await subject.get(path, known, 'POST')).status).toBe(405)
      expect((await subject.get(path)).body).toBe(first.body)
      expect((await subject.get(path, { 'if-none-match': '"other"' })).body).toBe(first.body)
      expect((await subject.get(path, { ...known, accept: text })).headers['content-type']).toContain(text)
      expect((await subject.get(path, { ...known, accept: 'image/png' })).status).toBe(406)
      expect((await subject.get('/terms?start=5&limit=4', known)).status).toBe(200)
    }
  })

  test('HEAD computes nothing', async () => {
    const { sequence, computed } = squares()
    const subject = await startSubject(framework, { router: { sequence } })
    for (const path of ['/terms', '/terms?format=array', '/terms?format=sse', '/terms/7', '']) {
      expect((await subject.get(path, {}, 'HEAD')).status).toBe(200)
    }
    expect(computed()).toBe(0)
  })

  test('the tag tells apart what differs: sequence, version, start, count and format', async () => {
    const other = (change: Partial<Sequence>): Sequence => ({ ...squares().sequence, ...change })
    const tags = new Set<string | undefined>()
    for (const sequence of [other({}), other({ id: 'other' }), other({ version: '2' })]) {
      const subject = await startSubject(framework, { router: { sequence, counted: 'exact' } })
      for (const path of ['/terms?limit=5', '/terms?limit=6', '/terms?start=1&limit=5', '/terms/5', '?count=5']) {
        tags.add((await subject.get(path)).headers.etag)
      }
      for (const format of ['array', 'ndjson']) {
        tags.add((await subject.get(`/terms?limit=5&format=${format}`)).headers.etag)
      }
    }
    expect(tags.size).toBe(21)
    expect(tags).not.toContain(undefined)
  })

  test('what is not deterministic has no tag, is computed each time, and says nothing of caches', async () => {
    const { sequence, computed } = squares({ deterministic: false })
    const subject = await startSubject(framework, { router: { sequence } })
    const { headers } = await subject.get('/terms?start=0&limit=5')
    expect(headers).not.toHaveProperty('etag')
    expect(headers).not.toHaveProperty('cache-control')
    expect((await subject.get('/terms?start=0&limit=5', { 'if-none-match': '*' })).status).toBe(200)
    expect(computed()).toBe(10)
    const stream = await subject.get('/terms?start=0&limit=5&format=ndjson')
    expect(stream.headers['cache-control']).toBe('no-store')
  })

  test('options say how long what may be kept', async () => {
    const cacheControl = { fixed: 'public, max-age=5', open: 'no-cache' }
    const subject = await startSubject(framework, { router: { sequence: fibonacci, cacheControl } })
    const control = async (path: string) => (await subject.get(path)).headers['cache-control']
    expect(await control('/terms?start=1&limit=2')).toBe('public, max-age=5')
    expect(await control('/terms?limit=2')).toBe('no-cache')
    expect(await control('/terms/2')).toBe('no-cache')
  })

  describe('with cache() in front', () => {
    test('each format is computed once, and kept apart', async () => {
      const { sequence, computed } = squares()
      const cache = new ResponseCache({ store: memoryStore() })
      const subject = await startSubject(framework, { router: { sequence, counted: 'exact' }, cache })
      const asked: [string, Record<string, string>][] = [
        ['/terms?start=5&limit=3', {}],
        ['/terms?start=5&limit=3', { accept: 'application/x-ndjson' }],
        ['/terms?start=5&limit=3&format=array', {}],
        ['/terms', {}],
        ['/terms/5', {}],
        ['?count=5', {}],
        ['', {}],
      ]
      const first = []
      for (const [path, headers] of asked) first.push(await subject.get(path, headers))
      const before = computed()
      for (const [i, [path, headers]] of asked.entries()) {
        const got = await subject.get(path, headers)
        expect([path, got.headers['cache-status']]).toEqual([path, expect.stringContaining('; hit')])
        expect([got.body, got.headers.etag]).toEqual([first[i]?.body, first[i]?.headers.etag])
        const known = { ...headers, 'if-none-match': got.headers.etag as string }
        expect((await subject.get(path, known)).status).toBe(304)
      }
      expect(computed()).toBe(before)
    })

    test('ranges and event streams are no answers to other requests', async () => {
      const cache = new ResponseCache({ store: memoryStore() })
      const subject = await startSubject(framework, { router: { sequence: fibonacci }, cache })
      expect((await subject.get('/terms')).status).toBe(200)
      const part = await subject.get('/terms', { range: 'items=3-4' })
      expect([part.status, JSON.parse(part.body).terms]).toEqual([206, ['2', '3']])
      expect(JSON.parse((await subject.get('/terms')).body).count).toBe(100)
      for (let i = 0; i < 2; i++) {
        const stream = await subject.get('/terms?limit=1', { accept: 'text/event-stream' })
        expect(stream.body).toContain('id: 0')
        expect(stream.headers['cache-status']).not.toContain('hit')
      }
    })

    test.each(['json', 'array', 'ndjson'])('a %s answer that failed half-way is not kept', async (format) => {
      let fails = true
      const sequence = {
        ...fromIterable(
          function* () {
            for (let i = 0; i < 5000; i++) {
              if (fails && i === 3000) throw new Error('a fault')
              yield 'x'.repeat(200)
            }
          },
          { id: 'faulty', deterministic: true },
        ),
      }
      const cache = new ResponseCache({ store: memoryStore() })
      const limits = { page: { count: 10_000 } }
      const subject = await startSubject(framework, { router: { sequence, limits }, cache })
      const path = `/terms?start=0&limit=4000&format=${format}`
      expect((await subject.get(path)).isWhole).toBe(false)
      fails = false
      const good = await subject.get(path)
      expect(good.isWhole).toBe(true)
      expect(good.headers['cache-status']).not.toContain('hit')
      await expect.poll(async () => (await subject.get(path)).headers['cache-status']).toContain('; hit')
    })
  })

  test('with compression() outside, and a cache between, answers are found again', async () => {
    const { sequence, computed } = squares()
    const cache = new ResponseCache({ store: memoryStore() })
    const subject = await startSubject(framework, { router: { sequence }, cache, compresses: true })
    const headers = { 'accept-encoding': 'gzip' }
    const path = '/terms?start=0&limit=500'
    const first = await subject.get(path, headers)
    expect(first.headers['content-encoding']).toBe('gzip')
    const before = computed()
    expect((await subject.get(path, headers)).headers['cache-status']).toContain('hit')
    const known = { ...headers, 'if-none-match': first.headers.etag as string }
    expect((await subject.get(path, known)).status).toBe(304)
    expect(computed()).toBe(before)
    const events = await subject.get('/terms?limit=3', { ...headers, accept: 'text/event-stream' })
    expect(events.headers).not.toHaveProperty('content-encoding')
    expect(events.body).toContain('id: 2\ndata: 4')
  })
})
