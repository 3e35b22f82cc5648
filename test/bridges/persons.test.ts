/** What earlier middleware says of a person only where there is one: pages made for nobody are for nobody. */
import type { IncomingMessage } from 'node:http'
import { type CacheOptions, memoryStore, ResponseCache } from 'breakwater'
import { cache as expressCache } from 'breakwater/express'
import { cache as koaCache } from 'breakwater/koa'
import { shield } from 'breakwater/node'
import type { Context } from 'koa'
import { afterEach, describe, expect, test } from 'vitest'
import { farStore } from '../support/engine.ts'
import { frameworkOf, releases } from './stacks.ts'
import { type Got, isHit, statusOf } from './subject.ts'
import { type KoaRelease, newKoa } from './subjects/koa.ts'
import { ask, type Listener, type Listening, listen } from './wire.ts'

// biome-ignore lint/suspicious/noExplicitAny: each bridge has a request type of its own
type Options = CacheOptions<any>
/** Makes a page from who is there. */
type Page = (read: () => unknown) => string | Promise<string>
type Make = (options: Options, page: Page) => Listener
type Case = readonly [name: string, make: Make]

/** Who has logged in, as an authentication outside the cache finds out. */
const login = (request: IncomingMessage): string | undefined => request.headers['x-login'] as string | undefined

const put = (holder: unknown, name: string, who: string | undefined): void => {
  if (who !== undefined) (holder as Record<string, unknown>)[name] = who
}
const get = (holder: unknown, name: string): unknown => (holder as Record<string, unknown>)[name]

const NAMES = ['user', 'session', 'auth', 'cookies'] as const

const express = releases.flatMap((release): Case[] => {
  const make =
    (name: string, isLocal: boolean): Make =>
    (options, page) => {
      const app = frameworkOf(release)()
      app.use((request, response, next) => {
        put(isLocal ? response.locals : request, name, login(request))
        next()
      })
      app.use(expressCache(options))
      app.get('/', async (request, response) => {
        response.send(await page(() => get(isLocal ? response.locals : request, name)))
      })
      return app
    }
  const rendered: Make = (options, page) => {
    const app = frameworkOf(release)()
    // The engine's part, without a file.
    app.set(
      'view',
      class {
        path = 'page'
        render(given: object, done: (error: unknown, text: string) => void): void {
          void Promise.resolve(page(() => get(given, 'user'))).then((text) => done(null, text))
        }
      },
    )
    app.use((request, response, next) => {
      put(response.locals, 'user', login(request))
      next()
    })
    app.use(expressCache(options))
    app.get('/', (_request, response) => response.render('page'))
    return app
  }
  return [
    ...NAMES.map((name): Case => [`${release}, request.${name}`, make(name, false)]),
    [`${release}, response.locals.user`, make('user', true)],
    [`${release}, response.locals.user in a template`, rendered],
  ]
})

const shielded: Case = [
  'shield',
  (options, page) => {
    const inner = shield(async (request, response) => void response.end(await page(() => get(request, 'user'))), {
      cache: options,
    })
    return (request, response) => {
      put(request, 'user', login(request))
      return inner(request, response)
    }
  },
]

const koa = (['koa', 'koa2'] as KoaRelease[]).flatMap((release): Case[] => {
  const holders: [string, (ctx: Context) => unknown, string][] = [
    ['ctx.state.user', (ctx) => ctx.state, 'user'],
    ['ctx.session', (ctx) => ctx, 'session'],
    ['ctx.user', (ctx) => ctx, 'user'],
    ['a copy of ctx.state', (ctx) => ctx.state, 'auth'],
  ]
  const second = holders.map(
    ([name, holder, property]): Case => [
      `${release}, second, ${name}`,
      (options, page) => {
        const app = newKoa(release)
        app.use((ctx, next) => {
          put(holder(ctx), property, login(ctx.req))
          return next()
        })
        app.use(koaCache(options))
        app.use(async (ctx) => {
          ctx.body = await page(() => {
            const found = holder(ctx) as object
            return get(name.startsWith('a copy') ? Object.assign({}, found) : found, property)
          })
        })
        return app.callback()
      },
    ],
  )
  const first: Case = [
    `${release}, first, ctx.req.user`,
    (options, page) => {
      const app = newKoa(release)
      app.use(koaCache(options))
      app.use(async (ctx) => {
        ctx.body = await page(() => get(ctx.req, 'user'))
      })
      const root = app.callback()
      return (request, response) => {
        put(request, 'user', login(request))
        return root(request, response)
      }
    },
  ]
  return [...second, first]
})

const running: Listening[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map(({ close }) => close()))
})

async function start(make: Make, page: Page, options: Options = {}): Promise<(who?: string) => Promise<Got>> {
  const responses = new ResponseCache({ store: memoryStore() })
  const listening = await listen(make({ cache: responses, ttl: 60_000, ...options }, page))
  running.push(listening)
  return (who) => ask(listening.port, '/', { headers: who === undefined ? {} : { 'x-login': who } })
}

const hello: Page = (read) => `hello ${read() ?? 'nobody'}`

describe.each([...express, shielded, ...koa])('%s', (_name, make) => {
  test.each(['near', 'far'])('a page for nobody is for nobody, in a %s store', async (place) => {
    const cache = new ResponseCache({ store: place === 'far' ? farStore() : memoryStore() })
    const request = await start(make, hello, { cache })
    expect((await request()).body).toBe('hello nobody')
    const hit = await request()
    expect(hit.body).toBe('hello nobody')
    expect(isHit(hit)).toBe(true)
    for (const who of ['alice', 'bob', 'alice']) {
      const got = await request(who)
      expect(got.body).toBe(`hello ${who}`)
      expect(statusOf(got)).toContain('detail=credentials-read')
    }
    expect(isHit(await request())).toBe(true)
  })

  test('a page for somebody is for nobody else', async () => {
    const request = await start(make, hello)
    for (const who of ['alice', 'bob', undefined]) expect((await request(who)).body).toBe(`hello ${who ?? 'nobody'}`)
  })

  test('who waits for a page for nobody is asked for', async () => {
    const arrived = Promise.withResolvers<void>()
    const go = Promise.withResolvers<void>()
    const request = await start(make, async (read) => {
      const page = hello(read)
      arrived.resolve()
      await go.promise
      return page
    })
    const nobody = request()
    await arrived.promise
    const others = [request('alice'), request('bob'), request()]
    await new Promise((resolve) => setTimeout(resolve, 20))
    go.resolve()
    const got = await Promise.all([nobody, ...others])
    expect(got.map(({ body }) => body)).toEqual(['hello nobody', 'hello alice', 'hello bob', 'hello nobody'])
    expect(statusOf(got[3] as Got)).toContain('collapsed')
  })

  test('ignored, it is for all', async () => {
    const ignore = [...NAMES, ...NAMES.map((name) => `locals.${name}`)]
    const request = await start(make, hello, { guard: { ignore } })
    await request()
    expect(isHit(await request('alice'))).toBe(true)
  })
})

describe.each([...express, shielded, ...koa].filter(([name]) => !name.includes('template')))('%s', (_name, make) => {
  test('a page that does not ask who is there is for all', async () => {
    const request = await start(make, () => 'hello all')
    await request()
    expect(isHit(await request('alice'))).toBe(true)
  })
})

describe.each(releases)('%s', (release) => {
  const serve = async (handler: (request: Record<string, unknown>) => unknown, before: object = {}) => {
    const app = frameworkOf(release)()
    app.use((request, _response, next) => {
      Object.defineProperties(request, before as PropertyDescriptorMap)
      next()
    })
    app.use(expressCache({ cache: new ResponseCache({ store: memoryStore() }), ttl: 60_000 }))
    app.get('/', (request, response) => void response.json(handler(request as never) ?? 'nothing'))
    const listening = await listen(app)
    running.push(listening)
    return () => ask(listening.port, '/')
  }

  test('what is set inside is a property as any other', async () => {
    const request = await serve((own) => {
      const before = Object.keys(own).includes('user')
      own.user = 'ann'
      return [before, Object.getOwnPropertyDescriptor(own, 'user'), own.user]
    })
    const plain = { value: 'ann', writable: true, enumerable: true, configurable: true }
    expect(JSON.parse((await request()).body)).toEqual([false, plain, 'ann'])
    expect(isHit(await request())).toBe(true)
  })

  test('null stays null', async () => {
    const request = await serve((own) => [own.user, own.session === undefined], {
      user: { value: null, configurable: true, writable: true, enumerable: true },
    })
    expect((await request()).body).toBe('[null,true]')
    expect(isHit(await request())).toBe(true)
  })

  test('an accessor that gives nothing counts as the person’s', async () => {
    let runs = 0
    const request = await serve((own) => own.user, {
      user: { configurable: true, get: () => void runs++ },
    })
    expect(statusOf(await request())).toContain('detail=credentials-read')
    expect(runs).toBe(1)
  })
})
