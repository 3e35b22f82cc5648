/** What lies outside the cache in Koa works on its answers as on a handler's, and is applied once. */
import { once } from 'node:events'
import { get } from 'node:http'
import { createRequire } from 'node:module'
import { Readable } from 'node:stream'
import { gunzipSync } from 'node:zlib'
import { type CacheOptions, memoryStore, ResponseCache } from 'breakwater'
import { cache } from 'breakwater/koa'
import type Application from 'koa'
import type { Context, Middleware } from 'koa'
import { afterEach, describe, expect, test } from 'vitest'
import { ManualClock } from '../support/engine.ts'
import { type Got, isHit } from './subject.ts'
import { type KoaRelease, newKoa } from './subjects/koa.ts'
import { ask, type Listening, listen } from './wire.ts'

const require = createRequire(import.meta.url)
const session = (require('koa-session') as { default?: unknown }).default ?? require('koa-session')
const compress = (require('koa-compress') as { default?: unknown }).default ?? require('koa-compress')

interface Started {
  readonly app: Application
  readonly clock: ManualClock
  readonly responses: ResponseCache
  readonly port: number
  readonly errors: unknown[]
  request(path?: string, headers?: Record<string, string>, method?: string): Promise<Got>
}

const running: Listening[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map(({ close }) => close()))
})

type Outside = (app: Application) => void

describe.each(['koa', 'koa2'] as KoaRelease[])('%s', (release) => {
  const start = async (
    outside: Outside,
    handler: Middleware,
    options: CacheOptions<Context> = { ttl: 60_000 },
  ): Promise<Started> => {
    const clock = new ManualClock()
    const responses = new ResponseCache({ clock, store: memoryStore({ clock }) })
    const app = newKoa(release)
    app.keys = ['secret']
    const errors: unknown[] = []
    app.on('error', (error) => errors.push(error))
    outside(app)
    app.use(cache({ cache: responses, ...options }))
    app.use(handler)
    const listening = await listen(app.callback())
    running.push(listening)
    const { port } = listening
    return {
      app,
      clock,
      responses,
      port,
      errors,
      request: (path = '/', headers = {}, method = 'GET') => ask(port, path, { headers, method }),
    }
  }

  const layer =
    (middleware: Middleware): Outside =>
    (app) =>
      void app.use(middleware)
  const nothing = layer((_ctx, next) => next())

  test.each([
    ['set as body', (ctx: Context) => (ctx.body = 'inner')],
    ['set as a Buffer', (ctx: Context) => (ctx.body = Buffer.from('inner'))],
  ])('a layout outside is applied once, to what was %s', async (_how, handler) => {
    const { request } = await start(
      layer(async (ctx, next) => {
        await next()
        ctx.body = `<main>${ctx.body}</main>`
      }),
      handler as never,
    )
    const miss = await request()
    const hit = await request()
    expect(miss.body).toBe('<main>inner</main>')
    expect(hit.body).toBe('<main>inner</main>')
    expect(isHit(hit)).toBe(true)
  })

  test('a layout outside is not applied to what the handler wrote itself', async () => {
    const { request } = await start(
      layer(async (ctx, next) => {
        await next()
        if (ctx.respond !== false) ctx.body = `<main>${ctx.body}</main>`
      }),
      (ctx) => {
        ctx.respond = false
        ctx.res.statusCode = 200
        ctx.res.end('written')
      },
    )
    expect((await request()).body).toBe('written')
    const hit = await request()
    expect(hit.body).toBe('written')
    expect(isHit(hit)).toBe(true)
  })

  test('a page outside for what nobody answered is made each time', async () => {
    const { request } = await start(
      layer(async (ctx, next) => {
        await next()
        if (ctx.status === 404 && ctx.body === undefined) ctx.body = 'a page of our own'
      }),
      () => {},
    )
    expect(await request()).toMatchObject({ body: 'a page of our own' })
    expect(await request()).toMatchObject({ body: 'a page of our own' })
  })

  test('fields set outside before stay and win, those set after are set on hits too', async () => {
    let times = 0
    const { request } = await start(
      layer(async (ctx, next) => {
        ctx.set('X-Request', String(++times))
        ctx.set('X-Both', 'outside')
        ctx.set('Vary', 'Origin')
        await next()
        ctx.set('X-After', String(times))
      }),
      (ctx) => {
        ctx.set('X-Both', 'inside')
        ctx.vary('Accept')
        ctx.set('X-Inside', '1')
        ctx.body = 'x'
      },
    )
    expect((await request()).headers).toMatchObject({ 'x-request': '1', 'x-both': 'inside', 'x-after': '1' })
    const hit = await request()
    expect(hit.headers).toMatchObject({
      'x-request': '2',
      'x-both': 'outside',
      'x-after': '2',
      'x-inside': '1',
      vary: 'Origin, Accept',
    })
    expect(isHit(hit)).toBe(true)
  })

  test('koa-compress outside compresses hits for those who take it', async () => {
    const text = 'compressible '.repeat(500)
    const { request, port } = await start(layer(compress({ threshold: 0, br: false })), (ctx) => {
      ctx.type = 'text/plain'
      ctx.body = Readable.from([text])
    })
    await request('/', { 'accept-encoding': 'gzip' })
    const plain = await request()
    expect(plain.body).toBe(text)
    expect(isHit(plain)).toBe(true)
    const packed = await new Promise<Buffer>((resolve, reject) => {
      get(
        { port, host: '127.0.0.1', headers: { host: 'example.test', 'accept-encoding': 'gzip' } },
        async (response) => {
          expect(response.headers['content-encoding']).toBe('gzip')
          resolve(Buffer.concat(await response.toArray()))
        },
      ).once('error', reject)
    })
    expect(gunzipSync(packed).toString()).toBe(text)
  })

  const conditional: Middleware = async (ctx, next) => {
    await next()
    if (ctx.fresh) {
      ctx.status = 304
      ctx.body = null
    }
  }

  test('conditional requests answered outside: only those who ask get a 304, also while it is validated', async () => {
    const { request, clock } = await start(layer(conditional), (ctx) => {
      ctx.set('Cache-Control', 'max-age=10')
      ctx.etag = 'a'
      if (ctx.get('if-none-match') === '"a"') ctx.status = 304
      else ctx.body = 'the body'
    })
    expect(await request()).toMatchObject({ status: 200, body: 'the body' })
    clock.pass(20)
    expect(await request()).toMatchObject({ status: 200, body: 'the body' })
    expect(await request('/', { 'if-none-match': '"a"' })).toMatchObject({ status: 304, body: '' })
    expect(await request('/', { 'if-none-match': '"b"' })).toMatchObject({ status: 200, body: 'the body' })
  })

  test('conditional requests answered inside: the 304 freshens what is stored', async () => {
    let calls = 0
    const responses = await start(
      (app) => nothing(app),
      async (ctx) => {
        await conditional(ctx as never, async () => {
          calls++
          ctx.set('Cache-Control', 'max-age=10')
          ctx.etag = 'a'
          ctx.body = 'the body'
        })
      },
    )
    await responses.request()
    responses.clock.pass(20)
    expect(await responses.request()).toMatchObject({ status: 200, body: 'the body' })
    expect(responses.responses.stats().freshened).toBe(1)
    expect(isHit(await responses.request())).toBe(true)
    expect(calls).toBe(2)
  })

  test('koa-session outside: its cookie comes with hits, and an answer that does not read it is shared', async () => {
    let visits = 0
    const { request } = await start(
      (app) => {
        app.use(session({ signed: false }, app))
        app.use(async (ctx, next) => {
          await next()
          ;(ctx.session as unknown as { visit: number }).visit = ++visits
        })
      },
      (ctx) => {
        ctx.body = 'for everybody'
      },
    )
    const first = await request()
    expect(first.headers['set-cookie']).toContain('koa.sess=')
    const cookie = (first.headers['set-cookie'] ?? '').split(';')[0] ?? ''
    const hit = await request('/', { cookie })
    expect(isHit(hit)).toBe(true)
    expect(hit.headers['set-cookie']).toContain('koa.sess=')
  })

  test('koa-session outside: an answer that reads it is its own client’s', async () => {
    const { request } = await start(
      (app) => void app.use(session({ signed: false }, app)),
      (ctx) => {
        const own = ctx.session as unknown as { who?: string }
        ctx.body = `hello ${own.who}`
        if (ctx.query.who !== undefined) own.who = String(ctx.query.who)
      },
    )
    const login = await request('/?who=ann')
    const cookie = (login.headers['set-cookie'] ?? '').split(';')[0] ?? ''
    expect((await request('/', { cookie })).body).toBe('hello ann')
    expect((await request('/')).body).toBe('hello undefined')
  })

  test('a session is not opened by the cache', async () => {
    let opened = 0
    const { request } = await start(
      (app) =>
        void Object.defineProperty(app.context, 'session', {
          configurable: true,
          get: () => {
            opened++
            return {}
          },
        }),
      (ctx) => {
        ctx.body = 'x'
      },
    )
    await request()
    expect(isHit(await request())).toBe(true)
    expect(opened).toBe(0)
  })

  const persons: [string, (ctx: Context, value: unknown) => void, (ctx: Context) => unknown][] = [
    ['ctx.state.user', (ctx, value) => (ctx.state.user = value), (ctx) => ctx.state.user],
    ['ctx.state.session', (ctx, value) => (ctx.state.session = value), (ctx) => ctx.state.session],
    ['ctx.user', (ctx, value) => (ctx.user = value), (ctx) => ctx.user],
    ['ctx.session', (ctx, value) => (ctx.session = value), (ctx) => ctx.session],
    ['ctx.auth', (ctx, value) => (ctx.auth = value), (ctx) => ctx.auth],
    [
      'ctx.req.user',
      (ctx, value) => Object.assign(ctx.req, { user: value }),
      (ctx) => (ctx.req as never as { user: unknown }).user,
    ],
  ]
  test.each(persons)('%s that is read makes the answer unshared', async (_name, put, read) => {
    let who = 0
    const { request } = await start(
      layer((ctx, next) => {
        put(ctx, `person ${++who}`)
        return next()
      }),
      (ctx) => {
        ctx.body = `for ${ctx.path === '/read' ? read(ctx) : 'all'}`
      },
    )
    expect((await request('/read')).body).toBe('for person 1')
    expect((await request('/read')).body).toBe('for person 2')
    await request('/')
    expect(isHit(await request('/'))).toBe(true)
  })

  test('what is read outside, before and after, selects nothing', async () => {
    const { request, responses } = await start(
      layer(async (ctx, next) => {
        ctx.accepts('html', 'json')
        ctx.get('x-before')
        await next()
        ctx.cookies.get('who')
        ctx.get('x-after')
        ctx.acceptsEncodings('gzip')
      }),
      (ctx) => {
        ctx.body = ctx.path === '/stream' ? Readable.from(['x']) : 'x'
      },
    )
    for (const path of ['/', '/stream']) {
      await request(path, { cookie: 'who=ann', 'x-before': '1', 'x-after': '1' })
      expect(isHit(await request(path, { cookie: 'who=bob', accept: 'application/json' }))).toBe(true)
      const [inspection] = await responses.inspect({ url: `http://example.test${path}` })
      expect(inspection).toMatchObject({ stored: true, vary: [] })
    }
  })

  test('content negotiated by means that a layer outside has used already still selects', async () => {
    const { request } = await start(
      layer((ctx, next) => {
        ctx.accepts('html')
        return next()
      }),
      (ctx) => {
        ctx.body = ctx.accepts('html', 'json') === 'json' ? { a: 1 } : '<p>1</p>'
      },
    )
    expect((await request()).body).toBe('<p>1</p>')
    expect((await request('/', { accept: 'application/json' })).body).toBe('{"a":1}')
    expect((await request()).body).toBe('<p>1</p>')
  })

  test('what a streamed body reads while it is made counts', async () => {
    const { request } = await start(nothing, (ctx) => {
      ctx.body = Readable.from(
        (async function* () {
          yield 'for '
          yield ctx.get('x-shop') || 'nobody'
        })(),
      )
    })
    expect((await request('/', { 'x-shop': 'evil' })).body).toBe('for evil')
    expect((await request()).body).toBe('for nobody')
  })

  test.each(['host', 'hostname', 'href', 'protocol', 'secure', 'URL', 'ip', 'ips', 'subdomains'])(
    'ctx.%s selects nothing beyond the key',
    async (name) => {
      const { request, responses } = await start(nothing, (ctx) => {
        ctx.body = String((ctx.request as never as Record<string, unknown>)[name])
      })
      await request()
      const [inspection] = await responses.inspect({ url: 'http://example.test/' })
      expect(inspection).toMatchObject({ stored: true, vary: [] })
    },
  )

  test('Origin selects', async () => {
    const { request } = await start(nothing, (ctx) => {
      ctx.body = `from ${ctx.headers.origin}`
    })
    await request('/', { origin: 'http://evil.test' })
    expect((await request()).body).toBe('from undefined')
  })

  test('a stream that waits for a slow layer outside loses nothing', async () => {
    const { request } = await start(
      layer(async (_ctx, next) => {
        await next()
        await new Promise((resolve) => setTimeout(resolve, 20))
      }),
      (ctx) => {
        ctx.body = Readable.from(['one ', 'two ', 'three'])
      },
    )
    expect((await request()).body).toBe('one two three')
    const hit = await request()
    expect(hit.body).toBe('one two three')
    expect(isHit(hit)).toBe(true)
  })

  test('a layer outside that puts another body in place of a stream ends the recording', async () => {
    let replaces = true
    const { request } = await start(
      layer(async (ctx, next) => {
        await next()
        if (replaces) ctx.body = 'something else'
      }),
      (ctx) => {
        ctx.body = Readable.from(['the stream'])
      },
    )
    expect((await request()).body).toBe('something else')
    replaces = false
    expect((await request()).body).toBe('the stream')
  })

  test('bodies are named for layers that remember encodings of them', async () => {
    const identities: unknown[] = []
    const { request } = await start(
      layer(async (ctx, next) => {
        await next()
        identities.push((ctx.res as never as Record<symbol, unknown>)[Symbol.for('breakwater.bodyIdentity')])
      }),
      (ctx) => {
        ctx.body = 'x'
      },
    )
    await request()
    await request()
    await request()
    expect(identities[0]).toBeUndefined()
    expect(identities[1]).toBeTypeOf('string')
    expect(identities[2]).toBe(identities[1])
  })

  describe.each(['first', 'second'])('as the %s middleware', (position) => {
    const outside: Outside = position === 'first' ? () => {} : nothing

    const failing = async (fail: (ctx: Context) => void, directives = 'max-age=10') => {
      const state = { fails: false }
      const started = await start(outside, (ctx) => {
        if (state.fails) fail(ctx)
        ctx.set('Cache-Control', directives)
        ctx.body = 'the body'
      })
      await started.request()
      state.fails = true
      started.clock.pass(30)
      return started
    }

    test('an error is told to the application where a stale answer stands in for it', async () => {
      const { request, errors } = await failing((ctx) => {
        ctx.set('X-Half', 'done')
        throw new Error('lost')
      })
      const got = await request()
      expect(got).toMatchObject({ status: 200, body: 'the body' })
      expect(got.headers).not.toHaveProperty('x-half')
      expect(errors).toEqual([new Error('lost')])
    })

    test.each([404, 401, 410])('ctx.throw(%i) is an answer, not a loss', async (status) => {
      const { request } = await failing((ctx) => ctx.throw(status), 'max-age=10, stale-if-error=60')
      expect(await request()).toMatchObject({ status })
    })

    test('ctx.throw(503) is replaced where stale-if-error allows it, and not else', async () => {
      const allowed = await failing((ctx) => ctx.throw(503), 'max-age=10, stale-if-error=60')
      expect(await allowed.request()).toMatchObject({ status: 200, body: 'the body' })
      const silent = await failing((ctx) => ctx.throw(503))
      expect(await silent.request()).toMatchObject({ status: 503 })
    })

    test('100 requests for what throws do not wait for each other in a row', async () => {
      const { request } = await start(outside, async () => {
        await new Promise((resolve) => setTimeout(resolve, 20))
        throw Object.assign(new Error('no'), { status: 404 })
      })
      const began = performance.now()
      const got = await Promise.all(Array.from({ length: 100 }, () => request()))
      expect(new Set(got.map(({ status }) => status))).toEqual(new Set([404]))
      expect(performance.now() - began).toBeLessThan(1500)
    })

    test('a client that leaves before the body ends leaves nothing stored', async () => {
      let calls = 0
      const { port, request } = await start(outside, (ctx) => {
        calls++
        ctx.body = Readable.from(
          (async function* () {
            yield 'half '
            await new Promise((resolve) => setTimeout(resolve, calls === 1 ? 1000 : 1))
            yield 'whole'
          })(),
        )
      })
      const leaving = get({ port, host: '127.0.0.1', headers: { host: 'example.test' } })
      const [response] = await once(leaving, 'response')
      await once(response, 'data')
      leaving.destroy()
      const got = await request()
      expect(got).toMatchObject({ body: 'half whole' })
      expect(isHit(got)).toBe(false)
    })

    test('a body is pulled at the client’s speed, not at the cache’s', async () => {
      let produced = 0
      const { port } = await start(outside, (ctx) => {
        ctx.body = new Readable({
          read() {
            this.push(produced < 400 ? Buffer.alloc(64 * 1024) : null)
            produced++
          },
        })
      })
      const slow = get({ port, host: '127.0.0.1', headers: { host: 'example.test' } })
      const [response] = await once(slow, 'response')
      response.pause()
      await new Promise((resolve) => setTimeout(resolve, 200))
      expect(produced).toBeLessThan(400)
      slow.destroy()
    })

    test('warm runs the application', async () => {
      const { request, responses } = await start(outside, (ctx) => {
        ctx.body = `at ${ctx.path} of ${ctx.host}`
      })
      await request('/first')
      const report = await responses.warm(['http://example.test/warm'])
      expect(report).toEqual({ stored: 1, refused: 0, failed: 0 })
      const hit = await request('/warm')
      expect(hit.body).toBe('at /warm of example.test')
      expect(isHit(hit)).toBe(true)
    })
  })
})
