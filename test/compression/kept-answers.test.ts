import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import express, { type RequestHandler } from 'express'
import Koa from 'koa'
import { request } from 'undici'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { ContentNames } from '../../src/core/compression/content-names.ts'
import { Compressor, memoryStore, ResponseCache } from '../../src/index.ts'
import * as forExpress from '../../src/middleware/express/index.ts'
import * as forKoa from '../../src/middleware/koa/index.ts'
import { shield } from '../../src/middleware/node/index.ts'
import { ManualClock } from '../support/engine.ts'

const content = 'a page of some length, '.repeat(200)
const fields = {
  'Content-Type': 'text/plain',
  'Cache-Control': 'public, max-age=60',
  ETag: '"page"',
  'Accept-Ranges': 'bytes',
  'Repr-Digest': 'sha-256=:abc:',
}

let server: Server | undefined

afterEach(() => {
  server?.close()
  server = undefined
  vi.restoreAllMocks()
})

/** Asks a listener three times: the second and third answers come from its cache. */
async function third(listener: RequestListener, accept = 'gzip') {
  server ??= createServer(listener).listen(0, '127.0.0.1')
  if (!server.listening) await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const ask = async () => {
    const { headers, body } = await request(url, { headers: { 'accept-encoding': accept } })
    return { headers, bytes: Buffer.from(await body.arrayBuffer()) }
  }
  await ask()
  await ask()
  return ask()
}

const page: RequestHandler = (_request, response) => {
  response.writeHead(200, fields)
  response.end(content)
}

function expressApp(compressor: Compressor, ...outside: RequestHandler[]): RequestListener {
  const app = express()
  for (const middleware of outside) app.use(middleware)
  const cache = new ResponseCache({ store: memoryStore() })
  app.use(forExpress.compression(compressor), forExpress.cache({ cache }))
  app.get('/', page)
  return app
}

describe('an answer that the cache keeps and that was encoded before', () => {
  const mounts: [string, (compressor: Compressor) => RequestListener][] = [
    ['express', expressApp],
    [
      'koa',
      (compressor) => {
        const app = new Koa()
        app.use(forKoa.compression(compressor))
        app.use(forKoa.cache({ cache: new ResponseCache({ store: memoryStore() }) }))
        app.use((ctx) => {
          ctx.set(fields)
          ctx.body = content
        })
        return app.callback()
      },
    ],
    [
      'shield',
      (compressor) => {
        const cache = new ResponseCache({ store: memoryStore() })
        return shield((_request, response) => void response.writeHead(200, fields).end(content), {
          cache,
          compression: compressor,
        })
      },
    ],
  ]

  test.each(mounts)('%s: has the fields of its encoding, and is counted', async (_name, mount) => {
    const compressor = new Compressor({ store: memoryStore() })
    const { headers, bytes } = await third(mount(compressor))
    expect(headers['cache-status']).toMatch(/hit/)
    expect(gunzipSync(bytes).toString()).toBe(content)
    expect(headers).toMatchObject({
      'content-encoding': 'gzip',
      'content-length': String(bytes.length),
      'content-type': 'text/plain',
      etag: 'W/"page"',
      vary: 'Accept-Encoding',
    })
    expect(headers).not.toHaveProperty('accept-ranges')
    expect(headers).not.toHaveProperty('repr-digest')
    expect(compressor.counts().gzip).toMatchObject({ encoded: 1, reused: 2 })
  })

  test('keeps what middleware outside has set', async () => {
    const outside: RequestHandler = (_request, response, next) => {
      response.set({ Vary: 'Origin', 'X-Outside': 'yes', ETag: '"outside"' })
      next()
    }
    const { headers, bytes } = await third(expressApp(new Compressor({ store: memoryStore() }), outside))
    expect(gunzipSync(bytes).toString()).toBe(content)
    expect(headers.vary).toMatch(/^Origin, *Accept-Encoding$/)
    expect(headers).toMatchObject({ etag: 'W/"outside"', 'x-outside': 'yes' })
  })

  test('is left alone where its response says so', async () => {
    const outside: RequestHandler = (_request, response, next) => {
      response.compress = false
      next()
    }
    const { headers, bytes } = await third(expressApp(new Compressor({ store: memoryStore() }), outside))
    expect(headers).not.toHaveProperty('content-encoding')
    expect(bytes.toString()).toBe(content)
  })

  test('goes through a layer that was put between', async () => {
    const app = express()
    app.use(forExpress.compression())
    app.use((_request, response, next) => {
      const { end } = response
      response.end = function between(this: typeof response, ...args: unknown[]) {
        const [chunk] = args
        return Reflect.apply(end, this, [Buffer.from(String(chunk).toUpperCase())])
      } as typeof end
      next()
    })
    app.use(forExpress.cache({ cache: new ResponseCache({ store: memoryStore() }) }))
    app.get('/', page)
    const { bytes } = await third(app)
    expect(gunzipSync(bytes).toString()).toBe(content.toUpperCase())
  })

  test('is another one for each coding', async () => {
    const listener = expressApp(new Compressor({ store: memoryStore() }))
    for (const coding of ['gzip', 'br', 'gzip', 'zstd']) {
      expect((await third(listener, coding)).headers['content-encoding']).toBe(coding)
    }
    expect((await third(listener, 'identity')).headers).not.toHaveProperty('content-encoding')
  })

  test('is planned once for each coding, whichever are asked for in turn', async () => {
    const compressor = new Compressor({ store: memoryStore() })
    const clock = new ManualClock()
    const cache = new ResponseCache({ clock, store: memoryStore({ clock }) })
    const listener = shield((_request, response) => void response.writeHead(200, fields).end(content), {
      cache,
      compression: compressor,
    })
    const codings = ['gzip', 'br', 'zstd']
    for (const coding of codings) await third(listener, coding)
    const planned = vi.spyOn(compressor, 'keyOf')
    for (const coding of [...codings, ...codings]) {
      const { headers } = await third(listener, coding)
      expect([headers['cache-status'], headers['content-encoding']]).toEqual([expect.stringMatching(/hit/), coding])
    }
    // Its lines are the same for a whole second.
    expect(planned).not.toHaveBeenCalled()
  })

  test.each([
    ['a type that does not become smaller', { 'Content-Type': 'image/png' }, 100_000],
    ['no-transform', { 'Content-Type': 'text/plain', 'Cache-Control': 'max-age=60, no-transform' }, 100_000],
    ['more than is remembered', { 'Content-Type': 'text/plain' }, 1_100_000],
  ])('is not looked at where there cannot be one: %s', async (_what, head, size) => {
    const names = vi.spyOn(ContentNames.prototype, 'of')
    const cache = new ResponseCache({ store: memoryStore() })
    const listener = shield((_request, response) => void response.writeHead(200, head).end(Buffer.alloc(size, 'a')), {
      cache: { cache, ttl: 60_000 },
      compression: { store: memoryStore() },
    })
    expect((await third(listener)).headers['cache-status']).toMatch(/hit/)
    expect(names).not.toHaveBeenCalled()
  })

  test('is framed as the response says already', async () => {
    const outside: RequestHandler = (_request, response, next) => {
      response.setHeader('Transfer-Encoding', 'chunked')
      next()
    }
    const { headers, bytes } = await third(expressApp(new Compressor({ store: memoryStore() }), outside))
    expect(gunzipSync(bytes).toString()).toBe(content)
    expect(headers['cache-status']).toMatch(/hit/)
    expect(headers['transfer-encoding']).toBe('chunked')
    expect(headers).not.toHaveProperty('content-length')
  })
})
