import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { CacheOptions, Events } from 'breakwater'
import { memoryStore, ResponseCache } from 'breakwater'
import express, { type Request, type RequestHandler, type Response } from 'express'
import express4 from 'express4'
import helmet from 'helmet'
import morgan from 'morgan'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { HeldClock } from '../store/held-clock.ts'
import { fetchFrom } from './client.ts'
import { cacheOf, type Kind, listen, type Mounted, mounted, type Running, serve } from './subjects.ts'

type RefreshTold = Events['breakwater:cache:refresh']

const file = fileURLToPath(new URL('./fixture.txt', import.meta.url))
const told: RefreshTold[] = []
const onTold = (event: unknown): void => void told.push(event as RefreshTold)

let running: Running
let clock: HeldClock

beforeEach(() => {
  clock = new HeldClock()
  told.length = 0
  subscribe('breakwater:cache:refresh', onTold)
})
afterEach(async () => {
  unsubscribe('breakwater:cache:refresh', onTold)
  await running.close()
})

function stale(options: CacheOptions<never> = {}): Mounted {
  const cache = new ResponseCache({ store: memoryStore({ maxBytes: 512 * 1024 * 1024, clock }), clock })
  return mounted({ cache, ttl: 1_000, staleWhileRevalidate: 60_000, ...options })
}

const refreshed = (times = 1): Promise<void> => vi.waitFor(() => expect(told).toHaveLength(times))

/** Stores an answer, lets it grow stale, and asks again; resolves when the refresh has ended. */
async function staleOnce(url: string, headers: Record<string, string> = {}) {
  const first = await fetchFrom(url, headers)
  clock.pass(2_000)
  const second = await fetchFrom(url, headers)
  await refreshed()
  return { first, second, third: await fetchFrom(url, headers) }
}

describe.each<Kind>(['node', 'express 5', 'express 4'])('a refresh behind on %s', (kind) => {
  test('runs the handler again with the fields of key and Vary only', async () => {
    const seen: [string, string | undefined, string[]][] = []
    running = await serve(
      kind,
      (request, response) => {
        seen.push([request.method ?? '', request.url, request.rawHeaders])
        response.setHeader('Vary', 'Accept-Language')
        response.end(`run ${seen.length}`)
      },
      // Reading all fields as they came would be taken for reading the cookie.
      stale({ guard: { mode: 'off' } }),
    )
    const headers = {
      Cookie: 'user=ann',
      'Accept-Language': 'de',
      'If-None-Match': '"x"',
      Range: 'bytes=0-1',
      'X-Other': 'y',
    }
    const url = `${running.url}/a?b=1`
    await fetchFrom(url, { 'Accept-Language': 'de' })
    clock.pass(2_000)
    await fetchFrom(url, headers)
    await refreshed()
    expect((await fetchFrom(url, { 'Accept-Language': 'de' })).body).toBe('run 2')
    expect(seen).toHaveLength(2)
    const [method, target, lines] = seen[1] as (typeof seen)[0]
    expect([method, target]).toEqual(['GET', '/a?b=1'])
    const fields = Object.fromEntries(
      lines.map((line, i) => [line.toLowerCase(), lines[i + 1]]).filter((_, i) => i % 2 === 0),
    )
    expect(fields).toEqual({ 'accept-language': 'de', host: `127.0.0.1:${running.port}` })
  })

  test('answers everybody stale meanwhile and runs once', async () => {
    let runs = 0
    const gate = Promise.withResolvers<void>()
    running = await serve(
      kind,
      async (_request, response) => {
        const run = ++runs
        if (run > 1) await gate.promise
        response.end(`run ${run}`)
      },
      stale(),
    )
    await fetchFrom(running.url)
    clock.pass(2_000)
    const answers = await Promise.all(Array.from({ length: 50 }, () => fetchFrom(running.url)))
    expect(answers.every(({ body }) => body === 'run 1')).toBe(true)
    gate.resolve()
    await refreshed()
    expect(told).toMatchObject([{ ok: true, target: '/' }])
    expect((await fetchFrom(running.url)).body).toBe('run 2')
    expect(runs).toBe(2)
  })

  test.each([
    ['answers 500', (response: ServerResponse) => response.writeHead(500).end()],
    ['answers 404', (response: ServerResponse) => response.writeHead(404).end()],
    ['redirects', (response: ServerResponse) => response.writeHead(302, { Location: '/login' }).end()],
    ['says no-store', (response: ServerResponse) => response.setHeader('Cache-Control', 'no-store').end('x')],
    ['breaks off', (response: ServerResponse) => response.destroy()],
    [
      'breaks off in mid content',
      (response: ServerResponse) => {
        response.write('part')
        setTimeout(() => response.destroy(new Error('broken')), 5)
      },
    ],
    ['never answers', () => {}],
    ['answers forever', (response: ServerResponse) => void response.write('begun')],
  ])('that %s leaves the stale entry', async (_name, fail) => {
    let runs = 0
    const mount = stale({ refreshTimeout: 100 })
    running = await serve(
      kind,
      (_request, response) => {
        response.on('error', () => {})
        if (++runs === 2) fail(response)
        else response.end(`run ${runs}`)
      },
      mount,
    )
    const { first, second } = await staleOnce(running.url)
    expect([first.body, second.body]).toEqual(['run 1', 'run 1'])
    expect(told[0]).toMatchObject({ ok: false })
    await vi.waitFor(() => expect(mount.responses.inFlight.size).toBe(0))
    await vi.waitFor(async () => expect((await fetchFrom(running.url)).body).toMatch(/run [34]/))
  })

  test('does not run in the context of the request that caused it', async () => {
    const context = new AsyncLocalStorage<string>()
    const seen: unknown[] = []
    const mount = stale()
    const handler = (request: IncomingMessage, response: ServerResponse): void => {
      const note = (): void => void seen.push(context.getStore())
      note()
      request.on('end', note).on('close', note).resume()
      response.on('finish', note).on('close', note)
      setTimeout(() => {
        note()
        response.end('answer')
      }, 1)
    }
    const inner = await serve(kind, handler, mount)
    const [listener] = inner.server.listeners('request') as [(...args: unknown[]) => unknown]
    inner.server.removeAllListeners('request')
    inner.server.on('request', (...args) => void context.run(String(args[0].headers['x-who']), () => listener(...args)))
    running = inner
    await fetchFrom(running.url, { 'X-Who': 'first' })
    await sleep(20)
    seen.length = 0
    clock.pass(2_000)
    await fetchFrom(running.url, { 'X-Who': 'second' })
    await refreshed()
    await sleep(20)
    expect(seen).toEqual(Array(6).fill(undefined))
  })

  test('of 10 MB through a pipe is stored whole', { timeout: 60_000 }, async () => {
    const block = Buffer.alloc(100_000, 'x')
    running = await serve(
      kind,
      (_request, response) => {
        Readable.from(
          (function* () {
            for (let i = 0; i < 100; i++) yield block
          })(),
        ).pipe(response)
      },
      stale(),
    )
    const { third } = await staleOnce(running.url)
    expect(told).toMatchObject([{ ok: true }])
    expect(third.body.length).toBe(10_000_000)
  })
})

describe.each([
  ['Express 5', express],
  ['Express 4', express4],
] as const)('a refresh behind in %s', (_name, framework) => {
  const usual: RequestHandler[] = [
    morgan('combined', { stream: { write: () => {} } }) as RequestHandler,
    helmet() as RequestHandler,
    express.json(),
    express.urlencoded({ extended: false }),
  ]

  /** Where the cache is mounted. */
  const places: [string, (mount: Mounted, handler: RequestHandler) => RequestHandler][] = [
    [
      'at the root',
      (mount, handler) => {
        const app = framework()
        app.use(...usual, cacheOf(mount))
        app.get('/api/users/:id', handler)
        return app
      },
    ],
    [
      'on a route',
      (mount, handler) => {
        const app = framework()
        app.use(...usual)
        app.get('/api/users/:id', cacheOf(mount), handler)
        return app
      },
    ],
    [
      'in a router',
      (mount, handler) => {
        const app = framework()
        const router = framework.Router()
        router.use(cacheOf(mount))
        router.get('/users/:id', handler)
        app.use(...usual)
        app.use('/api', router)
        return app
      },
    ],
    [
      'in a sub-application',
      (mount, handler) => {
        const app = framework()
        const sub = framework()
        sub.use(cacheOf(mount))
        sub.get('/users/:id', handler)
        app.use(...usual)
        app.use('/api', sub)
        return app
      },
    ],
  ]

  test.each(places)('works with the mount %s', async (_place, build) => {
    let runs = 0
    const seen: unknown[] = []
    const handler = (request: Request, response: Response): void => {
      seen.push([
        request.params.id,
        request.query.q,
        request.baseUrl,
        request.originalUrl,
        request.protocol,
        request.hostname,
      ])
      void [request.ip, request.ips, request.secure, request.subdomains, request.xhr, request.fresh, request.body]
      response.json({ run: ++runs })
    }
    running = await listen(createServer(build(stale(), handler) as RequestListener))
    const { second, third } = await staleOnce(`${running.url}/api/users/7?q=1`)
    expect([second.body, third.body]).toEqual(['{"run":1}', '{"run":2}'])
    expect(told).toMatchObject([{ ok: true }])
    expect(seen[1]).toEqual(seen[0])
  })

  test('works with sendFile and the trust in proxies', async () => {
    const app = framework()
    app.set('trust proxy', true)
    app.use(cacheOf(stale()))
    const hosts: unknown[] = []
    app.get('/file', (request, response) => {
      hosts.push([request.protocol, request.hostname])
      response.sendFile(file, { cacheControl: false })
    })
    running = await listen(createServer(app))
    const proxied = { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'shop.test', 'X-Forwarded-For': '9.9.9.9' }
    const { first, third } = await staleOnce(`${running.url}/file`, proxied)
    expect(third.body).toBe(first.body)
    expect(told).toMatchObject([{ ok: true }])
    expect(hosts[1]).toEqual(['https', 'shop.test'])
  })

  test('that does not reach the mount fails, and leaves the stale entry', async () => {
    const app = framework()
    app.use((request, response, next) => (request.headers.via === undefined ? response.sendStatus(403) : next()))
    app.use(cacheOf(stale({ guard: { ignore: ['via'] } })))
    app.use((_request, response) => void response.end('for those with Via'))
    running = await listen(createServer(app))
    const { second, third } = await staleOnce(running.url, { Via: 'test' })
    expect([second.body, third.body]).toEqual(['for those with Via', 'for those with Via'])
    expect(told[0]).toMatchObject({ ok: false })
    expect(String(told[0]?.error)).toContain('did not reach')
  })

  test('whose handler throws leaves the stale entry', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    let runs = 0
    const app = framework()
    app.use(cacheOf(stale()))
    app.use((_request, response) => {
      if (++runs === 2) throw new Error('on purpose')
      response.end(`run ${runs}`)
    })
    running = await listen(createServer(app))
    const { second } = await staleOnce(running.url)
    expect(second.body).toBe('run 1')
    expect(told[0]).toMatchObject({ ok: false })
    vi.restoreAllMocks()
  })
})
