/** The cache, and compression() of ours, beside the packages that others use: expressjs/compression and koa-compress. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { memoryStore, ResponseCache } from 'breakwater'
import * as forExpress from 'breakwater/express'
import * as forKoa from 'breakwater/koa'
import compression from 'compression'
import type express from 'express'
import type { RequestHandler } from 'express'
import type Application from 'koa'
import type { Middleware } from 'koa'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { type Listener, type Listening, listen } from '../bridges/wire.ts'
import { isHit } from '../transparency/client.ts'
import { textOf } from './subject.ts'
import { type Asking, ask, decodedStream, differenceOf, nextText, open, varyOf } from './wire.ts'

const require = createRequire(import.meta.url)
const koaCompress = require('koa-compress') as { default?: unknown }
const compress = (koaCompress.default ?? koaCompress) as () => Middleware

type Layer = 'peer' | 'ours' | 'cache'
type Handler = (request: IncomingMessage, response: ServerResponse) => unknown

/** A server with these layers, the first one outermost. */
interface Framework {
  readonly name: string
  /** What its peer makes. */
  readonly codings: readonly string[]
  app(layers: readonly Layer[], handler: Handler): Listener
}

const caching = () => ({ cache: new ResponseCache({ store: memoryStore() }), ttl: 60_000 })

function onExpress(release: 'express' | 'express4'): Framework {
  const made: Record<Layer, () => RequestHandler> = {
    peer: () => compression() as RequestHandler,
    ours: () => forExpress.compression({ store: memoryStore() }),
    cache: () => forExpress.cache(caching()),
  }
  return {
    name: `compression on ${release}`,
    codings: ['br', 'gzip', 'deflate'],
    app(layers, handler) {
      const app = (require(release) as typeof express)().set('env', 'test').set('etag', false)
      for (const layer of layers) app.use(made[layer]())
      return app.use((request, response) => void handler(request, response))
    },
  }
}

function onKoa(release: 'koa' | 'koa2'): Framework {
  const made: Record<Layer, () => Middleware> = {
    peer: () => compress(),
    ours: () => forKoa.compression({ store: memoryStore() }),
    cache: () => forKoa.cache(caching()),
  }
  return {
    name: `koa-compress on ${release}`,
    codings: ['zstd', 'br', 'gzip', 'deflate'],
    app(layers, handler) {
      const app = new (require(release) as typeof Application)()
      app.silent = true
      for (const layer of layers) app.use(made[layer]())
      app.use(async (ctx) => {
        // Koa's own way, as koa-compress encodes nothing else.
        const answer = (await handler(ctx.req, ctx.res)) as string
        ctx.set({ 'Content-Type': 'text/plain', ETag: '"v1"' })
        ctx.body = answer
      })
      return app.callback()
    },
  }
}

const running: Listening[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map(({ close }) => close()))
})

async function serve(listener: Listener) {
  const listening = await listen(listener)
  running.push(listening)
  return (coding?: string, asking?: Asking) => ask(listening.port, coding, asking)
}

describe.each([onExpress('express'), onExpress('express4'), onKoa('koa'), onKoa('koa2')])('$name', (framework) => {
  /** Gives Koa the content, and sends it elsewhere. */
  const answering = (size: number) => {
    let calls = 0
    return vi.fn((_request: IncomingMessage, response: ServerResponse): string => {
      const content = `${++calls}: ${textOf(size)}`
      if (framework.name.includes('express')) {
        response.writeHead(200, { 'Content-Type': 'text/plain', ETag: '"v1"' })
        response.end(content)
      }
      return content
    })
  }

  describe.each([5_000, 300_000])('%i bytes', (size) => {
    const content = Buffer.from(`1: ${textOf(size)}`)

    test('with the cache inside, one answer is made and sent to each in his coding', async () => {
      const handler = answering(size)
      const request = await serve(framework.app(['peer', 'cache'], handler))
      for (let round = 0; round < 3; round++) {
        for (const coding of [...framework.codings, undefined]) {
          const got = await request(coding)
          expect(got.headers['content-encoding']).toBe(coding)
          expect(differenceOf(Buffer.from(got.text), content)).toBeUndefined()
          expect(isHit(got)).toBe(round > 0 || coding !== framework.codings[0])
          expect(varyOf(got)).toContain('accept-encoding')
        }
      }
      expect(handler).toHaveBeenCalledTimes(1)
    })

    test('with the cache inside, HEAD has no content, and who has it is told so', async () => {
      const request = await serve(framework.app(['peer', 'cache'], answering(size)))
      for (let round = 0; round < 2; round++) {
        await request('gzip')
        const head = await request('gzip', { method: 'HEAD' })
        expect([head.status, head.bytes.length, isHit(head)]).toEqual([200, 0, true])
        const known = await request('gzip', { headers: { 'If-None-Match': '"v1"' } })
        expect([known.status, known.bytes.length]).toEqual([304, 0])
        expect(known.headers['content-encoding']).toBeUndefined()
      }
    })

    test('with the cache inside, many at once get the same', async () => {
      const handler = answering(size)
      const request = await serve(framework.app(['peer', 'cache'], handler))
      const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => request(framework.codings[i % 3])))
      for (const { text } of answers) expect(differenceOf(Buffer.from(text), content)).toBeUndefined()
      expect(handler).toHaveBeenCalledTimes(1)
    })

    test('with the cache outside, what was encoded is kept for those who take it so', async () => {
      const handler = answering(size)
      const request = await serve(framework.app(['cache', 'peer'], handler))
      for (const coding of [...framework.codings, undefined]) await request(coding)
      const calls = handler.mock.calls.length
      for (const [i, coding] of [...framework.codings, undefined].entries()) {
        const got = await request(coding)
        expect([isHit(got), got.headers['content-encoding']]).toEqual([true, coding])
        expect(differenceOf(Buffer.from(got.text), Buffer.from(`${i + 1}: ${textOf(size)}`))).toBeUndefined()
      }
      expect(handler).toHaveBeenCalledTimes(calls)
    })

    test.each<Layer[][]>([
      [['peer', 'ours']],
      [['ours', 'peer']],
      [['ours', 'peer', 'cache']],
      [['peer', 'ours', 'cache']],
    ])('%j: nothing is encoded twice', async (layers) => {
      const request = await serve(framework.app(layers, answering(size)))
      for (let round = 1; round <= 3; round++) {
        const got = await request('gzip')
        expect(got.headers['content-encoding']).toBe('gzip')
        const expected = `${layers.includes('cache') ? 1 : round}: ${textOf(size)}`
        expect(differenceOf(Buffer.from(got.text), Buffer.from(expected))).toBeUndefined()
      }
    })
  })
})

test.each(['express', 'express4'] as const)(
  'what is flushed through compression() of %s and the cache arrives at once',
  async (release) => {
    const listener = onExpress(release).app(['peer', 'cache'], (_request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' })
      response.write('data: first\n\n')
      ;(response as ServerResponse & { flush(): void }).flush()
    })
    const listening = await listen(listener)
    running.push(listening)
    const times: number[] = []
    for (let i = 0; i < 3; i++) {
      const asked = performance.now()
      const response = await open(listening.port, 'gzip')
      expect(response.headers['content-encoding']).toBe('gzip')
      expect(await nextText(decodedStream(response))).toBe('data: first\n\n')
      times.push(performance.now() - asked)
      response.on('error', () => {}).destroy()
    }
    // The machine may be busy now and then.
    expect(Math.min(...times)).toBeLessThan(100)
  },
)
