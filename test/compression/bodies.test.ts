/** Whatever a handler gives as content, in whatever pieces, is decoded to the same bytes in every coding. */
import { createReadStream, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { compression as forExpress } from 'breakwater/express'
import { compression as forKoa } from 'breakwater/koa'
import type express from 'express'
import type { RequestHandler } from 'express'
import fc from 'fast-check'
import type Application from 'koa'
import type { Context } from 'koa'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { type Listening, listen } from '../bridges/wire.ts'
import { type Running, type Started, start, text, textOf } from './subject.ts'
import { subjects } from './subjects/index.ts'
import { ask, codings, decoded, differenceOf } from './wire.ts'

const require = createRequire(import.meta.url)
const plain = { 'Content-Type': 'text/plain' }
const markup = `<p>hellö ${textOf(5000)}</p>`
const bytes = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * i) & 0xf8))

const folder = await mkdtemp(join(tmpdir(), 'breakwater-compression-'))
const file = join(folder, 'page.html')
writeFileSync(file, markup)
afterAll(() => rm(folder, { recursive: true }))

/** Every coding, and none. */
const accepted = [...codings, 'identity'] as const

/** The content of an answer without its coding is this; the coding is what was asked for. */
async function expectContent(port: number, coding: string, expected: string | Uint8Array, isEncoded = true) {
  const got = await ask(port, coding)
  expect(got.whole).toBe(true)
  if (isEncoded) expect(got.headers['content-encoding']).toBe(coding === 'identity' ? undefined : coding)
  expect(differenceOf(decoded(got.bytes, got.headers['content-encoding']), expected)).toBeUndefined()
}

describe.each(subjects)('$name', (subject) => {
  const writes: [what: string, answer: (response: ServerResponse) => unknown, expected: string | Uint8Array][] = [
    ['a string', (response) => response.end(text), text],
    ['a string in UTF-8', (response) => response.end('hellö ☂ '.repeat(300)), 'hellö ☂ '.repeat(300)],
    ['a string in Latin-1', (response) => response.end('ü'.repeat(3000), 'latin1'), Buffer.alloc(3000, 'ü', 'latin1')],
    ['a string in hex', (response) => response.end(bytes.toString('hex'), 'hex'), bytes],
    ['a string in base64', (response) => response.end(bytes.toString('base64'), 'base64'), bytes],
    ['a string in UTF-16', (response) => response.end(text, 'utf16le'), Buffer.from(text, 'utf16le')],
    ['a Buffer', (response) => response.end(bytes), bytes],
    ['a Uint8Array', (response) => response.end(new Uint8Array(bytes)), bytes],
    [
      'a part of an ArrayBuffer',
      (response) => response.end(new Uint8Array(bytes).subarray(7, 4007)),
      bytes.subarray(7, 4007),
    ],
    [
      'writes of all kinds',
      (response) => {
        response.write('hellö')
        response.write('ü'.repeat(2000), 'latin1')
        response.write(bytes.toString('base64'), 'base64')
        response.write(new Uint8Array([1, 2, 3]))
        response.write('')
        response.write(Buffer.alloc(0))
        response.end(bytes.toString('hex'), 'hex')
      },
      Buffer.concat([Buffer.from('hellö'), Buffer.alloc(2000, 'ü', 'latin1'), bytes, Buffer.from([1, 2, 3]), bytes]),
    ],
    [
      'one write and an end',
      (response) => {
        response.write(text)
        response.end()
      },
      text,
    ],
    [
      'a little, and at once behind it more than is held',
      (response) => {
        response.write('a little, ')
        response.write(text.slice(0, 900))
        response.end(textOf(1_500_000))
      },
      `a little, ${text.slice(0, 900)}${textOf(1_500_000)}`,
    ],
    [
      'bytes that are used again once they were taken',
      async (response) => {
        const block = Buffer.alloc(3000)
        for (const letter of 'abc') {
          block.fill(letter)
          await new Promise((resolve) => response.write(block, resolve))
          block.fill('?')
        }
        response.end()
      },
      'abc'.replace(/./g, (letter) => letter.repeat(3000)),
    ],
    [
      'a Buffer that is used again once all was sent',
      (response) => {
        const block = Buffer.alloc(60_000, 'x')
        response.end(block, () => block.fill('?'))
      },
      'x'.repeat(60_000),
    ],
    ['a pipe', (response) => Readable.from([text, text]).pipe(response), text + text],
    ['a pipeline', (response) => pipeline(Readable.from([text, text]), response), text + text],
    ['a pipe from a file', (response) => createReadStream(file).pipe(response), markup],
    [
      'corked writes',
      (response) => {
        response.cork()
        for (let i = 0; i < 50; i++) response.write(text)
        response.uncork()
        response.end()
      },
      text.repeat(50),
    ],
    ['a web stream', (response) => new Response(text).body?.pipeTo(Writable.toWeb(response) as never), text],
  ]

  test.each(writes)('%s', async (_what, answer, expected) => {
    const server = await start(subject, {
      raw: (_request, response) => {
        response.writeHead(200, plain)
        return answer(response)
      },
    })
    for (const coding of accepted) await expectContent(server.port, coding, expected)
  })

  describe('of every size', () => {
    /** Where a way ends and another begins: the threshold, 32 KiB, Node's and zlib's chunks, 1 MiB. */
    const limits = [0, 1, 1024, 16_384, 32_768, 65_536, 1_048_576]
    const source = Buffer.from(Array.from({ length: 1_200_000 }, (_, i) => 97 + (((i * 7_919) >> 5) % 17)))

    const plan = fc.record({
      size: fc.oneof(
        fc
          .tuple(fc.constantFrom(...limits), fc.integer({ min: -3, max: 3 }))
          .map(([limit, off]) => Math.max(0, limit + off)),
        fc.integer({ min: 0, max: 5_000 }),
        fc.integer({ min: 0, max: 200_000 }),
      ),
      from: fc.nat(1_000),
      /** Where it is cut into writes, as parts of the whole. */
      cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 }),
      /** Whether the writer pauses behind each write. */
      pauses: fc.array(fc.boolean(), { minLength: 13, maxLength: 13 }),
      endsWithContent: fc.boolean(),
      declares: fc.boolean(),
      coding: fc.constantFrom(...accepted),
    })
    type Plan = typeof plan extends fc.Arbitrary<infer P> ? P : never

    let current: Plan
    async function follow({ size, from, cuts, pauses, endsWithContent, declares }: Plan, response: ServerResponse) {
      const content = source.subarray(from, from + size)
      response.setHeader('Content-Type', 'application/json')
      if (declares) response.setHeader('Content-Length', content.length)
      const marks = [...cuts.map((cut) => Math.floor(cut * content.length)).sort((a, b) => a - b), content.length]
      let sent = 0
      for (const [i, mark] of marks.entries()) {
        const part = content.subarray(sent, mark)
        sent = mark
        if (i === marks.length - 1 && endsWithContent) return response.end(part)
        response.write(part)
        if (pauses[i]) await new Promise((resolve) => setImmediate(resolve))
      }
      response.end()
    }

    let server: Started
    test('split into any writes', async () => {
      server = await start(subject, { raw: (_request, response) => follow(current, response) })
      await fc.assert(
        fc.asyncProperty(plan, async (drawn) => {
          current = drawn
          const expected = source.subarray(drawn.from, drawn.from + drawn.size)
          const got = await ask(server.port, drawn.coding)
          expect(got.whole).toBe(true)
          expect(decoded(got.bytes, got.headers['content-encoding']).equals(expected)).toBe(true)
          if (got.headers['content-length'] !== undefined)
            expect(Number(got.headers['content-length'])).toBe(got.bytes.length)
        }),
        { numRuns: 150 },
      )
    }, 20_000)

    test.each(limits.flatMap((limit) => [limit - 1, limit, limit + 1]).filter((size) => size >= 0))(
      'whole: %i',
      async (size) => {
        const server = await start(subject, {
          raw: (_request, response) => response.writeHead(200, plain).end(source.subarray(0, size)),
        })
        for (const coding of accepted) {
          await expectContent(server.port, coding, source.subarray(0, size), size >= 1024)
        }
      },
    )
  })
})

const running: (Running | Listening)[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map(({ close }) => close()))
})

describe.each(['express', 'express4'])('what %s sends', (release) => {
  const bodies: [what: string, handler: RequestHandler, expected: string | Uint8Array][] = [
    ['send(string)', (_request, response) => void response.send(markup), markup],
    ['send(Buffer)', (_request, response) => void response.type('text').send(bytes), bytes],
    ['send(object)', (_request, response) => void response.send({ markup }), JSON.stringify({ markup })],
    ['json', (_request, response) => void response.json([markup, 1]), JSON.stringify([markup, 1])],
    ['jsonp', (_request, response) => void response.jsonp({ markup }), JSON.stringify({ markup })],
    ['sendFile', (_request, response) => response.sendFile(file), markup],
    ['download', (_request, response) => response.download(file), markup],
    ['render', (_request, response) => response.render('page'), markup],
    ['a stream', (_request, response) => void createReadStream(file).pipe(response.type('html')), markup],
  ]

  test.each(bodies)('%s', async (what, handler, expected) => {
    const app = (require(release) as typeof express)().set('env', 'test')
    app.engine('html', (_path, _options, done) => done(null, markup))
    app.set('views', folder).set('view engine', 'html')
    app.use(forExpress(), handler)
    const server = await listen(app)
    running.push(server)
    for (const coding of accepted) await expectContent(server.port, coding, expected)
    // Its own tag of the content allows for a 304 in every coding.
    if (what === 'a stream' || what === 'render') return
    const { headers } = await ask(server.port, 'gzip')
    const again = await ask(server.port, 'gzip', { headers: { 'If-None-Match': String(headers.etag) } })
    expect([again.status, again.bytes.length]).toEqual([304, 0])
    expect(again.headers.vary).toMatch(/accept-encoding/i)
  })

  test('a range of a file is as long as was asked for, without coding', async () => {
    const app = (require(release) as typeof express)().set('env', 'test')
    app.use(forExpress(), (_request, response) => response.sendFile(file))
    const server = await listen(app)
    running.push(server)
    const part = await ask(server.port, 'gzip', { headers: { Range: 'bytes=100-2099' } })
    expect([part.status, part.headers['content-encoding'], part.text.length]).toEqual([206, undefined, 2000])
    expect(part.text).toBe(Buffer.from(markup).toString('utf8', 100, 2100))
  })
})

describe.each(['koa', 'koa2'])('what %s sends', (release) => {
  const json = { markup, list: [1, null] }
  const bodies: [what: string, handler: (ctx: Context) => unknown, expected: string | Uint8Array, only?: 'koa'][] = [
    ['a string', (ctx) => (ctx.body = markup), markup],
    ['a Buffer', (ctx) => Object.assign(ctx, { type: 'text', body: bytes }), bytes],
    ['an object', (ctx) => (ctx.body = json), JSON.stringify(json)],
    ['an array', (ctx) => (ctx.body = [json]), JSON.stringify([json])],
    ['a stream', (ctx) => Object.assign(ctx, { type: 'text', body: Readable.from([text, text]) }), text + text],
    ['a stream of a file', (ctx) => Object.assign(ctx, { type: 'html', body: createReadStream(file) }), markup],
    [
      'a stream whose length is told',
      (ctx) => Object.assign(ctx, { type: 'text', length: 2 * text.length, body: Readable.from([text, text]) }),
      text + text,
    ],
    [
      'a PassThrough that is written to later',
      (ctx) => {
        const body = new PassThrough()
        Object.assign(ctx, { type: 'text', body })
        setImmediate(() => body.write(text))
        setTimeout(() => body.end(text), 5)
      },
      text + text,
    ],
    ['a Blob', (ctx) => (ctx.body = new Blob([markup], { type: 'text/html' })), markup, 'koa'],
    ['a web stream', (ctx) => Object.assign(ctx, { type: 'text', body: new Blob([text]).stream() }), text, 'koa'],
    [
      'a Response',
      (ctx) => (ctx.body = new Response(markup, { headers: { 'Content-Type': 'text/html' } })),
      markup,
      'koa',
    ],
    [
      'what is written on the response',
      (ctx) => {
        ctx.respond = false
        ctx.res.writeHead(200, plain).end(text)
      },
      text,
    ],
  ]

  test.each(bodies.filter(([, , , only]) => only === undefined || only === release))(
    '%s',
    async (_what, handler, expected) => {
      const app = new (require(release) as typeof Application)()
      app.silent = true
      app.use(forKoa()).use((ctx) => void handler(ctx))
      const server = await listen(app.callback())
      running.push(server)
      for (const coding of accepted) await expectContent(server.port, coding, expected)
    },
  )

  test('what lies outside finds the content as it is', async () => {
    const app = new (require(release) as typeof Application)()
    const seen: unknown[] = []
    app.use(async (ctx, next) => {
      await next()
      seen.push(ctx.body, ctx.length, ctx.res.hasHeader('Content-Encoding'))
      ctx.body = `<main>${ctx.body}</main>`
    })
    app.use(forKoa()).use((ctx) => {
      ctx.body = markup
    })
    const server = await listen(app.callback())
    running.push(server)
    for (const coding of accepted) {
      await expectContent(server.port, coding, `<main>${markup}</main>`)
      expect(seen.splice(0)).toEqual([markup, Buffer.byteLength(markup), false])
    }
  })

  test('what is thrown outside becomes an error page without the fields of the content', async () => {
    const app = new (require(release) as typeof Application)()
    app.silent = true
    app.use(async (_ctx, next) => {
      await next()
      throw Object.assign(new Error(text), { status: 400, expose: true })
    })
    app.use(forKoa()).use((ctx) => {
      ctx.body = markup
    })
    const server = await listen(app.callback())
    running.push(server)
    const got = await ask(server.port, 'gzip')
    expect([got.status, got.text]).toEqual([400, text])
  })
})
