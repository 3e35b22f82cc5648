import { defineSequence, fibonacci } from 'breakwater'
import { sequenceRouter } from 'breakwater/express'
import * as onKoa from 'breakwater/koa'
import { beforeEach, describe, expect, test } from 'vitest'
import { frameworks, linksOf, type Received, type Subject, squares, startSubject } from './subjects.ts'

function problemOf(got: Received): { readonly status: number; readonly maxLimit?: number } {
  expect([got.headers['content-type'], got.headers['cache-control']]).toEqual(['application/problem+json', 'no-store'])
  const problem = JSON.parse(got.body)
  expect(problem).toMatchObject({ type: 'about:blank', status: got.status, title: expect.any(String) })
  return problem
}

describe.each(frameworks)('a sequence in $name', (framework) => {
  let subject: Subject
  const { sequence, computed } = squares()
  let before: number
  beforeEach(async () => {
    subject = await startSubject(framework, { router: { sequence, counted: 'exact', jobs: false } })
    before = computed()
  })

  test.each([
    ...['-1', '+1', '1.0', '1e3', '0x10', ' 1', '', '01', '１', '1_000', 'NaN', 'Infinity', '9'.repeat(16)].flatMap(
      (text) => [
        `/terms?start=${encodeURIComponent(text)}`,
        `/terms?limit=${encodeURIComponent(text)}`,
        `?count=${encodeURIComponent(text)}`,
      ],
    ),
    '/terms?limit=0',
    '/terms?start=1&start=1',
    '/terms?start[]=1',
    '/terms?limit[a]=1',
    '/terms?format=xml',
    '/terms?format=__proto__',
    '/terms?format=sse&format=sse',
    '/terms/-1',
    '/terms/abc',
    '/terms/1.5',
    '/terms/%31',
    `/terms/${'9'.repeat(5000)}`,
  ])('answers %s with 400', async (path) => {
    expect(problemOf(await subject.get(path)).status).toBe(400)
    expect(computed()).toBe(before)
  })

  test.each(['abc', '-1', '1.5', '9'.repeat(16)])('answers Last-Event-ID: %s with 400', async (id) => {
    const got = await subject.get('/terms', { accept: 'text/event-stream', 'last-event-id': id })
    expect(problemOf(got).status).toBe(400)
  })

  test('more terms than it allows are refused with the most that it does, before any is computed', async () => {
    expect(problemOf(await subject.get('/terms?limit=1001'))).toMatchObject({ status: 422, maxLimit: 1000 })
    expect(problemOf(await subject.get('?count=1001'))).toMatchObject({ status: 422, maxLimit: 1000 })
    const stream = await subject.get('/terms?limit=1000001&format=ndjson')
    expect(problemOf(stream)).toMatchObject({ status: 422, maxLimit: 1_000_000 })
    expect(computed()).toBe(before)
    expect((await subject.get('/terms?limit=1000')).status).toBe(200)
  })

  test('HEAD is refused as GET is', async () => {
    expect((await subject.get('/terms?limit=1001', {}, 'HEAD')).status).toBe(422)
  })

  test('what is asked for by the maxLimit of a refusal is answered, and one more is not', async () => {
    const limits = { page: { bytes: 100_000 } }
    const big = await startSubject(framework, { router: { sequence: fibonacci, limits, jobs: false } })
    const { maxLimit = 0 } = problemOf(await big.get('/terms?start=10000&limit=900'))
    expect(maxLimit).toBeGreaterThan(10)
    expect((await big.get(`/terms?start=10000&limit=${maxLimit}`)).status).toBe(200)
    expect((await big.get(`/terms?start=10000&limit=${maxLimit + 1}`)).status).toBe(422)
    expect(problemOf(await big.get('/terms/1000000000'))).toMatchObject({ status: 422, maxLimit: 0 })
    expect(problemOf(await big.get('/terms?start=999999999999999'))).toMatchObject({ status: 422, maxLimit: 0 })
    expect(problemOf(await big.get('/terms', { range: 'items=99999999999-' })).status).toBe(422)
  })

  test('who does not say how many gets as many as there may be, and links that are answered', async () => {
    const limits = { page: { bytes: 20_000 } }
    const big = await startSubject(framework, { router: { sequence: fibonacci, limits } })
    const got = await big.get('/terms?start=9000')
    const { count } = JSON.parse(got.body)
    expect(count).toBeGreaterThan(3)
    expect(count).toBeLessThan(100)
    const { next = '' } = linksOf(got)
    expect(next).toMatch(/^\?start=90\d\d&limit=\d+$/)
    expect((await big.get(`/terms${next}`)).status).toBe(200)
    const ranged = await big.get('/terms', { range: 'items=9000-9500' })
    expect(ranged.headers['content-range']).toBe(`items 9000-${9000 + count - 1}/*`)
  })

  test('ranges begin anywhere where the number of terms has no limit', async () => {
    const limits = { page: { count: Number.MAX_SAFE_INTEGER } }
    const endless = await startSubject(framework, { router: { sequence, limits } })
    const ranged = async (range: string) => (await endless.get('/terms', { range })).headers['content-range']
    expect(await ranged('items=5-9')).toBe('items 5-9/*')
    const [last, beyond] = [Number.MAX_SAFE_INTEGER - 1, Number.MAX_SAFE_INTEGER]
    expect(await ranged(`items=${last}-`)).toBe(`items ${last}-${last}/*`)
    expect((await endless.get('/terms', { range: `items=${beyond}-` })).status).toBe(416)
  })

  test('cost is judged by what there is', async () => {
    const short = defineSequence({
      id: 'short',
      length: 3,
      start: () => 1,
      next: (n) => n + 1,
      cost: (_, count) => ({ bytes: count * 1000, time: 0 }),
    })
    const small = await startSubject(framework, { router: { sequence: short, limits: { page: { bytes: 3000 } } } })
    expect((await small.get('/terms?limit=900')).status).toBe(200)
    expect((await small.get('/terms?start=50&limit=900')).status).toBe(200)
  })
})

describe('sequenceRouter', () => {
  test.each<[object | undefined, RegExp]>([
    [undefined, /sequence must be fibonacci or another one/],
    [{}, /sequence must be/],
    [{ sequence: [1, 2] }, /made by defineSequence, not/],
    [{ sequence: fibonacci, sockets: 1 }, /no option 'sockets'/],
    [{ sequence: fibonacci, workers: true }, /workers must be a workerPool of breakwater\/workers, or false, not true/],
    [{ sequence: fibonacci, store: 1 }, /store needs a Keyv/],
    [{ sequence: fibonacci, blockSize: 0 }, /blockSize must be a whole number of at least 1, not 0/],
    [{ sequence: fibonacci, limit: 0 }, /limit must be a whole number of at least 1, not 0/],
    [{ sequence: fibonacci, limit: 2000 }, /limit must be at most limits.page.count, 1000, not 2000/],
    [{ sequence: fibonacci, limits: { pages: {} } }, /no option 'pages'/],
    [{ sequence: fibonacci, limits: { page: { size: 1 } } }, /no option 'size'/],
    [{ sequence: fibonacci, limits: { page: { bytes: -1 } } }, /limits.page.bytes must be a number from 1/],
    [{ sequence: fibonacci, limits: { stream: { count: Infinity } } }, /limits.stream.count must be a whole number/],
    [{ sequence: fibonacci, limits: { job: { time: -1 } } }, /limits.job.time must be a number from 0/],
    [{ sequence: fibonacci, jobs: true }, /jobs takes an object of options, not true/],
    [{ sequence: fibonacci, jobs: { running: 0 } }, /jobs.running must be a whole number of at least 1, not 0/],
    [{ sequence: fibonacci, jobs: { waiting: 1.5 } }, /jobs.waiting must be a whole number/],
    [{ sequence: fibonacci, jobs: { lifetime: 0 } }, /jobs.lifetime must be milliseconds/],
    [{ sequence: fibonacci, jobs: { clock: 1 } }, /jobs.clock must have the methods/],
    [{ sequence: fibonacci, jobs: { workers: 1 } }, /no option 'workers'/],
    [{ sequence: fibonacci, counted: true }, /counted must be one of 'exact', 'numbers', not true/],
    [{ sequence: fibonacci, cacheControl: { fixed: 1 } }, /cacheControl.fixed must be a string, not 1/],
    [{ sequence: fibonacci, cacheControl: { open: 'a\nb' } }, /Invalid character/],
    [{ sequence: fibonacci, heartbeat: 0 }, /heartbeat must be milliseconds/],
    [{ sequence: fibonacci, prefix: 'x' }, /prefix must be a path/],
    [{ sequence: fibonacci, prefix: '*' }, /prefix must be a path/],
    [{ sequence: fibonacci, absolute: 1 }, /absolute must be true or false/],
  ])('throws at construction for %j', (options, message) => {
    expect(() => sequenceRouter(options as never)).toThrow(message)
  })

  test('needs a prefix in Koa', () => {
    expect(() => onKoa.sequenceRouter({ sequence: fibonacci })).toThrow(/prefix must be given in Koa/)
  })
})
