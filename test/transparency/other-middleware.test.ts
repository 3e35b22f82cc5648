import { createHmac } from 'node:crypto'
import { createServer } from 'node:http'
import { gunzipSync } from 'node:zlib'
import compression from 'compression'
import cookieParser from 'cookie-parser'
import cors from 'cors'
import express, { type Request, type RequestHandler, type Response } from 'express'
import session from 'express-session'
import express4 from 'express4'
import helmet from 'helmet'
import morgan from 'morgan'
import onHeaders from 'on-headers'
import onHeadersOld from 'on-headers1.0'
import { pinoHttp } from 'pino-http'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { fetchFrom, isHit, linesWithout, type Received } from './client.ts'
import { cacheOf, listen, type Mounted, mounted, type Running } from './subjects.ts'

const frameworks = [
  ['Express 5', express],
  ['Express 4', express4],
] as const

describe.each(frameworks)('on %s', (_name, framework) => {
  let running: Running | undefined
  afterEach(async () => {
    await running?.close()
    running = undefined
    page.mockClear()
  })

  /** Starts an app; with `mount` undefined the same app without the cache. */
  async function start(
    outside: RequestHandler[],
    inside: RequestHandler[],
    mount: Mounted | undefined,
  ): Promise<string> {
    const app = framework()
    app.set('env', 'production')
    // No field is set before the handler, so that what `writeHead` is given is all there is.
    app.disable('x-powered-by')
    for (const layer of [...outside, ...(mount === undefined ? [] : [cacheOf(mount)]), ...inside]) app.use(layer)
    running = await listen(createServer(app))
    return running.url
  }

  const page = vi.fn((_request: Request, response: Response) => {
    response.set('Cache-Control', 'public, max-age=60').type('text/plain').send('page '.repeat(1000))
  })

  /** What differs from answer to answer by itself. */
  const changing = ['date', 'age', 'cache-status', 'x-response-time', 'x-request-id', 'set-cookie', 'expires']

  async function withoutAndWith(
    outside: () => RequestHandler[],
    inside: () => RequestHandler[],
    headers: Record<string, string> = {},
  ): Promise<{ bare: Received; first: Received; second: Received }> {
    const bare = await fetchFrom(`${await start(outside(), inside(), undefined)}/`, headers)
    await running?.close()
    const url = await start(outside(), inside(), mounted())
    return { bare, first: await fetchFrom(`${url}/`, headers), second: await fetchFrom(`${url}/`, headers) }
  }

  const silent = { write: () => true } as never
  const layers: [string, () => RequestHandler][] = [
    ['morgan', () => morgan('combined', { stream: silent })],
    ['cors', () => cors({ origin: 'https://page.test' })],
    ['helmet', () => helmet()],
    ['compression', () => compression() as RequestHandler],
    ['cookie-parser', () => cookieParser()],
    ['pino-http', () => pinoHttp({}, silent) as RequestHandler],
    ['a listener for heads', () => headsWith(onHeaders)],
    ['a listener for heads of old', () => headsWith(onHeadersOld)],
    ['express.json', () => express.json()],
  ]

  test.each(layers)('%s outside the cache acts on hits as on misses', async (_layer, make) => {
    const { bare, first, second } = await withoutAndWith(
      () => [make()],
      () => [page],
      { 'Accept-Encoding': 'gzip' },
    )
    expect(linesWithout(first.lines, changing)).toEqual(linesWithout(bare.lines, changing))
    expect(isHit(second)).toBe(true)
    const framing = [...changing, 'transfer-encoding', 'content-length', 'connection']
    expect(linesWithout(second.lines, framing)).toEqual(linesWithout(bare.lines, framing))
    expect(content(first)).toBe(content(bare))
    expect(content(second)).toBe(content(bare))
  })

  test.each(layers)('%s inside the cache changes nothing of the first answer', async (layer, make) => {
    const { bare, first, second } = await withoutAndWith(
      () => [],
      () => [make(), page],
      { 'Accept-Encoding': 'gzip' },
    )
    expect(linesWithout(first.lines, changing)).toEqual(linesWithout(bare.lines, changing))
    expect(content(first)).toBe(content(bare))
    expect(content(second)).toBe(content(bare))
    expect(isHit(second), `${layer}: ${second.headers['cache-status']}`).toBe(true)
  })

  test('all of them outside, with writeHead in every form', async () => {
    const forms: RequestHandler[] = [
      (_request, response) => response.writeHead(200, { 'Cache-Control': 'max-age=60', 'X-A': '1' }).end('object'),
      (_request, response) => response.writeHead(200, 'OK', { 'Cache-Control': 'max-age=60' }).end('reason'),
      (_request, response) => response.setHeader('Cache-Control', 'max-age=60').end('set'),
      (_request, response) => response.setHeader('Cache-Control', 'max-age=60').writeHead(200).end('both'),
      (_request, response) => void Object.assign(response, { statusCode: 404 }).writeHead(404).end('none'),
    ]
    for (const form of forms) {
      const { bare, first, second } = await withoutAndWith(
        () => layers.map(([, make]) => make()),
        () => [form],
      )
      expect(linesWithout(first.lines, changing)).toEqual(linesWithout(bare.lines, changing))
      expect([first.body, second.body]).toEqual([bare.body, bare.body])
      expect([first.status, second.status]).toEqual([bare.status, bare.status])
    }
  })

  test.each([
    ['object', (response: Response) => response.writeHead(200, { 'X-A': '1' })],
    ['reason and object', (response: Response) => response.writeHead(200, 'OK', { 'X-A': '1' })],
    ['array of pairs', (response: Response) => response.writeHead(200, [['X-A', '1']] as never)],
  ])('a listener for heads of old outside sees the fields of writeHead in the form of %s', async (_form, answer) => {
    const handler: RequestHandler = (_request, response) => void answer(response).end('content')
    const url = await start([headsWith(onHeadersOld)], [handler], mounted())
    const { status, headers } = await fetchFrom(url)
    expect([status, headers['x-a'], headers['x-late']]).toEqual([200, '1', 'set with the head'])
    expect(headers['cache-status']).toMatch(/^Breakwater; fwd=uri-miss/)
  })

  test('an error page after a head that threw names the cache once', async () => {
    const handler: RequestHandler = (_request, response) => {
      try {
        response.writeHead(200, 'bad\nreason')
      } catch {
        response.statusMessage = ''
        response.writeHead(500).end('error page')
      }
    }
    const url = await start([], [handler], mounted({ ttl: 60_000 }))
    expect(await fetchFrom(url)).toMatchObject({
      status: 500,
      headers: { 'cache-status': expect.not.stringContaining(',') },
    })
  })

  test('compression outside leaves small content alone, with the cache as without', async () => {
    const small: RequestHandler = (_request, response) => {
      response.setHeader('Content-Type', 'text/plain')
      response.setHeader('Cache-Control', 'max-age=60')
      response.end('small')
    }
    const made = () => [compression() as RequestHandler]
    const { bare, first, second } = await withoutAndWith(made, () => [small], { 'Accept-Encoding': 'gzip' })
    expect(bare.headers['content-encoding']).toBeUndefined()
    expect(first.headers['content-encoding']).toBeUndefined()
    expect(second.headers['content-encoding']).toBeUndefined()
    expect([first.body, second.body]).toEqual(['small', 'small'])
  })

  test('compression inside stores what it made, for each Accept-Encoding', async () => {
    const url = await start([], [compression() as RequestHandler, page], mounted())
    const zipped = await fetchFrom(url, { 'Accept-Encoding': 'gzip' })
    const plain = await fetchFrom(url)
    const [zippedHit, plainHit] = [await fetchFrom(url, { 'Accept-Encoding': 'gzip' }), await fetchFrom(url)]
    expect([zippedHit, plainHit].map(isHit)).toEqual([true, true])
    expect(zippedHit.body).toBe(zipped.body)
    expect(plainHit.body).toBe(plain.body)
    expect(content(zippedHit)).toBe(plain.body)
    expect(page).toHaveBeenCalledTimes(2)
  })

  describe('a session', () => {
    const secret = () => session({ secret: 'secret', resave: false, saveUninitialized: true })

    test('whose cookie is set inside, when the head is written, makes the answer unstored', async () => {
      const mount = mounted()
      const url = await start([], [secret(), page], mount)
      const cookies = [await fetchFrom(url), await fetchFrom(url)].map(({ headers }) => headers['set-cookie']?.[0])
      expect(cookies[0]).toMatch(/^connect\.sid=/)
      expect(cookies[1]).toMatch(/^connect\.sid=/)
      expect(cookies[1]).not.toBe(cookies[0])
      expect(mount.responses.stats()).toMatchObject({ stored: 0, hits: 0 })
    })

    test('outside stays of each request', async () => {
      const mount = mounted()
      const url = await start([secret()], [page], mount)
      const answers = [await fetchFrom(url), await fetchFrom(url), await fetchFrom(url)]
      const cookies = answers.map(({ headers }) => headers['set-cookie']?.[0])
      expect(new Set(cookies).size).toBe(3)
      expect(answers.map(isHit)).toEqual([false, true, true])
    })

    test('outside that the handler reads makes the answer unstored', async () => {
      const mount = mounted()
      const reads: RequestHandler = (request, response) => {
        response.set('Cache-Control', 'public, max-age=60').send(`session ${request.session.id}`)
      }
      const url = await start([secret()], [reads], mount)
      const bodies = [await fetchFrom(url), await fetchFrom(url)].map(({ body }) => body)
      expect(bodies[0]).not.toBe(bodies[1])
      expect(mount.responses.stats().stored).toBe(0)
    })
  })

  test.each([
    ['1.1', onHeaders],
    ['1.0', onHeadersOld],
  ])('a cookie set by on-headers %s inside makes the answer unstored', async (_version, listen) => {
    const mount = mounted()
    const lazy: RequestHandler = (_request, response, next) => {
      listen(response, () => void response.setHeader('Set-Cookie', 'mine=1'))
      next()
    }
    const url = await start([], [lazy, page], mount)
    for (let i = 0; i < 2; i++) expect((await fetchFrom(url)).headers['set-cookie']).toEqual(['mine=1'])
    expect(mount.responses.stats().stored).toBe(0)
  })

  test('a cookie read when the head is written, inside, makes the answer unstored', async () => {
    const lazy: RequestHandler = (request, response, next) => {
      onHeaders(response, () => void response.setHeader('X-User', request.headers.cookie ?? 'nobody'))
      next()
    }
    const bare: RequestHandler = (_request, response) => {
      response.setHeader('Cache-Control', 'public, max-age=60')
      response.end('for somebody')
    }
    const url = await start([], [lazy, bare], mounted())
    for (const user of ['ann', 'bob']) {
      expect((await fetchFrom(url, { Cookie: user })).headers['x-user']).toBe(user)
    }
  })

  test('a cookie appended to those that were set outside makes the answer unstored', async () => {
    const mount = mounted()
    const outer: RequestHandler = (_request, response, next) => {
      response.setHeader('Set-Cookie', ['outer=1'])
      next()
    }
    const inner: RequestHandler = (_request, response, next) => {
      response.appendHeader('Set-Cookie', 'secret=2')
      next()
    }
    const url = await start([outer], [inner, page], mount)
    for (let i = 0; i < 2; i++) expect((await fetchFrom(url)).headers['set-cookie']).toEqual(['outer=1', 'secret=2'])
    expect(mount.responses.stats().stored).toBe(0)
  })

  describe('cookie-parser inside', () => {
    const mine: RequestHandler = (request, response) => {
      response.set('Cache-Control', 'public, max-age=60').send(`user ${request.cookies.user ?? 'nobody'}`)
    }

    test('shares an answer that reads no cookie, with clients that bring one', async () => {
      const url = await start([], [cookieParser(), page], mounted())
      const answers = [
        await fetchFrom(url, { Cookie: 'user=ann' }),
        await fetchFrom(url, { Cookie: 'user=bob' }),
        await fetchFrom(url),
      ]
      expect(answers.map(isHit)).toEqual([false, true, true])
    })

    test('shares no answer that reads a cookie', async () => {
      const url = await start([], [cookieParser(), mine], mounted())
      const bodies: string[] = []
      for (const user of ['ann', 'bob', 'ann']) bodies.push((await fetchFrom(url, { Cookie: `user=${user}` })).body)
      expect(bodies).toEqual(['user ann', 'user bob', 'user ann'])
    })

    test('shares no answer that reads a signed cookie', async () => {
      const signedIn: RequestHandler = (request, response) => {
        response.set('Cache-Control', 'public, max-age=60').send(`user ${request.signedCookies.user ?? 'nobody'}`)
      }
      const url = await start([], [cookieParser('secret'), signedIn], mounted())
      const bodies: string[] = []
      for (const user of ['ann', 'bob', 'ann']) {
        bodies.push((await fetchFrom(url, { Cookie: `user=${signed(user, 'secret')}` })).body)
      }
      expect(bodies).toEqual(['user ann', 'user bob', 'user ann'])
    })

    test('with a secret shares an answer that reads no cookie', async () => {
      const url = await start([], [cookieParser('secret'), page], mounted())
      const answers = [await fetchFrom(url, { Cookie: 'user=ann' }), await fetchFrom(url, { Cookie: 'user=bob' })]
      expect(answers.map(isHit)).toEqual([false, true])
    })

    test.each(['before', 'behind'])('shares no answer made from the Cookie field %s it', async (place) => {
      const own: RequestHandler = (request, _response, next) => {
        Object.assign(request, { visitor: request.headers.cookie })
        next()
      }
      const visitors: RequestHandler = (request, response) => {
        response.set('Cache-Control', 'public, max-age=60').send(String(Reflect.get(request, 'visitor')))
      }
      const parser = cookieParser()
      const url = await start([], [...(place === 'before' ? [own, parser] : [parser, own]), visitors], mounted())
      const bodies: string[] = []
      for (const user of ['ann', 'bob', 'ann']) bodies.push((await fetchFrom(url, { Cookie: user })).body)
      expect(bodies).toEqual(['ann', 'bob', 'ann'])
    })

    test('shares no answer that reads a cookie, outside either', async () => {
      const url = await start([cookieParser()], [mine], mounted())
      const bodies: string[] = []
      for (const user of ['ann', 'bob', 'ann']) bodies.push((await fetchFrom(url, { Cookie: `user=${user}` })).body)
      expect(bodies).toEqual(['user ann', 'user bob', 'user ann'])
    })
  })
})

/** A cookie's value as `cookie-parser` takes it for signed. */
function signed(value: string, secret: string): string {
  const signature = createHmac('sha256', secret).update(value).digest('base64').replace(/=+$/, '')
  return encodeURIComponent(`s:${value}.${signature}`)
}

/** Adds a field when the head is written. */
function headsWith(listen: typeof onHeaders): RequestHandler {
  return (_request, response, next) => {
    listen(response, function (this: Response) {
      this.setHeader('X-Late', 'set with the head')
    })
    next()
  }
}

function content({ headers, body }: Received): string {
  const bytes = Buffer.from(body, 'latin1')
  return (headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).toString('latin1')
}
