/** Compression and the response cache together, in both orders: what is encoded once is never encoded again, nor another's. */
import { randomBytes } from 'node:crypto'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { Compressor, type CompressorOptions, keyvStore, memoryStore, ResponseCache, tieredStore } from 'breakwater'
import Keyv from 'keyv'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { isHit } from '../transparency/client.ts'
import {
  type Answer,
  type Handler,
  type Layer,
  type Setting,
  type Started,
  type Subject,
  start,
  textOf,
} from './subject.ts'
import { frameworks, subjects } from './subjects/index.ts'
import { codings, decoded, decodedStream, differenceOf, nextText, open } from './wire.ts'

/** What was told of encodings in this test, in order. */
const told: { readonly what: 'encoded' | 'variant' | 'futile'; readonly coding: string }[] = []
const listeners = (['encoded', 'variant', 'futile'] as const).map((what) => ({
  name: `breakwater:compression:${what}`,
  listener: (message: unknown) => void told.push({ what, coding: (message as { coding: string }).coding }),
}))
beforeEach(() => {
  for (const { name, listener } of listeners) subscribe(name, listener)
})
afterEach(() => {
  for (const { name, listener } of listeners) unsubscribe(name, listener)
  told.length = 0
})

interface Seam extends Started {
  readonly handler: ReturnType<typeof vi.fn<Handler>>
  readonly responses: ResponseCache
  readonly compressor: Compressor
}

async function startSeam(
  subject: Subject,
  outside: Setting['outside'],
  answer: Handler,
  more: Partial<Setting> & { readonly options?: CompressorOptions } = {},
): Promise<Seam> {
  const responses = new ResponseCache({ store: memoryStore() })
  const compressor = new Compressor({ store: memoryStore(), ...more.options })
  const handler = vi.fn(answer)
  const { options: _options, ...setting } = more
  const started = await start(subject, {
    compression: compressor,
    cache: { cache: responses, ttl: 60_000 },
    ...(outside && { outside }),
    handler,
    ...setting,
  })
  return { ...started, handler, responses, compressor }
}

const html = { 'Content-Type': 'text/html; charset=utf-8' }
/** An answer that tells which call made it. */
function counting(size: number, headers: Answer['headers'] = html): Handler {
  let calls = 0
  return () => ({ headers, body: `<p>${++calls}</p>${textOf(size)}` })
}

const orders = [
  ['compression outside', 'compression'],
  ['the cache outside', 'cache'],
] as const

describe.each(subjects)('$name', (subject) => {
  describe.each(orders)('%s', (_order, outside) => {
    test.each([5_000, 100_000])('a hit runs no handler and encodes nothing: %i bytes', async (size) => {
      const server = await startSeam(subject, outside, counting(size))
      for (const coding of codings) {
        const first = await server.ask(coding)
        const encoded = told.filter(({ what }) => what === 'encoded').length
        const calls = server.handler.mock.calls.length
        for (let i = 0; i < 3; i++) {
          const hit = await server.ask(coding)
          expect([isHit(hit), hit.headers['content-encoding']]).toEqual([true, coding])
          expect(hit.bytes.equals(first.bytes)).toBe(true)
          expect(hit.headers['content-length']).toBe(String(hit.bytes.length))
        }
        expect(told.filter(({ what }) => what === 'encoded').length).toBe(encoded)
        expect(server.handler).toHaveBeenCalledTimes(calls)
      }
      expect(told.filter(({ what }) => what === 'encoded').map(({ coding }) => coding)).toEqual(codings)
    })

    test('each coding gets its own bytes, HEAD its own head, and identity is never encoded', async () => {
      const server = await startSeam(subject, outside, counting(5_000, { ...html, ETag: '"v1"' }))
      for (let round = 0; round < 2; round++) {
        for (const coding of [...codings, undefined]) {
          const got = await server.ask(coding)
          expect(got.headers['content-encoding']).toBe(coding)
          expect(got.text).toMatch(/^<p>\d<\/p>The quick/)
          expect(got.headers.etag).toBe(coding === undefined ? '"v1"' : 'W/"v1"')
          expect(got.headers.vary).toMatch(/^accept-encoding$/i)
          const head = await server.ask(coding, { method: 'HEAD' })
          expect([head.headers['content-encoding'], head.headers.etag, head.bytes.length]).toEqual([
            coding,
            got.headers.etag,
            0,
          ])
        }
      }
    })

    test('a client that has it is told so, with the weak tag and with the strong one', async () => {
      const server = await startSeam(subject, outside, counting(5_000, { ...html, ETag: '"v1"' }))
      for (const coding of [undefined, 'gzip']) {
        await server.ask(coding)
        for (const tag of ['"v1"', 'W/"v1"']) {
          const got = await server.ask(coding, { headers: { 'If-None-Match': tag } })
          expect([got.status, got.bytes.length]).toEqual([304, 0])
          expect(got.headers.vary).toMatch(/accept-encoding/i)
          expect(got.headers['content-encoding']).toBeUndefined()
        }
      }
    })

    test('a range is one of the content that it says it is of', async () => {
      const server = await startSeam(subject, outside, counting(5_000, { ...html, ETag: '"v1"' }))
      await server.ask('gzip')
      const whole = await server.ask()
      const response = await open(server.port, 'gzip', { headers: { Range: 'bytes=10-59' } })
      const bytes = Buffer.concat(await response.toArray())
      expect(response.statusCode).toBe(206)
      // Of which content it is a part, its own Content-Encoding tells (RFC 9110 section 14.2).
      const isEncoded = response.headers['content-encoding'] === 'gzip'
      const content = isEncoded ? (await server.ask('gzip')).bytes : Buffer.from(whole.text)
      expect(bytes.equals(content.subarray(10, 60))).toBe(true)
      expect(response.headers['content-range']).toBe(`bytes 10-59/${content.length}`)
    })

    test('what is purged and made anew is encoded anew', async () => {
      const server = await startSeam(subject, outside, counting(5_000))
      const first = await server.ask('br')
      await server.responses.purge({ prefix: '/' })
      const second = await server.ask('br')
      const hit = await server.ask('br')
      expect([first, second, hit].map(({ text }) => text.slice(0, 8))).toEqual(['<p>1</p>', '<p>2</p>', '<p>2</p>'])
      expect(isHit(hit)).toBe(true)
    })

    test('what many ask for at once is made once and encoded once', async () => {
      const server = await startSeam(subject, outside, counting(200_000))
      const answers = await Promise.all(Array.from({ length: 100 }, () => server.ask('zstd')))
      expect(new Set(answers.map(({ bytes }) => bytes.toString('base64'))).size).toBe(1)
      expect(answers[0]?.headers['content-encoding']).toBe('zstd')
      expect(told.filter(({ what }) => what === 'encoded')).toHaveLength(1)
      expect(server.handler).toHaveBeenCalledTimes(1)
    })

    test('a stream is recorded while it is encoded, and the hit has the same content', async () => {
      const content = textOf(300_000)
      const server = await start(subject, {
        compression: { store: memoryStore() },
        cache: { cache: new ResponseCache({ store: memoryStore() }), ttl: 60_000 },
        outside,
        raw: async (_request, response) => {
          response.writeHead(200, html)
          for (let sent = 0; sent < content.length; sent += 30_000) {
            response.write(content.slice(sent, sent + 30_000))
            await new Promise((resolve) => setImmediate(resolve))
          }
          response.end()
        },
      })
      for (const coding of [...codings, undefined, ...codings]) {
        const got = await server.ask(coding)
        expect([got.whole, differenceOf(Buffer.from(got.text), content)]).toEqual([true, undefined])
        expect(got.headers['content-encoding']).toBe(coding)
      }
    })

    test('the first event of a stream comes within 100 ms', async () => {
      const times: number[] = []
      const server = await start(subject, {
        compression: {},
        cache: { cache: new ResponseCache({ store: memoryStore() }) },
        outside,
        raw: (_request, response) => {
          response.writeHead(200, { 'Content-Type': 'text/event-stream' })
          response.write('data: first\n\n')
        },
      })
      for (let i = 0; i < 3; i++) {
        const asked = performance.now()
        const response = await open(server.port, 'gzip')
        expect(await nextText(decodedStream(response))).toBe('data: first\n\n')
        times.push(performance.now() - asked)
        response.on('error', () => {}).destroy()
      }
      // The machine may be busy now and then.
      expect(Math.min(...times)).toBeLessThan(100)
    })
  })

  describe('without the cache', () => {
    test.each([5_000, 100_000])('the same bytes are encoded once, wherever they come from: %i', async (size) => {
      const server = await startSeam(subject, undefined, () => ({ headers: html, body: textOf(size) }), {
        cache: undefined as never,
      })
      for (const path of ['/a', '/b', '/a']) expect((await server.ask('gzip', { path })).text).toBe(textOf(size))
      expect(told).toEqual([
        { what: 'encoded', coding: 'gzip' },
        { what: 'variant', coding: 'gzip' },
        { what: 'variant', coding: 'gzip' },
      ])
      expect(server.compressor.counts().gzip).toMatchObject({ encoded: 1, reused: 2, bytes: 3 * size })
    })

    test('what another mount with the same store has encoded is not encoded again where it is large', async () => {
      const options = { store: memoryStore() }
      const body = textOf(100_000)
      for (let i = 0; i < 2; i++) {
        const setting = { cache: undefined as never, options }
        const server = await startSeam(subject, undefined, () => ({ headers: html, body }), setting)
        expect((await server.ask('gzip')).text).toBe(body)
      }
      expect(told.map(({ what }) => what)).toEqual(['encoded', 'variant'])
    })

    test('many at once are encoded once', async () => {
      const server = await startSeam(subject, undefined, () => ({ headers: html, body: textOf(200_000) }), {
        cache: undefined as never,
      })
      const answers = await Promise.all(Array.from({ length: 100 }, () => server.ask('br')))
      expect(answers.every(({ text }) => text === textOf(200_000))).toBe(true)
      expect(told.filter(({ what }) => what === 'encoded')).toHaveLength(1)
    })

    test('another level has other encodings in the same store', async () => {
      const store = memoryStore()
      const body = Array.from({ length: 3_000 }, (_, i) => (i * 2_654_435_761) % 9_973).join(' ')
      const of = async (level: number): Promise<number> => {
        const server = await start(subject, { compression: { store, level }, handler: () => ({ headers: html, body }) })
        const got = await server.ask('gzip')
        expect(got.text).toBe(body)
        return got.bytes.length
      }
      expect(await of(9)).not.toBe(await of(1))
    })
  })

  describe('what saves next to nothing', () => {
    test.each([20_000, 200_000])('is sent as it is and tried once only: %i random bytes', async (size) => {
      const body = randomBytes(size)
      const server = await startSeam(subject, undefined, () => ({ headers: html, body }), { cache: undefined as never })
      for (let i = 0; i < 3; i++) {
        const got = await server.ask('gzip')
        expect([got.headers['content-encoding'], got.bytes.equals(body)]).toEqual([undefined, true])
        expect([got.headers['content-length'], got.headers.vary]).toEqual([String(size), 'Accept-Encoding'])
      }
      expect(told).toEqual([{ what: 'futile', coding: 'gzip' }])
    })

    test.each([
      [500, 'whole'],
      [20_000, 'whole'],
      [200_000, 'whole'],
      [500, 'in two writes'],
      [200_000, 'in two writes'],
    ])('is encoded nevertheless for who takes no identity: %i bytes %s', async (size, how) => {
      const body = randomBytes(size)
      const server = await start(subject, {
        raw: (_request, response) => {
          response.setHeader('Content-Type', 'text/plain')
          if (how === 'whole') return response.end(body)
          response.write(body.subarray(0, 300))
          response.end(body.subarray(300))
        },
      })
      for (let i = 0; i < 2; i++) {
        const got = await server.ask('gzip, identity;q=0')
        expect([got.status, got.headers['content-encoding']]).toEqual([200, 'gzip'])
        expect(differenceOf(decoded(got.bytes, 'gzip'), body)).toBeUndefined()
      }
      expect(told[0]).toEqual({ what: 'futile', coding: 'gzip' })
    })
  })

  describe('a store that other processes use, too', () => {
    test.each<[string | string[], number]>([
      ['private', 0],
      [['max-age=60', 'private'], 0],
      ['no-store', 0],
      ['private="x-name"', 0],
      ['public, max-age=60', 1],
    ])('has encodings of what is %s: %i', async (control, kept) => {
      const far = new Map<string, string>()
      const store = new Keyv({ store: far })
      for (const size of [5_000, 200_000]) {
        // The memory of this process has the others' encodings, too.
        const body = `for ${control} ${subject.name}${textOf(size)}`
        const headers = { ...html, 'Cache-Control': control }
        const server = await startSeam(subject, undefined, () => ({ headers, body }), {
          cache: undefined as never,
          options: { store },
        })
        for (let i = 0; i < 2; i++) expect((await server.ask('gzip')).text).toBe(body)
      }
      await expect.poll(() => far.size).toBe(kept)
    })

    test('is asked before something is encoded again', async () => {
      const far = new Keyv({ store: new Map() })
      const body = `shared by two${textOf(200_000)}`
      const answers: Buffer[] = []
      for (let i = 0; i < 2; i++) {
        // A memory of its own, as in another process.
        const store = tieredStore(memoryStore(), keyvStore(far))
        const setting = { cache: undefined as never, options: { store } }
        const server = await startSeam(subject, undefined, () => ({ headers: html, body }), setting)
        answers.push((await server.ask('gzip')).bytes)
      }
      expect(answers[0]?.equals(answers[1] as Buffer)).toBe(true)
      expect(told.map(({ what }) => what)).toEqual(['encoded', 'variant'])
    })

    test.each([
      ['hangs', () => new Promise<never>(() => {})],
      ['fails', () => Promise.reject(new Error('down'))],
    ])('that %s delays nothing for long', async (how, answer) => {
      const store = new Keyv({ store: { get: answer, set: answer, delete: answer, clear: answer }, emitErrors: false })
      const body = `not kept, it ${how} ${subject.name}${textOf(200_000)}`
      const server = await startSeam(subject, undefined, () => ({ headers: html, body }), {
        cache: undefined as never,
        options: { store },
      })
      const asked = performance.now()
      expect((await server.ask('gzip')).text).toBe(body)
      expect(performance.now() - asked).toBeLessThan(2_000)
    })
  })
})

describe.each(frameworks)('layers of $name between compression and cache', (subject) => {
  /** Changes what passes: it wraps whole content, and counts, so that each answer is another. */
  function layout(): Layer {
    let served = 0
    const wrap = (content: unknown): string => `<main>${++served}: ${String(content)}</main>`
    return {
      express: (_request, response, next) => {
        const end = response.end
        const parts: Buffer[] = []
        response.write = ((chunk: string | Buffer) => parts.push(Buffer.from(chunk as string)) > 0) as never
        response.writeHead = new Proxy(response.writeHead, {
          apply: (target, self, given) => {
            response.removeHeader('Content-Length')
            return Reflect.apply(target, self, given)
          },
        })
        response.end = ((chunk?: string | Buffer) => {
          if (typeof chunk === 'string' || Buffer.isBuffer(chunk)) parts.push(Buffer.from(chunk as string))
          response.removeHeader('Content-Length')
          return end.call(response, wrap(Buffer.concat(parts)) as never, 'utf8')
        }) as never
        next()
      },
      koa: async (ctx, next) => {
        await next()
        ctx.body = wrap(ctx.body)
      },
    }
  }

  test.each([5_000, 100_000])('that change the content of a hit get their own encoding: %i bytes', async (size) => {
    const server = await startSeam(subject, 'compression', counting(size), { between: layout() })
    for (let i = 1; i <= 4; i++) {
      const got = await server.ask(i % 2 === 0 ? 'gzip' : 'br')
      expect(differenceOf(Buffer.from(got.text), `<main>${i}: <p>1</p>${textOf(size)}</main>`)).toBeUndefined()
      expect(got.headers['content-encoding']).toBe(i % 2 === 0 ? 'gzip' : 'br')
    }
    expect(server.handler).toHaveBeenCalledTimes(1)
  })

  test('that answer another content in place of a hit do not get its encoding', async () => {
    let isReplacing = false
    const between: Layer = {
      express: (_request, response, next) => {
        if (isReplacing) response.type('html').send(textOf(6_000))
        else next()
      },
      koa: async (ctx, next) => {
        await next()
        if (isReplacing) ctx.body = textOf(6_000)
      },
    }
    const server = await startSeam(subject, 'compression', counting(5_000), { between })
    await server.ask('gzip')
    expect(isHit(await server.ask('gzip'))).toBe(true)
    isReplacing = true
    expect((await server.ask('gzip')).text).toBe(textOf(6_000))
    isReplacing = false
    expect((await server.ask('gzip')).text).toBe(`<p>1</p>${textOf(5_000)}`)
  })
})
