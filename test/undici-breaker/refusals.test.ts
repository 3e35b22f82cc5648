import { Readable } from 'node:stream'
import { CircuitOpenError } from 'breakwater'
import type { FallbackResponse, UndiciBreakerOptions } from 'breakwater/undici'
import { describe, expect, test, vi } from 'vitest'
import {
  deadPort,
  HeldClock,
  releases,
  settles,
  startGuarded,
  startOrigin,
  startSockets,
  type Undici,
  until,
} from './support.ts'

const failing = () => startOrigin((_, response) => void response.writeHead(500).end())
const openAtOnce = { consecutiveFailures: 1 }

describe.each(releases)('%s', (_name, undici: Undici) => {
  /** An open circuit. */
  const opened = async (mount: Omit<UndiciBreakerOptions, 'registry'> = {}) => {
    const upstream = await failing()
    const guarded = startGuarded(undici, { breaker: openAtOnce, mount })
    await guarded.ask(upstream.url)
    return { ...guarded, upstream }
  }

  describe('a refusal', () => {
    test('is told by onResponseError alone, at once; dispatch says true, for there is no drain to come', async () => {
      const { dispatcher, upstream } = await opened()
      const onResponseError = vi.fn()
      const other = vi.fn()
      const handler = { onRequestStart: other, onResponseStart: other, onResponseEnd: other, onResponseError }
      expect(dispatcher.dispatch({ origin: upstream.url, path: '/', method: 'GET' }, handler)).toBe(true)
      expect(onResponseError.mock.calls).toEqual([[null, expect.any(CircuitOpenError)]])
      expect(other).not.toHaveBeenCalled()
      expect(upstream.seen).toHaveLength(1)
    })

    test.each(['request', 'stream', 'pipeline', 'upgrade', 'connect'] as const)(
      'reaches the caller of %s',
      async (api) => {
        const { dispatcher, upstream } = await opened()
        const options = { dispatcher, method: 'GET' } as never
        const ask = {
          request: () => undici.request(upstream.url, options),
          stream: () => undici.stream(upstream.url, options, () => expect.unreachable()),
          pipeline: () =>
            new Promise((_, reject) => {
              undici
                .pipeline(upstream.url, options, () => expect.unreachable())
                .on('error', reject)
                .end()
            }),
          upgrade: () => undici.upgrade(upstream.url, { dispatcher }),
          connect: () => undici.connect(upstream.url, options),
        }
        await expect(ask[api]()).rejects.toMatchObject({ code: 'CIRCUIT_OPEN', retryAfter: 1_000 })
      },
    )

    test('for maxConcurrent is no failure', async () => {
      const upstream = await startOrigin(() => {})
      const guarded = startGuarded(undici, { breaker: { maxConcurrent: 1 } })
      guarded.ask(upstream.url).catch(() => {})
      await expect(guarded.ask(upstream.url)).rejects.toMatchObject({ reason: 'concurrency' })
      expect(guarded.of(upstream.url).counts).toMatchObject({ total: 0, inFlight: 1 })
    })

    test('concerns one origin only', async () => {
      const { ask, upstream } = await opened()
      const healthy = await startOrigin((_, response) => void response.end('x'))
      await expect(ask(upstream.url)).rejects.toThrow(CircuitOpenError)
      expect((await ask(healthy.url)).text).toBe('x')
    })
  })

  describe('a fallback', () => {
    const json: FallbackResponse = { statusCode: 203, headers: { 'Content-Type': 'application/json' }, body: '[]' }

    test('answers in place of a refusal', async () => {
      const { ask, upstream } = await opened({ fallback: json })
      const { status, text, headers } = await ask(upstream.url)
      expect([status, text]).toEqual([203, '[]'])
      expect(headers).toEqual({
        'content-type': 'application/json',
        'cache-control': 'no-store',
        'content-length': '2',
      })
      expect((await ask(upstream.url)).text).toBe('[]')
      expect(upstream.seen).toHaveLength(1)
    })

    test('lets go of an upload that is not sent', async () => {
      const url = await deadPort()
      const guarded = startGuarded(undici, { mount: { fallback: { statusCode: 202 } } })
      guarded.of(url).isolate()
      const body = new Readable({ read() {} })
      expect((await guarded.ask(url, { method: 'POST', body })).status).toBe(202)
      expect(body.destroyed).toBe(true)
    })

    test('serves fetch', async () => {
      const { dispatcher, upstream } = await opened({ fallback: json })
      const response = await undici.fetch(upstream.url, { dispatcher } as never)
      expect([response.status, response.headers.get('content-type')]).toEqual([203, 'application/json'])
      expect(await response.json()).toEqual([])
    })

    test('answers HEAD and 204 without content', async () => {
      const { ask, upstream } = await opened({ fallback: json })
      expect(await ask(upstream.url, { method: 'HEAD' })).toMatchObject({
        text: '',
        headers: { 'content-length': '2' },
      })
      const empty = await opened({
        fallback: { statusCode: 204, body: 'x', headers: { 'cache-control': 'max-age=1' } },
      })
      const { status, text, headers } = await empty.ask(empty.upstream.url)
      expect([status, text, headers]).toEqual([204, '', { 'cache-control': 'max-age=1' }])
    })

    test('answers a request that fails before its head, which counts all the same', async () => {
      const url = await deadPort()
      const guarded = startGuarded(undici, { mount: { fallback: json } })
      expect((await guarded.ask(url)).status).toBe(203)
      await settles(guarded.of(url), { total: 1, failed: 1 })
    })

    test('does not answer what the upstream has answered, nor what the caller broke off', async () => {
      const upstream = await startOrigin((request, response) => {
        if (request.url === '/hang') return
        response.writeHead(request.url === '/500' ? 500 : 200, { 'content-length': 9 }).write('half')
        setTimeout(() => response.destroy(), 10)
      })
      const guarded = startGuarded(undici, { mount: { fallback: json }, breaker: { consecutiveFailures: 9 } })
      await expect(guarded.ask(`${upstream.url}/500`)).rejects.toThrow()
      await expect(guarded.ask(`${upstream.url}/200`)).rejects.toThrow()
      await settles(guarded.of(upstream.url), { failed: 2 })
      const abort = new AbortController()
      const asked = guarded.ask(`${upstream.url}/hang`, { signal: abort.signal })
      await until(() => upstream.seen.length === 3)
      abort.abort()
      await expect(asked).rejects.toThrow(/abort/)
    })

    test('may be a function of the error and the request, at once or later', async () => {
      for (const later of [false, true]) {
        const fallback = vi.fn((error: Error, { path }: { path: string }) => {
          const made = { statusCode: 200, body: `${(error as CircuitOpenError).code} ${path}` }
          return later ? Promise.resolve(made) : made
        })
        const { ask, upstream } = await opened({ fallback })
        expect((await ask(`${upstream.url}/a`)).text).toBe('CIRCUIT_OPEN /a')
        expect(fallback).toHaveBeenCalledOnce()
      }
    })

    test.each<[string, () => never | Promise<never> | FallbackResponse, RegExp]>([
      [
        'throws',
        () => {
          throw new Error('no')
        },
        /^no$/,
      ],
      ['rejects', () => Promise.reject(new Error('no')), /^no$/],
      ['gives no response', () => 'x' as never, /^fallback must be a response .*not 'x'/],
      ['gives a bad status', () => ({ statusCode: 99 }), /from 200 to 599, not 99/],
    ])('that %s: the caller is told', async (_, fallback, message) => {
      const { ask, upstream } = await opened({ fallback })
      await expect(ask(upstream.url)).rejects.toThrow(message)
    })

    test('that takes its time does not keep a caller who leaves', async () => {
      let go = (_: FallbackResponse): void => {}
      const { ask, upstream } = await opened({
        fallback: () =>
          new Promise((resolve) => {
            go = resolve
          }),
      })
      const abort = new AbortController()
      const asked = ask(upstream.url, { signal: abort.signal })
      abort.abort(new Error('enough'))
      await expect(asked).rejects.toThrow('enough')
      go({ statusCode: 200 })
    })
  })

  describe('Retry-After', () => {
    const asking = async (status: number, retryAfter: (clock: HeldClock) => string, breaker = {}) => {
      const upstream = await startOrigin((_, response) => {
        response.writeHead(status, { 'retry-after': retryAfter(guarded.clock) }).end()
      })
      const guarded = startGuarded(undici, { breaker: { ...openAtOnce, ...breaker } })
      await guarded.ask(upstream.url)
      return { breaker: guarded.of(upstream.url), clock: guarded.clock }
    }
    const forms: [string, (clock: HeldClock) => string][] = [
      ['in seconds', () => '30'],
      ['as a date', (clock) => new Date(clock.now() + 30_000).toUTCString()],
    ]

    test.each(forms)('%s on a 503 lengthens the open period', async (_, retryAfter) => {
      const { breaker, clock } = await asking(503, retryAfter)
      expect(breaker.nextProbe).toBe(clock.now() + 30_000)
    })

    test.each(forms)('%s is cut to maxOpenDuration', async (_, retryAfter) => {
      const { breaker, clock } = await asking(503, retryAfter, { maxOpenDuration: 20_000 })
      expect(breaker.nextProbe).toBe(clock.now() + 20_000)
    })

    test.each(['soon', '-1', 'Thu, 01 Jan 1970 00:00:00 GMT', '0'])('%s shortens nothing', async (value) => {
      const { breaker, clock } = await asking(503, () => value)
      expect(breaker.nextProbe).toBe(clock.now() + 1_000)
    })

    test.each(forms)('%s on a 429 opens nothing', async (_, retryAfter) => {
      const { breaker } = await asking(429, retryAfter)
      expect(breaker.status()).toMatchObject({ state: 'closed', counts: { total: 0, inFlight: 0 } })
    })

    test.each(forms)('%s on a 429 opens for so long with openOnRateLimit', async (_, retryAfter) => {
      const { breaker, clock } = await asking(429, retryAfter, { openOnRateLimit: true })
      expect(breaker.nextProbe).toBe(clock.now() + 30_000)
    })
  })

  test('isFailure judges statuses and errors', async () => {
    const upstream = await startOrigin(
      (request, response) => void response.writeHead(Number(request.url?.slice(1))).end(),
    )
    const isFailure = vi.fn(({ type, ...outcome }: { type: string; statusCode?: number }) => outcome.statusCode === 404)
    const guarded = startGuarded(undici, { mount: { isFailure }, breaker: { consecutiveFailures: 9 } })
    await guarded.ask(`${upstream.url}/500`)
    await settles(guarded.of(upstream.url), { total: 1, failed: 0 })
    await guarded.ask(`${upstream.url}/404`)
    await settles(guarded.of(upstream.url), { total: 2, failed: 1 })
    expect(isFailure.mock.lastCall).toMatchObject([{ type: 'response', statusCode: 404 }, { path: '/404' }])
    const { url } = await startSockets((socket) => socket.destroy())
    await expect(guarded.ask(url)).rejects.toThrow()
    expect(isFailure.mock.lastCall?.[0]).toMatchObject({ type: 'error', error: expect.any(Error) })
    await settles(guarded.of(url), { total: 0 })
  })

  test.each(['/head', '/error'])('an isFailure that throws at %s is told to the caller, and neutral', async (path) => {
    const upstream = await startOrigin(
      (request, response) => void (request.url === '/head' ? response.end('x') : response.destroy()),
    )
    const guarded = startGuarded(undici, {
      mount: {
        isFailure: () => {
          throw new Error('of mine')
        },
      },
    })
    await expect(guarded.ask(upstream.url + path)).rejects.toThrow('of mine')
    await settles(guarded.of(upstream.url), { total: 0, failed: 0 })
  })

  test('key names the breaker; undefined means none', async () => {
    const upstream = await failing()
    const key = ({ path }: { path: string }): string | undefined => path.split('/')[1] || undefined
    const guarded = startGuarded(undici, { breaker: openAtOnce, mount: { key } })
    await guarded.ask(`${upstream.url}/a/1`)
    await expect(guarded.ask(`${upstream.url}/a/2`)).rejects.toMatchObject({ breaker: 'a' })
    await guarded.ask(`${upstream.url}/b`)
    for (let i = 0; i < 3; i++) expect((await guarded.ask(upstream.url)).status).toBe(500)
    expect(guarded.registry.list().map(({ name }) => name)).toEqual(['a', 'b'])
  })

  test.each<[string, () => string]>([
    ['is no string', () => 7 as never],
    [
      'throws',
      () => {
        throw new TypeError('key must give')
      },
    ],
  ])('a key that %s: the caller is told', async (_, key) => {
    const { ask } = startGuarded(undici, { mount: { key } })
    await expect(ask('http://127.0.0.1:9')).rejects.toThrow(/^key must give/)
  })

  test('the origin is in normal form', async () => {
    const { dispatcher, registry } = startGuarded(undici, {
      agent: { connect: ((_: unknown, done: (error: Error) => void) => done(new Error('no'))) as never },
    })
    for (const origin of ['http://Shop.example:80', 'http://shop.example', new URL('http://shop.example/x')]) {
      dispatcher.dispatch({ origin, path: '/', method: 'GET' }, { onRequestStart: () => {}, onResponseError: () => {} })
    }
    expect(registry.list().map(({ name }) => name)).toEqual(['http://shop.example'])
  })

  test('a composed Pool has a breaker, be its requests without an origin', async () => {
    const upstream = await failing()
    const { circuitBreaker } = await import('breakwater/undici')
    const interceptor = circuitBreaker({ ...openAtOnce, clock: new HeldClock() })
    const [one, other] = [new undici.Pool(upstream.url), new undici.Pool((await failing()).url)]
    const [guarded, next] = [one.compose(interceptor), other.compose(interceptor)]
    const ask = (pool: typeof guarded) => pool.request({ path: '/', method: 'GET' }).then(({ body }) => body.dump())
    await ask(guarded)
    await expect(ask(guarded)).rejects.toThrow(CircuitOpenError)
    await ask(next)
    await Promise.all([one.destroy(), other.destroy()])
  })

  test('methods and origins say which requests go through a breaker', async () => {
    const upstream = await failing()
    const guarded = startGuarded(undici, { breaker: openAtOnce, mount: { methods: ['GET'], origins: [/127/] } })
    for (let i = 0; i < 2; i++) await guarded.ask(upstream.url, { method: 'POST' })
    await guarded.ask(upstream.url.replace('127.0.0.1', 'localhost')).catch(() => {})
    expect(guarded.registry.size).toBe(0)
    await guarded.ask(upstream.url)
    await expect(guarded.ask(upstream.url)).rejects.toThrow(CircuitOpenError)
  })
})
