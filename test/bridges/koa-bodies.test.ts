/** Whatever a handler sets as body, clients get what they get without a cache, from the handler and from the store. */
import { createReadStream, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { memoryStore, ResponseCache } from 'breakwater'
import { cache } from 'breakwater/koa'
import type { Context, Middleware } from 'koa'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { type Got, statusOf } from './subject.ts'
import { type KoaRelease, newKoa } from './subjects/koa.ts'
import { ask, type Listening, listen } from './wire.ts'

const folder = await mkdtemp(join(tmpdir(), 'breakwater-koa-'))
const file = join(folder, 'page.html')
writeFileSync(file, '<p>from a file</p>')
afterAll(() => rm(folder, { recursive: true }))

const running: Listening[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map(({ close }) => close()))
})

const bodies: [kind: string, handler: (ctx: Context) => unknown][] = [
  ['a string', (ctx) => (ctx.body = 'hellö')],
  ['markup', (ctx) => (ctx.body = '<p>hellö</p>')],
  ['an empty string', (ctx) => (ctx.body = '')],
  ['a Buffer', (ctx) => (ctx.body = Buffer.from([0, 1, 254, 255]))],
  ['an empty Buffer', (ctx) => (ctx.body = Buffer.alloc(0))],
  ['an object', (ctx) => (ctx.body = { a: [1, null, 'ø'] })],
  ['an array', (ctx) => (ctx.body = [1, 2])],
  ['a number', (ctx) => (ctx.body = 42)],
  ['true', (ctx) => (ctx.body = true)],
  [
    'an object with a type of its own',
    (ctx) => {
      ctx.body = { a: 1 }
      ctx.type = 'application/vnd.api+json'
    },
  ],
  [
    'an object without a type',
    (ctx) => {
      ctx.body = { a: 1 }
      ctx.remove('Content-Type')
    },
  ],
  ['an array of bytes', (ctx) => (ctx.body = new Uint8Array([1, 2]))],
  ['a stream', (ctx) => (ctx.body = Readable.from(['a', 'bc', 'd']))],
  ['a stream of Buffers', (ctx) => (ctx.body = Readable.from([Buffer.from([200, 201]), Buffer.from([202])]))],
  ['a stream of nothing', (ctx) => (ctx.body = Readable.from([]))],
  ['a stream of a file', (ctx) => (ctx.body = createReadStream(file))],
  [
    'a stream of a file with type and length',
    (ctx) => {
      ctx.type = 'html'
      ctx.length = 18
      ctx.body = createReadStream(file)
    },
  ],
  [
    'a PassThrough written to later',
    (ctx) => {
      const body = new PassThrough()
      ctx.body = body
      setTimeout(() => body.write('one '), 5)
      setTimeout(() => body.end('two'), 10)
    },
  ],
  [
    'a stream with an encoding',
    (ctx) => {
      const body = Readable.from([Buffer.from('hi')])
      body.setEncoding('hex')
      ctx.body = body
    },
  ],
  ['a Blob', (ctx) => (ctx.body = new Blob(['blob'], { type: 'text/csv' }))],
  ['a Blob without type', (ctx) => (ctx.body = new Blob(['blob']))],
  ['a ReadableStream', (ctx) => (ctx.body = new Blob(['web']).stream())],
  ['a Response', (ctx) => (ctx.body = new Response('web', { status: 203, headers: { 'x-of': 'response' } }))],
  ['a Response without content', (ctx) => (ctx.body = new Response(null))],
  ['null', (ctx) => (ctx.body = null)],
  [
    'null with a status that has content',
    (ctx) => {
      ctx.body = null
      ctx.status = 200
    },
  ],
  [
    'null as JSON',
    (ctx) => {
      ctx.type = 'json'
      ctx.body = null
    },
  ],
  ['undefined', (ctx) => (ctx.body = undefined)],
  ['nothing but a status', (ctx) => (ctx.status = 200)],
  ['204', (ctx) => (ctx.status = 204)],
  ['nothing at all', () => {}],
  [
    '404 with a page',
    (ctx) => {
      ctx.status = 404
      ctx.body = 'no such thing'
    },
  ],
  [
    'a reason of its own',
    (ctx) => {
      ctx.body = 'x'
      ctx.message = 'Fine'
    },
  ],
  [
    'a redirect',
    (ctx) => {
      ctx.set('Cache-Control', 'max-age=60')
      ctx.redirect('/elsewhere')
    },
  ],
  [
    'an attachment',
    (ctx) => {
      ctx.body = 'a,b'
      ctx.attachment('table.csv')
    },
  ],
  [
    'repeated fields',
    (ctx) => {
      ctx.append('Link', '</a>')
      ctx.append('Link', '</b>')
      ctx.body = 'x'
    },
  ],
  [
    'the response itself, written to',
    (ctx) => {
      ctx.respond = false
      ctx.res.writeHead(200, { 'Content-Type': 'text/plain' })
      ctx.res.end('written')
    },
  ],
  [
    'the response itself, written to later',
    (ctx) => {
      ctx.respond = false
      ctx.res.statusCode = 200
      setTimeout(() => ctx.res.end('written'), 5)
    },
  ],
  [
    'the response itself, without saying so',
    (ctx) => {
      ctx.res.statusCode = 200
      ctx.res.end('written')
    },
  ],
]

/** What clients can tell answers by, apart from the cache's own fields and how the length is told. */
function seen({ status, headers, body }: Got) {
  const { age: _age, date: _date, 'cache-status': _status, 'transfer-encoding': _, ...rest } = headers
  const { 'content-length': _length, ...fields } = rest
  return { status, body, fields }
}

const framing = ({ headers }: Got) => [headers['content-length'], headers['transfer-encoding']]

const layers: [string, Middleware[]][] = [
  ['first', []],
  ['second', [(_ctx, next) => next()]],
]

describe.each(['koa', 'koa2'] as KoaRelease[])('%s', (release) => {
  describe.each(layers)('as the %s middleware', (_position, outside) => {
    const start = async (handler: (ctx: Context) => unknown, cached: boolean) => {
      const app = newKoa(release)
      for (const layer of outside) app.use(layer)
      if (cached) app.use(cache({ cache: new ResponseCache({ store: memoryStore() }), ttl: 60_000 }))
      app.use(async (ctx) => {
        await handler(ctx)
      })
      const listening = await listen(app.callback())
      running.push(listening)
      return (): Promise<Got> => ask(listening.port, '/', { headers: { accept: 'text/html' } })
    }

    test.each(bodies)('%s', async (_kind, handler) => {
      const plain = await (await start(handler, false))()
      const request = await start(handler, true)
      const miss = await request()
      expect(seen(miss)).toEqual(seen(plain))
      expect(framing(miss)).toEqual(framing(plain))
      const hit = await request()
      expect(seen(hit)).toEqual(seen(plain))
      // A client that counts the bytes may be back before their end was written.
      expect(statusOf(hit)).toMatch(/^hit|collapsed/)
      expect(hit.headers['content-length']).toBe(miss.headers['content-length'] ?? hit.headers['content-length'])
    })

    test.each([
      ['a body that JSON cannot say', (ctx: Context) => (ctx.body = { big: 1n })],
      ['a stream that errs at once', (ctx: Context) => (ctx.body = createReadStream(join(folder, 'missing')))],
    ])('%s fails as without a cache', async (_kind, handler) => {
      const outcome = (request: () => Promise<Got>) => request().then(seen, (error: Error) => error.message)
      const plain = await outcome(await start(handler, false))
      const request = await start(handler, true)
      expect(await outcome(request)).toEqual(plain)
      expect(await outcome(request)).toEqual(plain)
    })
  })
})
