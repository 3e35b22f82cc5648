import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { type Clock, defineSequence, fibonacci, memoryStore, type Sequence, type Store } from 'breakwater'
import type { SequenceRouterOptions } from 'breakwater/express'
import { describe, expect, test, vi } from 'vitest'
import { frameworks, MOUNT, naive, type Received, type Subject, squares, startSubject } from './subjects.ts'

/** Numbers that come when the test lets them, and how often one was computed. */
function gated(given: { readonly failsAt?: number; readonly deterministic?: boolean } = {}) {
  let open = Promise.withResolvers<void>()
  let allowed = 0
  let computed = 0
  const { deterministic = true, failsAt } = given
  const sequence = defineSequence<number>({
    id: 'gated',
    deterministic,
    states: async function* (after, signal) {
      const left = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
      for (let n = after === undefined ? 0 : after + 1; ; n++) {
        while (allowed === 0 && !signal.aborted) await Promise.race([open.promise, left])
        if (signal.aborted) return
        if (n === failsAt) throw new Error('a secret of the inside')
        allowed--
        computed++
        yield n
      }
    },
  })
  const give = (count: number): void => {
    allowed += count
    open.resolve()
    open = Promise.withResolvers()
  }
  return { sequence, give, computed: () => computed }
}

const ASYNC = { prefer: 'respond-async' }
/** Pages of ten terms at most. */
const SMALL = { limits: { page: { count: 10 } }, limit: 5 }

interface Status {
  readonly status: string
  readonly done: number
  readonly total: number
  readonly links: { readonly self: string; readonly terms: string; readonly page: string | null }
}

/** A path below the mount, from a link. */
const local = (link: string): string => {
  expect(link.startsWith(`${MOUNT}/`)).toBe(true)
  return link.slice(MOUNT.length)
}

async function accepted({ get }: Subject, path: string, headers: Record<string, string> = ASYNC): Promise<string> {
  const got = await get(path, headers)
  expect(got.status).toBe(202)
  return local(got.headers.location ?? '')
}

function statusOf(got: Received): Status {
  expect([got.headers['content-type'], got.headers['cache-control']]).toEqual(['application/json', 'no-store'])
  return JSON.parse(got.body)
}

async function reaches({ get }: Subject, path: string, status: string): Promise<Status> {
  return vi.waitFor(
    async () => {
      const known = statusOf(await get(path))
      expect(known.status).toBe(status)
      return known
    },
    { timeout: 20_000, interval: 10 },
  )
}

async function open(port: number, path: string, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  const asking = request({ host: '127.0.0.1', port, path: `${MOUNT}${path}`, headers, agent: false })
  asking.end()
  const [response] = (await once(asking, 'response')) as [IncomingMessage]
  response.setEncoding('utf8')
  response.on('error', () => {})
  return response
}

async function textUntil(response: IncomingMessage, part: string): Promise<string> {
  let text = ''
  for await (const chunk of response.iterator({ destroyOnReturn: false })) {
    text += chunk
    if (text.includes(part)) break
  }
  return text
}

const lines = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => `{"index":${from + i},"term":${from + i}}\n`).join('')

describe.each(frameworks)('long work in $name', (framework) => {
  type Router = Partial<SequenceRouterOptions>

  /** A router of numbers that come when the test lets them. */
  async function startGated(router: Router = {}, given: Parameters<typeof gated>[0] = {}) {
    const gate = gated(given)
    const subject = await startSubject(framework, { router: { sequence: gate.sequence, ...router } })
    return { ...gate, ...subject, subject }
  }

  /** A router of squares. */
  async function startSquares(router: Router = {}) {
    const { sequence, computed } = squares()
    const subject = await startSubject(framework, { router: { sequence, ...router } })
    return { sequence, computed, ...subject, subject }
  }

  test('is answered with 202 where that is preferred, and its terms are there in the end', async () => {
    const { subject } = await startSquares()
    const got = await subject.get('/terms?start=3&limit=20', { prefer: 'wait=5, respond-async' })
    const { status, headers } = got
    expect(status).toBe(202)
    expect(headers).toMatchObject({ 'preference-applied': 'respond-async', 'retry-after': '1' })
    const path = headers.location ?? ''
    expect(path).toMatch(new RegExp(`^${MOUNT}/jobs/[\\w-]{22}$`))
    expect(statusOf(got)).toMatchObject({
      start: 3,
      limit: 20,
      total: 20,
      links: { self: path, terms: `${path}/terms`, page: `${MOUNT}/terms?start=3&limit=20` },
    })
    const done = await reaches(subject, local(path), 'done')
    expect(done).toMatchObject({ done: 20, total: 20, estimatedEnd: null })
    const page = await subject.get('/terms?start=3&limit=20')
    const terms = JSON.parse((await subject.get(`${local(done.links.terms)}?format=array`)).body)
    expect(terms).toEqual(JSON.parse(page.body).terms)
  })

  test('is answered with 202 where a page would be too much, and then the page is there', async () => {
    const { sequence, subject, computed } = await startSquares(SMALL)
    const first = await subject.get('/terms?start=0&limit=2500')
    expect(first.status).toBe(202)
    expect(first.headers).not.toHaveProperty('preference-applied')
    const done = await reaches(subject, local(first.headers.location ?? ''), 'done')
    expect(done.links.page).toBe(`${MOUNT}/terms?start=0&limit=2500`)
    const before = computed()
    const page = await subject.get('/terms?start=0&limit=2500')
    expect(page.status).toBe(200)
    expect(page.headers['cache-control']).toContain('immutable')
    expect(JSON.parse(page.body)).toMatchObject({ start: 0, count: 2500 })
    expect(JSON.parse(page.body).terms).toEqual(await naive(squares().sequence, 0, 2500))
    expect(computed()).toBe(before)
    const known = { 'if-none-match': page.headers.etag ?? '' }
    const another = await startSubject(framework, { router: { sequence, ...SMALL } })
    expect((await another.get('/terms?start=0&limit=2500', known)).status).toBe(304)
  })

  test('is refused where it is too much for a job, too', async () => {
    const limits = { ...SMALL.limits, job: { count: 20 } }
    const { get, computed } = await startSquares({ limits, limit: 5 })
    for (const headers of [{}, ASYNC]) {
      const got = await get('/terms?limit=21', headers)
      expect([got.status, JSON.parse(got.body).maxLimit]).toEqual([422, 20])
    }
    expect((await get('/terms?limit=20')).status).toBe(202)
    expect(computed()).toBeLessThanOrEqual(20)
  })

  test('is not there where jobs are off', async () => {
    const { get } = await startSquares({ ...SMALL, jobs: false })
    expect((await get('/terms?limit=5', ASYNC)).status).toBe(200)
    const refused = await get('/terms?limit=11', ASYNC)
    expect([refused.status, JSON.parse(refused.body).maxLimit]).toEqual([422, 10])
    expect((await get(`/jobs/${'a'.repeat(22)}`)).status).toBe(404)
    expect(JSON.parse((await get()).body)).not.toHaveProperty('links.job')
  })

  test('begins for what is sent whole: streams, ranges and HEAD begin none', async () => {
    const { get } = await startSquares(SMALL)
    expect((await get('/terms?limit=5&format=ndjson', ASYNC)).status).toBe(200)
    expect((await get('/terms', { ...ASYNC, range: 'items=0-20' })).status).toBe(206)
    expect((await get('/terms/3', ASYNC, 'HEAD')).status).toBe(200)
    expect((await get('/terms?limit=5', ASYNC, 'HEAD')).status).toBe(200)
    const head = await get('/terms?limit=11', ASYNC, 'HEAD')
    expect(head.status).toBe(202)
    expect(head.headers).not.toHaveProperty('location')
    expect(head.headers['cache-control']).toBe('no-store')
  })

  test('begins for a single term that is preferred later or too much for an answer, which is then there', async () => {
    const sequence = defineSequence<number>({
      id: 'costly',
      length: 900,
      start: () => 0,
      next: (n) => n + 1,
      cost: (start, count, kept = -1) => ({ bytes: count, time: start + count - kept }),
    })
    const limits = { page: { time: 50 }, job: { time: 800 } }
    const subject = await startSubject(framework, { router: { sequence, limits, limit: 5 } })
    expect((await subject.get('/terms/850')).status).toBe(422)
    for (const [path, headers] of [
      ['/terms/3', ASYNC],
      ['/terms/500', {}],
    ] as const) {
      expect((await reaches(subject, await accepted(subject, path, headers), 'done')).total).toBe(1)
      const { status, body } = await subject.get(path)
      expect([status, JSON.parse(body).term]).toEqual([200, Number(path.slice('/terms/'.length))])
    }
    expect((await subject.get('/terms/900', ASYNC)).status).toBe(404)
  })

  test('says how far it is, how fast, and when it is going to end', async () => {
    const clock: Clock & { ms: number } = { ms: Date.UTC(2026, 0, 1), now: () => clock.ms, monotonic: () => clock.ms }
    const { subject, give } = await startGated({ blockSize: 20, jobs: { clock } })
    const path = await accepted(subject, '/terms?start=0&limit=100')
    await reaches(subject, path, 'running')
    clock.ms += 2_000
    give(40)
    await vi.waitFor(async () => expect(JSON.parse((await subject.get(path)).body).done).toBe(40))
    const got = await subject.get(path)
    expect(statusOf(got)).toEqual({
      status: 'running',
      start: 0,
      limit: 100,
      done: 40,
      total: 100,
      rate: 20,
      startedAt: '2026-01-01T00:00:00.000Z',
      updatedAt: '2026-01-01T00:00:02.000Z',
      estimatedEnd: '2026-01-01T00:00:05.000Z',
      links: expect.anything(),
    })
    expect(got.headers['retry-after']).toBe('3')
    give(60)
    await reaches(subject, path, 'done')
    expect((await subject.get(path)).headers).not.toHaveProperty('retry-after')
  })

  test('is followed as NDJSON, as an array and as events, while it is done', async () => {
    const { subject, give } = await startGated({ blockSize: 10 })
    const path = await accepted(subject, '/terms?start=0&limit=30')
    give(10)
    const wanted: [string, Record<string, string>, string, RegExp][] = [
      ['', {}, 'application/x-ndjson', /^\{"index":0,"term":0\}\n/],
      ['', { accept: 'text/event-stream' }, 'text/event-stream', /^id: 0\ndata: 0\n\n/],
      ['', { accept: 'application/json' }, 'application/json', /^\[0,1,2/],
      ['?format=array', {}, 'application/json', /^\[0,1,2/],
    ]
    const streams = await Promise.all(
      wanted.map(([query, headers]) => open(subject.port, `${path}/terms${query}`, headers)),
    )
    const firsts = await Promise.all(streams.map((stream) => textUntil(stream, '9')))
    streams.forEach(({ headers }, i) => {
      expect(headers).toMatchObject({ 'content-type': wanted[i]?.[2], 'x-accel-buffering': 'no' })
      expect(headers['cache-control']).toContain('no-store')
      expect(firsts[i]).toMatch(wanted[i]?.[3] as RegExp)
    })
    give(20)
    const rests = await Promise.all(streams.map((stream) => textUntil(stream, 'never')))
    expect(`${firsts[0]}${rests[0]}`).toBe(lines(0, 30))
    expect(JSON.parse(`${firsts[2]}${rests[2]}`)).toHaveLength(30)
    expect(rests[1]).toMatch(/event: end\ndata: \{"count":30\}\n\n$/)
    expect(await reaches(subject, path, 'done')).toMatchObject({ done: 30 })
  })

  test('is followed from where a reader was', async () => {
    const { subject, give } = await startGated()
    give(1e9)
    const path = await accepted(subject, '/terms?start=5&limit=10')
    await reaches(subject, path, 'done')
    expect((await subject.get(`${path}/terms?start=12`)).body).toBe(lines(12, 15))
    const events = { accept: 'text/event-stream', 'last-event-id': '13' }
    expect((await subject.get(`${path}/terms`, events)).body).toMatch(/^id: 14\ndata: 14\n\nevent: end/)
    expect((await subject.get(`${path}/terms`, { ...events, 'last-event-id': '14' })).status).toBe(204)
    expect((await subject.get(`${path}/terms`, { ...events, 'last-event-id': 'x' })).status).toBe(400)
    expect((await subject.get(`${path}/terms?start=-1`)).status).toBe(400)
    expect((await subject.get(`${path}/terms?format=json`)).status).toBe(400)
    expect((await subject.get(`${path}/terms`, { accept: 'text/html' })).status).toBe(406)
    expect((await subject.get(path, { accept: 'text/html' })).status).toBe(406)
  })

  test('stops when it is cancelled: status, readers and work', async () => {
    const { subject, give, computed } = await startGated({ blockSize: 10 })
    const path = await accepted(subject, '/terms?start=0&limit=30')
    give(10)
    const reader = await open(subject.port, `${path}/terms`)
    await textUntil(reader, '"term":9')
    const cancelled = await subject.get(path, {}, 'DELETE')
    expect([cancelled.status, cancelled.body, cancelled.headers['cache-control']]).toEqual([204, '', 'no-store'])
    expect(JSON.parse(await textUntil(reader, 'never'))).toMatchObject({ error: { status: 410, index: 10 } })
    give(1e9)
    expect(statusOf(await subject.get(path))).toMatchObject({ status: 'cancelled', done: 10 })
    expect((await subject.get(path, {}, 'DELETE')).status).toBe(204)
    expect((await subject.get(`${path}/terms`)).body.startsWith(lines(0, 10))).toBe(true)
    expect(computed()).toBe(10)
  })

  test('that was cancelled before it had any terms has none', async () => {
    const { subject } = await startGated()
    const path = await accepted(subject, '/terms?start=0&limit=30')
    await subject.get(path, {}, 'DELETE')
    expect((await subject.get(`${path}/terms`)).status).toBe(410)
  })

  test('goes on when its last reader leaves', async () => {
    const { subject, give, computed } = await startGated({ blockSize: 10 })
    const path = await accepted(subject, '/terms?start=0&limit=30')
    give(10)
    const reader = await open(subject.port, `${path}/terms`)
    await textUntil(reader, '"term":9')
    reader.destroy()
    give(20)
    await reaches(subject, path, 'done')
    expect(computed()).toBe(30)
  })

  test('that fails says so without words of the inside', async () => {
    const { subject, give } = await startGated({}, { failsAt: 7 })
    give(1e9)
    const path = await accepted(subject, '/terms?start=0&limit=30')
    const status = await reaches(subject, path, 'failed')
    expect(status).toMatchObject({ done: 7, error: { status: 500, index: 7 } })
    const { body, isWhole } = await subject.get(`${path}/terms`)
    expect(body.startsWith(lines(0, 7))).toBe(true)
    expect(JSON.parse(body.trim().split('\n').at(-1) ?? '')).toMatchObject({ error: { status: 500, index: 7 } })
    expect(isWhole).toBe(true)
    expect((await subject.get(`${path}/terms?format=array`)).isWhole).toBe(false)
    expect(JSON.stringify(status) + body).not.toContain('secret')
  })

  test('takes GET, HEAD, DELETE and OPTIONS', async () => {
    const { subject, give } = await startGated()
    give(1e9)
    const path = await accepted(subject, '/terms?start=0&limit=3')
    await reaches(subject, path, 'done')
    const got = await subject.get(path)
    const head = await subject.get(path, {}, 'HEAD')
    expect([head.status, head.body, head.headers['content-type']]).toEqual([200, '', got.headers['content-type']])
    const terms = await subject.get(`${path}/terms`, {}, 'HEAD')
    expect([terms.status, terms.body, terms.headers['content-type']]).toEqual([200, '', 'application/x-ndjson'])
    for (const [at, allow] of [
      [path, 'GET, HEAD, DELETE, OPTIONS'],
      [`${path}/terms`, 'GET, HEAD, OPTIONS'],
    ] as const) {
      const options = await subject.get(at, {}, 'OPTIONS')
      expect([options.status, options.headers.allow]).toEqual([204, allow])
      const post = await subject.get(at, {}, 'POST')
      expect([post.status, post.headers.allow]).toEqual([405, allow])
    }
    expect((await subject.get(`${path}/terms`, {}, 'DELETE')).status).toBe(405)
    expect((await subject.get('/terms', {}, 'DELETE')).status).toBe(405)
  })

  test.each(['x', 'a'.repeat(22), 'a'.repeat(23), '%2e%2e', `${'a'.repeat(21)}%00`, '__proto__', 'constructor'])(
    'has no job %s',
    async (id) => {
      const { get } = await startSquares()
      for (const [path, method] of [
        [`/jobs/${id}`, 'GET'],
        [`/jobs/${id}`, 'HEAD'],
        [`/jobs/${id}`, 'DELETE'],
        [`/jobs/${id}/terms`, 'GET'],
      ] as const) {
        expect((await get(path, {}, method)).status).toBe(404)
      }
    },
  )

  test('of another sequence on the same store is not found', async () => {
    const store = memoryStore()
    const one = await startSubject(framework, { router: { sequence: squares().sequence, store } })
    const two = await startSubject(framework, { router: { sequence: fibonacci, store } })
    const path = await accepted(one, '/terms?start=0&limit=3')
    expect((await one.get(path)).status).toBe(200)
    expect((await two.get(path)).status).toBe(404)
    expect((await two.get(path, {}, 'DELETE')).status).toBe(404)
  })

  test('other paths below jobs pass', async () => {
    const { get } = await startSquares()
    for (const path of ['/jobs', '/jobs/', '/jobs/x/', '/jobs/x/y', '/jobs/x/terms/1']) {
      const got = await get(path)
      expect([got.status, got.headers['content-type']?.startsWith('application/problem')]).toEqual([404, false])
    }
  })

  test('is not promised where too many wait, or where it cannot be kept', async () => {
    const router = { ...SMALL, jobs: { running: 1, waiting: 2 } }
    const { get } = await startGated(router)
    expect((await get('/terms?start=0&limit=30')).status).toBe(202)
    expect((await get('/terms?start=50&limit=30')).status).toBe(202)
    const full = await get('/terms?start=90&limit=30')
    expect([full.status, full.headers['retry-after'], full.headers['cache-control']]).toEqual([503, '5', 'no-store'])
    const broken: Store = {
      name: 'broken',
      near: true,
      maxEntrySize: 1e6,
      get: () => undefined,
      set: () => {
        throw new Error('no room')
      },
      delete: () => {},
      clear: () => {},
      reserve: () => false,
      release: () => {},
    }
    const other = await startSquares({ ...router, store: broken })
    const unkept = await other.get('/terms?start=0&limit=30')
    expect([unkept.status, unkept.headers['retry-after']]).toEqual([503, '1'])
    const atOnce = await other.get('/terms?start=0&limit=3', ASYNC)
    expect([atOnce.status, JSON.parse(atOnce.body).count]).toEqual([200, 3])
  })

  test('has a page in the end only where everybody would get the same', async () => {
    const { subject, give } = await startGated(SMALL, { deterministic: false })
    give(1e9)
    const path = await accepted(subject, '/terms?start=0&limit=30', {})
    expect((await reaches(subject, path, 'done')).links.page).toBeNull()
    expect((await subject.get(`${path}/terms`)).body).toBe(lines(0, 30))
    expect(await accepted(subject, '/terms?start=0&limit=30', {})).not.toBe(path)
  })

  test('is not begun where the terms before are kept and the page is cheap from there', async () => {
    const sequence = defineSequence<number>({
      id: 'costly',
      start: () => 0,
      next: (n) => n + 1,
      cost: (start, count, kept = -1) => ({ bytes: count, time: start + count - kept }),
    })
    const router = { sequence, blockSize: 10, limits: { page: { time: 50 } } }
    const subject = await startSubject(framework, { router })
    expect((await subject.get('/terms?start=40&limit=20', {}, 'HEAD')).status).toBe(202)
    expect((await subject.get('/terms?start=0&limit=40')).status).toBe(200)
    await vi.waitFor(async () => expect((await subject.get('/terms?start=40&limit=20')).status).toBe(200))
    expect((await subject.get('/terms?start=40&limit=20', {}, 'HEAD')).status).toBe(200)
  })

  test('has absolute links behind a trusted proxy', async () => {
    const sequence: Sequence = squares().sequence
    const { get } = await startSubject(framework, { router: { sequence }, trustsProxy: true })
    const headers = { ...ASYNC, 'x-forwarded-proto': 'https', 'x-forwarded-host': 'shop.example' }
    const got = await get('/terms?start=0&limit=3', headers)
    expect(got.headers.location).toMatch(/^https:\/\/shop\.example\/numbers\/jobs\/[\w-]{22}$/)
    expect(statusOf(got).links.self).toBe(got.headers.location)
  })
})
