import { BreakerRegistry, type CacheRule, memoryStore, ResponseCache } from 'breakwater'
import { cache, circuitBreaker } from 'breakwater/undici'
import { describe, expect, test } from 'vitest'
import { answering, HeldClock, releases, settles, startGuarded, startOrigin, startSockets, until } from './support.ts'

/** Answers with these statuses, one after another, then with the last one. */
const answeringBy = (...statuses: number[]) =>
  startOrigin((_, response) => {
    const status = (statuses.length > 1 ? statuses.shift() : statuses[0]) as number
    response.writeHead(status, status === 302 ? { location: '/elsewhere' } : {}).end(String(status))
  })

describe.each(releases)('%s', (_name, undici) => {
  const patient = { consecutiveFailures: 9 }
  const { interceptors } = undici
  const retry = interceptors.retry({ maxRetries: 2, minTimeout: 1, maxTimeout: 1 })

  describe('retry', () => {
    test('outside: every attempt counts', async () => {
      const upstream = await answeringBy(503, 503, 200)
      const guarded = startGuarded(undici, { breaker: patient, outside: [retry] })
      expect((await guarded.ask(upstream.url)).text).toBe('200')
      await settles(guarded.of(upstream.url), { total: 3, failed: 2 })
    })

    test('outside: a refusal ends it, and no attempt reaches the upstream any more', async () => {
      const upstream = await answeringBy(503)
      const guarded = startGuarded(undici, { outside: [retry] })
      await expect(guarded.ask(upstream.url)).rejects.toMatchObject({ code: 'CIRCUIT_OPEN' })
      expect(upstream.seen).toHaveLength(2)
      await settles(guarded.of(upstream.url), { total: 2, failed: 2 })
    })

    test('outside: what breaks off counts, and is gone on with', async () => {
      let times = 0
      const { url } = await startSockets((socket) => {
        socket.on('data', (request) => {
          const first = 'HTTP/1.1 200 OK\r\nETag: "a"\r\nContent-Length: 8\r\n\r\nhalf'
          const rest =
            'HTTP/1.1 206 Partial Content\r\nETag: "a"\r\nContent-Range: bytes 4-7/8\r\nContent-Length: 4\r\n\r\nrest'
          if (times++ === 0) socket.write(first, () => setTimeout(() => socket.resetAndDestroy(), 20))
          else socket.write(/range: bytes=4-/i.test(String(request)) ? rest : first)
        })
      })
      const guarded = startGuarded(undici, { breaker: patient, outside: [retry] })
      expect((await guarded.ask(url)).text).toBe('halfrest')
      await settles(guarded.of(url), { total: 2, failed: 1 })
    })

    test('inside: the attempts are one call, by how the last one ends', async () => {
      const upstream = await answeringBy(503, 503, 200, 503)
      const guarded = startGuarded(undici, { breaker: patient, inside: [retry] })
      expect((await guarded.ask(upstream.url)).text).toBe('200')
      await settles(guarded.of(upstream.url), { total: 1, failed: 0 })
      await expect(guarded.ask(upstream.url)).rejects.toMatchObject({ code: 'UND_ERR_REQ_RETRY' })
      await settles(guarded.of(upstream.url), { total: 2, failed: 1 })
    })

    test('inside: the Retry-After of the last attempt is heard', async () => {
      const upstream = await startOrigin((_, response) => void response.writeHead(503, { 'retry-after': '30' }).end())
      const quick = interceptors.retry({ maxRetries: 0 })
      const guarded = startGuarded(undici, { breaker: { consecutiveFailures: 1 }, inside: [quick] })
      await expect(guarded.ask(upstream.url)).rejects.toThrow()
      await until(() => guarded.of(upstream.url).state === 'open')
      expect(guarded.of(upstream.url).nextProbe).toBe(guarded.clock.now() + 30_000)
    })
  })

  describe('redirect', () => {
    const redirect = interceptors.redirect({ maxRedirections: 3 })

    test.each([
      ['outside: each request counts', { outside: [redirect] }, 2],
      ['inside: all of them are one', { inside: [redirect] }, 1],
    ])('%s', async (_, where, total) => {
      const upstream = await answeringBy(302, 200)
      const guarded = startGuarded(undici, where)
      expect((await guarded.ask(upstream.url)).text).toBe('200')
      await settles(guarded.of(upstream.url), { total, failed: 0 })
      const failing = await answeringBy(302, 500)
      await guarded.ask(failing.url)
      await settles(guarded.of(failing.url), { total, failed: 1 })
    })
  })

  test.each([
    [404, { total: 1, failed: 0 }],
    [500, { total: 1, failed: 1 }],
    [429, { total: 0, failed: 0 }],
  ])('responseError inside: a %d is judged by its status', async (status, counts) => {
    const upstream = await answeringBy(status)
    const guarded = startGuarded(undici, { inside: [interceptors.responseError()] })
    await expect(guarded.ask(upstream.url)).rejects.toMatchObject({ statusCode: status })
    await settles(guarded.of(upstream.url), counts)
  })

  test('dns inside: the breaker has the name of the host', async () => {
    const upstream = await answeringBy(200)
    const url = upstream.url.replace('127.0.0.1', 'localhost')
    const guarded = startGuarded(undici, { inside: [interceptors.dns({ affinity: 4, dualStack: false })] })
    expect((await guarded.ask(url)).text).toBe('200')
    await settles(guarded.of(url), { total: 1, failed: 0 })
    expect(guarded.registry.list().map(({ name }) => name)).toEqual([url])
  })

  test('one in another: what the inner one refuses is neutral to the outer one', async () => {
    const upstream = await answeringBy(500)
    const registry = new BreakerRegistry({ consecutiveFailures: 1, clock: new HeldClock() })
    const guarded = startGuarded(undici, { breaker: patient, inside: [circuitBreaker({ registry })] })
    await guarded.ask(upstream.url)
    for (let i = 0; i < 9; i++) await expect(guarded.ask(upstream.url)).rejects.toMatchObject({ code: 'CIRCUIT_OPEN' })
    await settles(guarded.of(upstream.url), { total: 1, failed: 1 })
  })

  describe('a cache', () => {
    const caching = (rule: CacheRule = {}) => {
      const clock = new HeldClock()
      return { clock, interceptor: cache({ cache: new ResponseCache({ store: memoryStore(), clock }), ...rule }) }
    }
    const stale = { 'cache-control': 'max-age=1, stale-if-error=60' }
    const mustAsk = { 'cache-control': 'max-age=1, must-revalidate' }

    test('outside: an open circuit gives the stored answer, and Cache-Status says so', async () => {
      const upstream = await startOrigin(answering('kept', stale))
      const { clock, interceptor } = caching()
      const guarded = startGuarded(undici, { outside: [interceptor] })
      await guarded.ask(upstream.url)
      guarded.of(upstream.url).isolate()
      clock.pass(2_000)
      const { text, headers } = await guarded.ask(upstream.url)
      expect(text).toBe('kept')
      expect(headers['cache-status']).toMatch(/^Breakwater; fwd=stale;.*detail=origin-failed/)
      expect(upstream.seen).toHaveLength(1)
    })

    test('outside: from the first failure on, through the opening, to the probe that succeeds', async () => {
      const upstream = await startOrigin(answering('old', stale))
      const { clock, interceptor } = caching()
      const guarded = startGuarded(undici, { outside: [interceptor] })
      const ask = async () => (await guarded.ask(upstream.url)).text
      await ask()
      clock.pass(2_000)
      upstream.answer = (_, response) => void response.writeHead(500).end()
      for (let i = 0; i < 5; i++) expect(await ask()).toBe('old')
      expect(upstream.seen).toHaveLength(3)
      upstream.answer = answering('new', stale)
      guarded.clock.pass(1_000)
      expect(await ask()).toBe('new')
      await until(() => guarded.of(upstream.url).state === 'closed')
    })

    test('outside: what must be validated, or is not there, is refused', async () => {
      const upstream = await startOrigin(answering('kept', mustAsk))
      const { clock, interceptor } = caching()
      const guarded = startGuarded(undici, { outside: [interceptor] })
      await guarded.ask(upstream.url)
      guarded.of(upstream.url).isolate()
      clock.pass(2_000)
      await expect(guarded.ask(upstream.url)).rejects.toMatchObject({ code: 'CIRCUIT_OPEN' })
      await expect(guarded.ask(`${upstream.url}/other`)).rejects.toMatchObject({ code: 'CIRCUIT_OPEN' })
    })

    test('outside: hits ask no breaker', async () => {
      const upstream = await startOrigin(answering('kept'))
      const { interceptor } = caching()
      const guarded = startGuarded(undici, { outside: [interceptor] })
      for (let i = 0; i < 5; i++) await guarded.ask(upstream.url)
      guarded.of(upstream.url).isolate()
      expect((await guarded.ask(upstream.url)).text).toBe('kept')
      guarded.of(upstream.url).reset()
      await settles(guarded.of(upstream.url), { total: 0 })
    })

    test('outside: a fallback is not stored as if it were the answer', async () => {
      const upstream = await startOrigin(answering('real', {}))
      const { interceptor } = caching({ ttl: 60_000 })
      const guarded = startGuarded(undici, {
        outside: [interceptor],
        mount: { fallback: { statusCode: 200, body: 'made up' } },
      })
      guarded.of(upstream.url).isolate()
      expect((await guarded.ask(upstream.url)).text).toBe('made up')
      guarded.of(upstream.url).reset()
      expect((await guarded.ask(upstream.url)).text).toBe('real')
    })

    test('inside: hits count as successes, and an open circuit refuses them too', async () => {
      const upstream = await startOrigin(answering('kept', stale))
      const { interceptor } = caching()
      const guarded = startGuarded(undici, { inside: [interceptor] })
      for (let i = 0; i < 5; i++) await guarded.ask(upstream.url)
      expect(upstream.seen).toHaveLength(1)
      await settles(guarded.of(upstream.url), { total: 5, failed: 0 })
      guarded.of(upstream.url).isolate()
      await expect(guarded.ask(upstream.url)).rejects.toMatchObject({ code: 'CIRCUIT_OPEN' })
    })

    test('outside: those who wait for one request get what it gets', async () => {
      const upstream = await startOrigin(answering('kept', stale))
      const { clock, interceptor } = caching()
      const guarded = startGuarded(undici, { outside: [interceptor] })
      await guarded.ask(upstream.url)
      guarded.of(upstream.url).isolate()
      clock.pass(2_000)
      const answers = await Promise.all(Array.from({ length: 20 }, () => guarded.ask(upstream.url)))
      expect(answers.map(({ text }) => text)).toEqual(Array(20).fill('kept'))
      await settles(guarded.of(upstream.url), { total: 0 })
    })
  })
})
