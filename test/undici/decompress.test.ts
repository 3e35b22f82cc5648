import type { IncomingMessage, ServerResponse } from 'node:http'
import { memoryStore, ResponseCache } from 'breakwater'
import { cache } from 'breakwater/undici'
import type * as undici8 from 'undici'
import { describe, expect, test } from 'vitest'
import { codings, encode, ways } from './coded-origin.ts'
import { afterwards, type Origin, releases, startOrigin, TestClock, type Undici } from './support.ts'

const text = Array.from({ length: 2_000 }, (_, i) => `line ${i}\n`).join('')
const large = Buffer.alloc(2 * 1024 * 1024, text)

/** Answers in the coding that is asked for, validates, and says in a 304 what it would have encoded. */
function negotiating({ url, headers, method }: IncomingMessage, response: ServerResponse): void {
  const coding = headers['accept-encoding'] || 'identity'
  const etag = `"v1-${coding}"`
  response.setHeader('vary', 'Accept-Encoding').setHeader('etag', etag).setHeader('cache-control', 'max-age=60')
  if (coding !== 'identity') response.setHeader('content-encoding', coding)
  if (headers['if-none-match'] === etag) return void response.writeHead(304).end()
  if (url === '/empty') return void response.writeHead(204).end()
  const content = encode(url === '/large' ? large : Buffer.from(text), coding)
  response.setHeader('content-length', content.length)
  response.end(
    url === '/cut' ? Buffer.concat([content.subarray(0, -5), Buffer.alloc(5)]) : method === 'HEAD' ? '' : content,
  )
}

/** The decompress of undici 7 takes the content that a HEAD does not have for a truncated one. */
function missing(method: string, error: { code?: string }): ArrayBuffer {
  if (method === 'HEAD' && error.code === 'Z_BUF_ERROR') return new ArrayBuffer(0)
  throw error
}

interface Answer {
  readonly status: number
  readonly fields: Record<string, string | string[] | undefined>
  readonly bytes: Buffer
}

interface Client {
  readonly origin: Origin
  readonly clock: TestClock
  readonly dispatcher: undici8.Dispatcher
  ask(coding?: string, path?: string, method?: string): Promise<Answer>
  /** What the cache itself answers, without `decompress` outside it. */
  stored(coding?: string, path?: string): Promise<Answer>
}

type Order = 'decoded' | 'encoded'

/** An agent with a cache that stores answers decoded, `decompress` being inside it, or encoded. */
async function start(undici: Undici, order: Order): Promise<Client> {
  const origin = await startOrigin(negotiating)
  const clock = new TestClock()
  const agent = new undici.Agent()
  afterwards(() => agent.destroy())
  const decompress = undici.interceptors.decompress()
  const caching = cache(new ResponseCache({ store: memoryStore(), clock }))
  const cached = order === 'decoded' ? agent.compose(decompress, caching) : agent.compose(caching)
  const dispatcher = order === 'decoded' ? cached : cached.compose(decompress)
  const asking =
    (by: undici8.Dispatcher): Client['ask'] =>
    async (coding, path = '/', method = 'GET') => {
      const headers = coding === undefined ? {} : { 'accept-encoding': coding }
      const answer = await undici.request(origin.url + path, { dispatcher: by, method, headers } as never)
      const bytes = Buffer.from(await answer.body.arrayBuffer().catch((error) => missing(method, error)))
      return { status: answer.statusCode, fields: answer.headers, bytes }
    }
  return { origin, clock, dispatcher, ask: asking(dispatcher), stored: asking(cached) }
}

const orders: [string, Order][] = [
  ['decompress inside the cache', 'decoded'],
  ['decompress outside the cache', 'encoded'],
]

describe.each(releases)('%s', (_, undici) => {
  describe.each(orders)('%s', (_where, order) => {
    test.each(codings)('%s: misses, hits and answers made fresh by a 304 are decoded', async (coding) => {
      const { ask, origin, clock } = await start(undici, order)
      const check = async (asked: number): Promise<void> => {
        const { fields, bytes } = await ask(coding)
        expect(bytes.toString()).toBe(text)
        expect(fields['content-encoding']).toBeUndefined()
        expect(fields['content-length'] ?? String(text.length)).toBe(String(text.length))
        expect(fields.etag).toBe(`"v1-${coding}"`)
        expect(fields.vary).toBe('Accept-Encoding')
        expect(origin.seen).toHaveLength(asked)
      }
      for (let i = 0; i < 3; i++) await check(1)
      clock.pass(61)
      await check(2)
      expect(origin.seen[1]?.headers['if-none-match']).toBe(`"v1-${coding}"`)
      for (let i = 0; i < 2; i++) await check(2)
    })

    test.each(codings)('%s: content that is stored in parts', async (coding) => {
      const { ask, origin } = await start(undici, order)
      for (let i = 0; i < 3; i++) expect((await ask(coding, '/large')).bytes.equals(large)).toBe(true)
      expect(origin.seen).toHaveLength(1)
    })

    test('Vary: each coding is stored on its own, and so is the content of who asks for none', async () => {
      const { ask, origin } = await start(undici, order)
      const all = [...codings, undefined]
      for (let i = 0; i < 2; i++) {
        for (const coding of all) {
          const { bytes, fields } = await ask(coding)
          expect(bytes.toString()).toBe(text)
          expect(fields.etag).toBe(`"v1-${coding ?? 'identity'}"`)
        }
        expect(origin.seen).toHaveLength(all.length)
      }
    })

    test('an answer without coding stays as it is', async () => {
      const { ask, stored } = await start(undici, order)
      await ask()
      const { bytes, fields } = await stored()
      expect(bytes.toString()).toBe(text)
      expect(fields['content-length']).toBe(String(text.length))
    })

    test('204 stays empty', async () => {
      const { ask } = await start(undici, order)
      for (let i = 0; i < 2; i++) {
        expect(await ask('gzip', '/empty')).toMatchObject({ status: 204, bytes: Buffer.alloc(0) })
      }
    })

    test('HEAD is answered by what a GET left, without content', async () => {
      const { ask, origin } = await start(undici, order)
      await ask('gzip')
      const head = await ask('gzip', '/', 'HEAD')
      expect(head).toMatchObject({ status: 200, bytes: Buffer.alloc(0) })
      expect(head.fields.etag).toBe('"v1-gzip"')
      expect(origin.seen).toHaveLength(1)
    })

    test('a HEAD that goes to the origin leaves nothing wrong behind', async () => {
      const { ask, clock } = await start(undici, order)
      await ask('gzip')
      clock.pass(61)
      expect((await ask('gzip', '/', 'HEAD')).bytes).toHaveLength(0)
      for (let i = 0; i < 2; i++) {
        const { bytes, fields } = await ask('gzip')
        expect(bytes.toString()).toBe(text)
        expect(fields['content-encoding']).toBeUndefined()
      }
    })
  })

  test.each(codings)('%s inside: it is stored decoded, without the fields of the encoding', async (coding) => {
    const { ask, stored, origin, clock } = await start(undici, 'decoded')
    const check = async (): Promise<void> => {
      const { fields, bytes } = await stored(coding)
      expect(bytes.toString()).toBe(text)
      expect(fields['content-encoding']).toBeUndefined()
      expect(fields['content-length'] ?? String(text.length)).toBe(String(text.length))
    }
    await ask(coding)
    await check()
    // A 304 names the coding of what it did not send: that is not true of what is stored.
    clock.pass(61)
    await check()
    await check()
    expect(origin.seen).toHaveLength(2)
  })

  test.each(codings)('%s outside: it is stored as it came', async (coding) => {
    const { ask, stored, origin } = await start(undici, 'encoded')
    await ask(coding)
    const { fields, bytes } = await stored(coding)
    expect(bytes.equals(encode(Buffer.from(text), coding))).toBe(true)
    expect(fields['content-encoding']).toBe(coding)
    expect(fields['content-length']).toBe(String(bytes.length))
    expect(origin.seen).toHaveLength(1)
  })

  test.each(codings)('%s inside: an encoding that is broken is not stored', async (coding) => {
    const { ask, origin } = await start(undici, 'decoded')
    for (let i = 0; i < 2; i++) await expect(ask(coding, '/cut')).rejects.toThrow()
    expect(origin.seen).toHaveLength(2)
  })

  test('outside: an encoding that is broken is stored as it came, and broken for all', async () => {
    const { ask, origin } = await start(undici, 'encoded')
    for (let i = 0; i < 2; i++) await expect(ask('gzip', '/cut')).rejects.toThrow()
    expect(origin.seen).toHaveLength(1)
  })
})

test.each(ways.flatMap((way) => orders.map(([where, order]) => [way[0], where, way, order] as const)))(
  '%s, %s: content is decoded once',
  async (_name, _where, [, undici, read], order) => {
    const { origin, dispatcher } = await start(undici, order)
    for (const coding of codings) {
      const headers = { 'accept-encoding': coding }
      for (let i = 0; i < 3; i++) expect(await read(origin.url, dispatcher, { headers })).toBe(text.length)
    }
    expect(origin.seen).toHaveLength(codings.length)
  },
)
