import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { BreakerRegistry, CircuitOpenError } from 'breakwater'
import { circuitBreakerErrors as errorsOnExpress, circuitBreaker as onExpress } from 'breakwater/express'
import { circuitBreaker as onKoa } from 'breakwater/koa'
import { describe, expect, onTestFinished, test } from 'vitest'
import { statusOf } from '../bridges/subject.ts'
import { type Act, frameworks, startSubject } from './subjects.ts'

/** Answers as told. */
function switchable(good: Act = { body: 'good' }) {
  const state = { act: good }
  return { state, handler: () => state.act }
}

function heard(name: string): unknown[] {
  const events: unknown[] = []
  const listener = (event: unknown) => void events.push(event)
  subscribe(name, listener)
  onTestFinished(() => void unsubscribe(name, listener))
  return events
}

const failing: Act = { status: 500, body: 'bad' }

describe.each(frameworks)('$name: a refused request', (framework) => {
  test('is answered 503 with Retry-After in whole seconds, rounded up, and a problem document (RFC 9457)', async () => {
    const { request, clock, calls } = await startSubject(framework, {}, () => failing)
    await request()
    clock.pass(0.3)
    const { status, headers, body } = await request()
    expect(status).toBe(503)
    expect(headers).toMatchObject({
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      'content-length': String(Buffer.byteLength(body)),
      'retry-after': '5',
    })
    expect(JSON.parse(body)).toEqual({
      type: 'about:blank',
      title: 'Service Unavailable',
      status: 503,
      detail: 'What this answer is made of has failed and is given time: try again in 5 s',
      retryAfter: 5,
      reason: 'open',
      breaker: 'orders',
    })
    clock.pass(4.6)
    expect((await request()).headers['retry-after']).toBe('1')
    expect(calls()).toBe(1)
  })

  test('names its breaker only where it may', async () => {
    const { request } = await startSubject(framework, { breaker: { exposeName: false } }, () => failing)
    await request()
    expect((await request()).body).not.toContain('orders')
  })

  test.each([
    ['isolated', 'What this answer is made of is out of use until an operator changes that'],
    ['concurrency', 'Too many requests for this are under way: try again soon'],
  ])('says why: %s', async (reason, detail) => {
    const { request, breaker } = await startSubject(framework, { breaker: { maxConcurrent: 1 } }, () => ({ body: '' }))
    if (reason === 'isolated') breaker.isolate()
    else breaker.enter()
    const { headers, body } = await request()
    expect(JSON.parse(body)).toMatchObject({ reason, detail, retryAfter: 1 })
    expect(headers['retry-after']).toBe('1')
  })

  test('to HEAD has no content, and one with content is not read', async () => {
    const { request } = await startSubject(framework, {}, () => failing)
    await request()
    expect(await request('/', { method: 'HEAD' })).toMatchObject({ status: 503, body: '' })
    expect((await request('/', { method: 'POST', body: 'x'.repeat(100_000) })).status).toBe(503)
  })

  test('comes again as soon as a probe succeeds', async () => {
    const { state, handler } = switchable(failing)
    const { request, clock } = await startSubject(framework, {}, handler)
    await request()
    state.act = { body: 'good' }
    expect((await request()).status).toBe(503)
    clock.pass(5)
    expect((await request()).body).toBe('good')
    expect((await request()).body).toBe('good')
  })

  test('a Retry-After that is a date is read by the clock of the breakers', async () => {
    const date = new Date(Date.UTC(2026, 0, 1, 0, 0, 20)).toUTCString()
    const act: Act = { status: 503, headers: { 'Retry-After': date }, body: 'busy' }
    const { request } = await startSubject(framework, {}, () => act)
    await request()
    expect((await request()).headers['retry-after']).toBe('20')
  })

  test('the Retry-After of a failure lengthens the open period', async () => {
    const act: Act = { status: 503, headers: { 'Retry-After': '30' }, body: 'busy' }
    const { request, clock } = await startSubject(framework, {}, () => act)
    await request()
    clock.pass(10)
    expect((await request()).headers['retry-after']).toBe('20')
  })

  test('a fallback answers instead, and counts for nothing', async () => {
    const setting = { fallback: () => ({ status: 202, body: 'later' }) }
    const { request, calls, breaker } = await startSubject(framework, setting, () => failing)
    await request()
    expect(await request()).toMatchObject({ status: 202, body: 'later' })
    expect(calls()).toBe(1)
    expect(breaker.counts).toMatchObject({ total: 1, inFlight: 0 })
  })

  test('a fallback that throws is an error as any other', async () => {
    const setting = { fallback: () => ({ throws: Object.assign(new Error('none'), { status: 418, expose: true }) }) }
    const { request } = await startSubject(framework, setting, () => failing)
    await request()
    expect((await request()).status).toBe(418)
  })
})

describe.each(frameworks)('$name: key', (framework) => {
  test('gives a breaker of its own to each', async () => {
    const setting = { breaker: { key: ({ url }: { url: string }) => url } }
    const { request, registry } = await startSubject(framework, setting, (url) =>
      url === '/bad' ? failing : { body: 'good' },
    )
    await request('/bad')
    expect((await request('/bad')).status).toBe(503)
    expect((await request('/good')).status).toBe(200)
    expect(registry.list().map(({ name, state }) => [name, state])).toEqual([
      ['/bad', 'open'],
      ['/good', 'closed'],
    ])
  })

  test.each<[string, () => string]>([
    [
      'throws',
      () => {
        throw new Error('no key')
      },
    ],
    ['returns nothing', () => undefined as unknown as string],
    ['returns no name', () => ''],
  ])('that %s lets the request pass by, with an event', async (_how, key) => {
    const faults = heard('breakwater:breaker:fault')
    const { request, registry } = await startSubject(framework, { breaker: { key } }, () => failing)
    for (let i = 0; i < 3; i++) expect((await request()).status).toBe(500)
    expect(registry.size).toBe(0)
    expect(faults).toHaveLength(3)
    expect(faults[0]).toMatchObject({ breaker: 'orders', option: 'key', error: expect.any(Error) })
  })

  test('an isFailure that throws makes the outcome neutral, with an event', async () => {
    const faults = heard('breakwater:breaker:fault')
    const isFailure = () => {
      throw new Error('cannot tell')
    }
    const { request, breaker } = await startSubject(framework, { breaker: { isFailure } }, () => failing)
    expect((await request()).status).toBe(500)
    expect(breaker.counts).toMatchObject({ total: 0, inFlight: 0 })
    expect(faults).toMatchObject([{ option: 'isFailure' }])
  })
})

describe.each(frameworks)('$name: cache(), circuitBreaker()', (framework) => {
  const layers = ['cache', 'breaker'] as const
  const stored: Act = { headers: { 'Cache-Control': 'max-age=10' }, body: 'good' }

  const opened = async (good: Act = stored, setting: object = {}) => {
    const { state, handler } = switchable(good)
    const subject = await startSubject(framework, { layers, ...setting }, handler)
    await subject.request()
    state.act = failing
    await subject.request('/other')
    expect(subject.breaker.state).toBe('open')
    return { ...subject, state }
  }

  test('an open circuit is answered stale, as a lost origin, and Cache-Status says so', async () => {
    const { request, clock, calls } = await opened()
    clock.pass(10.5)
    // The probe that is due by now fails.
    await request('/other')
    const got = await request()
    expect(got).toMatchObject({ status: 200, body: 'good' })
    expect(statusOf(got)).toBe('fwd=stale; fwd-status=503; ttl=0; detail=origin-failed')
    expect(got.headers['retry-after']).toBeUndefined()
    expect(calls()).toBe(3)
  })

  test.each(['must-revalidate', 'no-cache', 's-maxage=10'])('but never against %s', async (directive) => {
    const headers = { 'Cache-Control': `max-age=10, ${directive}`, ETag: '"a"' }
    const { request, clock } = await opened({ headers, body: 'good' })
    clock.pass(12)
    await request('/other')
    const got = await request()
    expect(got).toMatchObject({ status: 503 })
    expect(got.headers).toMatchObject({ 'retry-after': expect.any(String), 'cache-control': 'no-store' })
    expect(got.headers.etag).toBeUndefined()
  })

  test('fresh answers do not ask the circuit', async () => {
    const { request } = await opened()
    expect(await request()).toMatchObject({ status: 200, body: 'good' })
  })

  test('what is not stored is refused, and is neither stored nor remembered as unshareable', async () => {
    const { request, clock, state, responses } = await opened()
    const got = await request('/new')
    expect(got.status).toBe(503)
    expect(statusOf(got)).toBe('fwd=uri-miss; detail=origin-lost')
    state.act = stored
    clock.pass(5)
    expect((await request('/new')).body).toBe('good')
    expect(statusOf(await request('/new'))).toMatch(/^hit/)
    expect(responses.stats().stored).toBe(2)
  })

  test('a fallback’s answer is not stored, whatever it says', async () => {
    const fallback = (): Act => ({ headers: { 'Cache-Control': 'max-age=60' }, body: 'later' })
    const { request } = await opened(stored, { fallback, cache: { ttl: 60_000 } })
    for (let i = 0; i < 2; i++) {
      const got = await request('/new')
      expect(got.body).toBe('later')
      expect(statusOf(got)).toBe('fwd=uri-miss; detail=origin-lost')
    }
  })

  test('a refresh behind a stale answer is refused as well, and leaves what is stored', async () => {
    const headers = { 'Cache-Control': 'max-age=10, stale-while-revalidate=60' }
    const { request, clock, breaker, responses } = await opened({ headers, body: 'good' })
    breaker.isolate()
    clock.pass(20)
    for (let i = 1; i <= 2; i++) {
      expect(await request()).toMatchObject({ status: 200, body: 'good' })
      await expect.poll(() => responses.stats().refreshes).toBe(i)
    }
    expect(breaker.counts.inFlight).toBe(0)
  })

  test('a failure that a stale answer stands in for is a failure all the same', async () => {
    const { state, handler } = switchable({
      headers: { 'Cache-Control': 'max-age=10, stale-if-error=60' },
      body: 'good',
    })
    const { request, breaker, clock } = await startSubject(framework, { layers }, handler)
    await request()
    state.act = failing
    clock.pass(20)
    expect((await request()).body).toBe('good')
    expect(breaker.state).toBe('open')
  })

  test('a 304 of the handler closes a circuit that is being tried', async () => {
    const { state, handler } = switchable({ headers: { 'Cache-Control': 'max-age=1', ETag: '"a"' }, body: 'good' })
    const { request, breaker, clock } = await startSubject(framework, { layers }, handler)
    await request()
    state.act = failing
    await request('/other')
    clock.pass(6)
    state.act = { status: 304, headers: { 'Cache-Control': 'max-age=1', ETag: '"a"' } }
    expect((await request()).body).toBe('good')
    expect(breaker.state).toBe('closed')
  })
})

describe.each(frameworks)('$name: circuitBreaker(), cache()', (framework) => {
  const layers = ['breaker', 'cache'] as const
  const silent = { failureWindow: 1_000_000, consecutiveFailures: Infinity }

  test('hits and 504s to only-if-cached are neutral: the handler was not asked', async () => {
    const stored: Act = { headers: { 'Cache-Control': 'max-age=10' }, body: 'good' }
    const { request, breaker } = await startSubject(framework, { layers, breaker: silent }, () => stored)
    for (let i = 0; i < 5; i++) await request()
    await request('/new', { headers: { 'cache-control': 'only-if-cached' } })
    expect(breaker.counts).toMatchObject({ total: 1, failed: 0, inFlight: 0 })
  })

  test.each<[string, Act]>([
    ['a 500', failing],
    ['a thrown error', { throws: new Error('bad') }],
  ])('%s that a stale answer stands in for is a failure', async (_what, bad) => {
    const { state, handler } = switchable({
      headers: { 'Cache-Control': 'max-age=10, stale-if-error=60' },
      body: 'good',
    })
    const { request, breaker, clock } = await startSubject(framework, { layers, breaker: silent }, handler)
    await request()
    state.act = bad
    clock.pass(20)
    expect((await request()).body).toBe('good')
    expect(breaker.counts).toMatchObject({ total: 2, failed: 1 })
  })
})

describe.each(frameworks)('$name: circuitBreakerErrors()', (framework) => {
  const open = new CircuitOpenError('https://api.test', 'open', 'open', 2_100)
  const layers = ['errors'] as const

  test.each<[string, unknown]>([
    ['itself', open],
    ['as a cause', new TypeError('fetch failed', { cause: open })],
    ['as the cause of a cause', new Error('no price', { cause: new TypeError('fetch failed', { cause: open }) })],
    ['among several', new AggregateError([new Error('one'), open])],
  ])('a refused call, %s, is answered 503 without the name of what is inside', async (_how, error) => {
    const { request } = await startSubject(framework, { layers }, () => ({ throws: error }))
    const { status, headers, body } = await request()
    expect(status).toBe(503)
    expect(headers).toMatchObject({
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      'retry-after': '3',
    })
    expect(JSON.parse(body)).toMatchObject({ status: 503, retryAfter: 3, reason: 'open' })
    expect(body).not.toContain('api.test')
  })

  test('with the name where that is wanted', async () => {
    const { request } = await startSubject(framework, { layers, errors: { exposeName: true } }, () => ({
      throws: open,
    }))
    expect(JSON.parse((await request()).body).breaker).toBe('https://api.test')
  })

  test('other errors go on', async () => {
    const { request } = await startSubject(framework, { layers }, () => ({
      throws: new Error('other', { cause: 'open' }),
    }))
    expect(await request()).toMatchObject({ status: 500 })
  })

  test.each([[['cache', 'errors']], [['errors', 'cache']]] as const)('%j: is answered stale', async (order) => {
    // In Express errors are handled behind the routes, so always inside.
    const { state, handler } = switchable({ headers: { 'Cache-Control': 'max-age=10' }, body: 'good' })
    const { request, clock } = await startSubject(framework, { layers: order }, handler)
    await request()
    state.act = { throws: new TypeError('fetch failed', { cause: open }) }
    clock.pass(20)
    const got = await request()
    expect(got).toMatchObject({ status: 200, body: 'good' })
    expect(statusOf(got)).toContain('detail=origin-failed')
    expect(await request('/new')).toMatchObject({ status: 503 })
  })
})

describe.each([
  ['express', onExpress as (options: never) => unknown],
  ['koa', onKoa as (options: never) => unknown],
])('%s: options', (_name, mount) => {
  const registry = new BreakerRegistry()
  test.each<[object | null, string]>([
    [null, 'circuitBreaker takes an object of options, not null'],
    [[], 'circuitBreaker takes an object of options, not []'],
    [{ failureRat: 1 }, "no option 'failureRat'"],
    [{ failureRate: 2 }, 'failureRate must be a number above 0 and at most 1, not 2'],
    [{ name: '' }, "name must be a string that is not empty, not ''"],
    [{ key: 'x' }, "key must be a function, not 'x'"],
    [{ isFailure: 500 }, 'isFailure must be a function, not 500'],
    [{ fallback: 'x' }, "fallback must be a function, not 'x'"],
    [{ exposeName: 1 }, 'exposeName must be true or false, not 1'],
    [{ registry: {} }, 'registry must be a BreakerRegistry, not {}'],
    [{ registry }, 'name or key has to tell its breaker from others'],
    [{ registry, name: 'a', probes: 2 }, "'probes' is for a registry of its own"],
  ])('%j is refused', (options, message) => {
    expect(() => mount(options as never)).toThrow(message)
  })

  test('without any there is a breaker with the defaults, and one that is undefined is not given', () => {
    expect(mount(undefined as never)).toBeTypeOf('function')
    expect(mount({ store: undefined } as never)).toBeTypeOf('function')
    expect(mount({ registry, name: 'a', probes: undefined } as never)).toBeTypeOf('function')
  })
})

test('circuitBreakerErrors knows its options', () => {
  expect(() => errorsOnExpress({ exposeNames: true } as never)).toThrow("no option 'exposeNames'")
})
