import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { memoryStore, ResponseCache } from 'breakwater'
import express, { type RequestHandler } from 'express'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { fetchFrom } from './client.ts'
import { normalised, requestText, sendRaw } from './raw-client.ts'
import { cacheOf, type Handler, type Kind, listen, type Mounted, mounted, type Running, serve } from './subjects.ts'

const key = 'dGhlIHNhbXBsZSBub25jZQ=='
const upgradeLines = ['Connection: Upgrade', 'Upgrade: websocket', `Sec-WebSocket-Key: ${key}`]

describe.each<Kind>(['node', 'express 5', 'express 4'])('on %s', (kind) => {
  const running: Running[] = []
  afterEach(async () => {
    await Promise.all(running.splice(0).map((one) => one.close()))
  })

  async function sameBytes(handler: Handler, request: string, prepare: (server: Running) => void = () => {}) {
    const answers: string[] = []
    for (const mount of [undefined, mounted(), mounted({ ttl: 60_000 })] as (Mounted | undefined)[]) {
      const one = await serve(kind, handler, mount)
      running.push(one)
      prepare(one)
      answers.push(normalised(await sendRaw(one.port, request)))
    }
    expect(answers[0]).not.toBe('')
    expect(answers[1]).toBe(answers[0])
    expect(answers[2]).toBe(answers[0])
    return answers[0] as string
  }

  test('101 written by the handler', async () => {
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
    const bytes = await sameBytes(
      (request, response) => {
        response.writeHead(101, { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Accept': accept })
        response.flushHeaders()
        request.socket.write('frames')
        request.socket.end()
      },
      requestText({ path: '/', lines: upgradeLines }),
    )
    expect(bytes).toContain('101 Switching Protocols')
    expect(bytes).toContain('frames')
  })

  test('a server that upgrades connections', async () => {
    const bytes = await sameBytes(
      (_request, response) => response.end('not upgraded'),
      requestText({ path: '/', lines: upgradeLines }),
      ({ server }) =>
        server.on('upgrade', (_request, socket) => socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\nframes')),
    )
    expect(bytes).toContain('frames')
  })

  test('an upgrade that the handler declines', () =>
    sameBytes(
      (_request, response) => response.setHeader('Connection', 'close').writeHead(426).end('declined'),
      requestText({ path: '/', lines: upgradeLines }),
    ))

  test('Expect: 100-continue', async () => {
    const bytes = await sameBytes(
      async (request, response) => {
        let body = ''
        for await (const chunk of request) body += chunk
        response.end(`got ${body}`)
      },
      `${requestText({ method: 'POST', path: '/', lines: ['Expect: 100-continue', 'Content-Length: 4', 'Connection: close'] })}body`,
    )
    expect(bytes).toMatch(/^HTTP\/1\.1 100 Continue/)
  })

  test.each(['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'GET'])('%s with content', async (method) => {
    await sameBytes(
      async (request, response) => {
        let body = ''
        for await (const chunk of request) body += chunk
        response.writeHead(200, { 'X-Method': String(request.method) }).end(body)
      },
      `${requestText({ method, path: '/', lines: ['Content-Length: 4', 'Connection: close'] })}body`,
    )
  })

  test('a socket that the handler takes over', () =>
    sameBytes(
      (request) => {
        request.socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      },
      requestText({ path: '/' }),
    ))
})

describe('a layer outside that answers while the cache waits', () => {
  let running: Running
  afterEach(() => running.close())

  const impatient: RequestHandler = (_request, response, next) => {
    next()
    setTimeout(() => response.writeHead(503).end('too late'), 30)
  }

  test('for a store', async () => {
    const near = memoryStore()
    const isAnswered = Promise.withResolvers<void>()
    const slow = {
      name: 'slow',
      near: false,
      maxEntrySize: 1_000_000,
      get: async (key: string) => {
        await isAnswered.promise
        return near.get(key)
      },
      set: async (...item: Parameters<typeof near.set>) => near.set(...item),
      delete: async () => {},
      clear: async () => {},
      reserve: () => true,
      release: () => {},
    }
    const mount = mounted({ cache: new ResponseCache({ store: slow, storeTimeout: 10_000 }), ttl: 60_000 })
    const handler = vi.fn<RequestHandler>((_request, response) => void response.end('answer'))
    const failed = vi.fn()
    const app = express().use(impatient, cacheOf(mount), handler)
    app.use(((_error, _request, _response, _next) => failed()) as express.ErrorRequestHandler)
    running = await listen(createServer(app))
    expect(await fetchFrom(running.url)).toMatchObject({ status: 503, body: 'too late', whole: true })
    isAnswered.resolve()
    await sleep(60)
    expect(handler).not.toHaveBeenCalled()
    expect(failed).not.toHaveBeenCalled()
    expect(mount.responses.inFlight.size).toBe(0)
  })

  test('for the answer under way', async () => {
    const mount = mounted({ ttl: 60_000 })
    const failed = vi.fn()
    const isAnswered = Promise.withResolvers<void>()
    const app = express().use(
      (request, response, next) => (request.headers['x-wait'] === 'no' ? impatient(request, response, next) : next()),
      cacheOf(mount),
      async (_request, response) => {
        await isAnswered.promise
        response.end('answer')
      },
    )
    app.use(((_error, _request, _response, _next) => failed()) as express.ErrorRequestHandler)
    running = await listen(createServer(app))
    const leader = fetchFrom(running.url)
    await vi.waitFor(() => expect(mount.responses.inFlight.size).toBe(1))
    expect(await fetchFrom(running.url, { 'X-Wait': 'no' })).toMatchObject({
      status: 503,
      body: 'too late',
      whole: true,
    })
    isAnswered.resolve()
    expect((await leader).body).toBe('answer')
    await sleep(20)
    expect(failed).not.toHaveBeenCalled()
    expect(mount.responses.inFlight.size).toBe(0)
  })
})
