import { randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { BreakerRegistry } from 'breakwater'
import { circuitBreaker as onExpress } from 'breakwater/express'
import { circuitBreaker as onKoa } from 'breakwater/koa'
import type express from 'express'
import { afterEach, describe, expect, test } from 'vitest'
import type { Asking } from '../bridges/subject.ts'
import { newKoa } from '../bridges/subjects/koa.ts'
import { ask, type Listener, listen } from '../bridges/wire.ts'
import { ManualClock } from '../support/engine.ts'

const require = createRequire(import.meta.url)
const closing: (() => Promise<void>)[] = []

afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()))
})

async function served(listener: Listener): Promise<(path?: string, asking?: Asking) => ReturnType<typeof ask>> {
  const { port, close } = await listen(listener)
  closing.push(close)
  return (path = '/', asking) => ask(port, path, asking)
}

function orders() {
  const clock = new ManualClock()
  const registry = new BreakerRegistry({
    clock,
    failureWindow: 1_000_000,
    minimumThroughput: Infinity,
    slowCallRate: 1,
    slowCallDuration: 1_000,
  })
  return { clock, options: { registry, name: 'orders' }, breaker: registry.of('orders') }
}

describe.each([
  ['express 5', 'express'],
  ['express 4', 'express4'],
])('%s', (name, release) => {
  const newApp = () => (require(release) as typeof express)().set('env', 'test')
  test('however often compression() waits for its client, it has one listener of ours', async () => {
    const { options, breaker } = orders()
    const compression = require('compression') as typeof import('compression')
    const warnings: string[] = []
    const heard = (warning: Error): number => warnings.push(warning.message)
    process.on('warning', heard)
    const app = newApp()
      .use(compression({ threshold: 0 }))
      .use(onExpress(options))
    app.use((_request, response) => {
      response.type('text/plain')
      Readable.from(Array.from({ length: 60 }, () => randomBytes(60_000))).pipe(response)
    })
    const request = await served(app)
    await request('/', { headers: { 'accept-encoding': 'gzip' } })
    process.off('warning', heard)
    expect(warnings).toEqual([])
    expect(breaker.counts).toMatchObject({ total: 1, failed: 0, inFlight: 0 })
  })

  const handlers: [string, express.RequestHandler][] = [
    [
      'throws',
      () => {
        throw new Error('bad')
      },
    ],
    ['calls next(error)', (_request, _response, next) => next(new Error('bad'))],
    [
      'throws in the middle of its answer',
      (_request, response) => {
        response.write('begun')
        throw new Error('bad')
      },
    ],
    [
      'rejects',
      async () => {
        throw new Error('bad')
      },
    ],
  ]
  const known = handlers.filter(([how]) => name === 'express 5' || how !== 'rejects')

  test.each(known)('a handler that %s has failed once', async (_how, handler) => {
    const { options, breaker } = orders()
    const request = await served(newApp().use(onExpress(options)).get('/', handler))
    await request().catch(() => {})
    await expect.poll(() => breaker.counts).toMatchObject({ total: 1, failed: 1, inFlight: 0 })
  })

  test('an error that a handler of errors answers well is none', async () => {
    const { options, breaker } = orders()
    const answers: express.ErrorRequestHandler = (_error, _request, response, _next) =>
      void response.send('all the same')
    const app = newApp()
      .use(onExpress(options))
      .get('/', (_request, _response, next) => next(new Error('bad')))
    expect((await (await served(app.use(answers)))()).body).toBe('all the same')
    expect(breaker.counts).toMatchObject({ total: 1, failed: 0 })
  })

  test('on a route of its own, under a router', async () => {
    const { options, breaker } = orders()
    const router = (require(release) as typeof express).Router()
    router.get('/orders', onExpress(options), (_request, response) => void response.status(500).send('bad'))
    router.get('/other', (_request, response) => void response.status(500).send('bad'))
    const request = await served(newApp().use('/shop', router))
    await request('/shop/other')
    await request('/shop/orders')
    expect(breaker.counts).toMatchObject({ total: 1, failed: 1 })
  })
})

describe.each(['koa', 'koa2'] as const)('%s', (release) => {
  test('what middleware outside does after the handler has answered is not its time', async () => {
    const { options, breaker, clock } = orders()
    const app = newKoa(release)
    app.use(async (_ctx, next) => {
      await next()
      await sleep(1)
      clock.pass(60)
    })
    app.use(onKoa(options))
    app.use((ctx) => {
      ctx.body = { good: true }
    })
    const request = await served(app.callback())
    expect((await request()).body).toBe('{"good":true}')
    expect(breaker.counts).toMatchObject({ total: 1, slow: 0 })
  })

  test('an error that middleware inside the mount turns into an answer is none, one outside of it is', async () => {
    const { options, breaker } = orders()
    const app = newKoa(release)
    const rescue = (ctx: { body: unknown }, next: () => Promise<unknown>) =>
      next().catch(() => {
        ctx.body = 'all the same'
      })
    app.use(rescue)
    app.use(onKoa(options))
    app.use((ctx, next) => (ctx.path === '/inside' ? rescue(ctx, next) : next()))
    app.use(() => {
      throw new Error('bad')
    })
    const request = await served(app.callback())
    expect((await request('/inside')).body).toBe('all the same')
    expect(breaker.counts).toMatchObject({ total: 1, failed: 0 })
    expect((await request('/')).body).toBe('all the same')
    expect(breaker.counts).toMatchObject({ total: 2, failed: 1 })
  })
})

test('koa 3: a web stream that breaks off is a failure', async () => {
  const { options, breaker } = orders()
  const app = newKoa('koa')
  app.use(onKoa(options))
  app.use((ctx) => {
    ctx.body = new ReadableStream({
      async start(controller) {
        controller.enqueue(Buffer.from('begun'))
        await sleep(20)
        controller.error(new Error('bad'))
      },
    })
  })
  const request = await served(app.callback())
  await request().catch(() => {})
  await expect.poll(() => breaker.counts).toMatchObject({ total: 1, failed: 1, inFlight: 0 })
})
