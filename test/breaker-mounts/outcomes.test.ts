import { connect } from 'node:net'
import { PassThrough } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { BreakerRegistry, CircuitOpenError } from 'breakwater'
import { describe, expect, test } from 'vitest'
import { askRaw } from '../bridges/wire.ts'
import { type Act, frameworks, parts, startSubject } from './subjects.ts'

const get = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n'
const silent = { failureWindow: 1_000_000, consecutiveFailures: Infinity }

/** A client that asks and leaves when told. */
function leaving(port: number, method: 'destroy' | 'resetAndDestroy' = 'destroy') {
  const socket = connect(port, '127.0.0.1', () => socket.write(get))
  socket.on('error', () => {})
  return { socket, leave: () => socket[method]() }
}

describe.each(frameworks)('$name: the outcome of a call', (framework) => {
  const outcomes: [title: string, act: () => Act, failed: number, total: number][] = [
    ['a 200 is a success', () => ({ body: 'good' }), 0, 1],
    ['a 404 is a success', () => ({ status: 404, body: 'none' }), 0, 1],
    ['a 501 is a success', () => ({ status: 501, body: 'none' }), 0, 1],
    ['a 204 is a success', () => ({ status: 204 }), 0, 1],
    ['a 304 is a success', () => ({ status: 304 }), 0, 1],
    ['a 500 is a failure', () => ({ status: 500, body: 'bad' }), 1, 1],
    ['a 502 is a failure', () => ({ status: 502, body: 'bad' }), 1, 1],
    ['a 503 is a failure', () => ({ status: 503, body: 'bad' }), 1, 1],
    ['a 504 is a failure', () => ({ status: 504, body: 'bad' }), 1, 1],
    ['a 429 is neutral', () => ({ status: 429, body: 'slower' }), 0, 0],
    ['a thrown error is one failure', () => ({ throws: new Error('bad') }), 1, 1],
    ['a thrown error with the status 404 is a success', () => ({ throws: withStatus(404) }), 0, 1],
    ['a stream that ends is a success', () => ({ streams: parts(['a', 'b']) }), 0, 1],
    [
      'an end that cannot be, and the error page for it, is one failure',
      () => ({ writes: (_q, r) => r.end(42) }),
      1,
      1,
    ],
    ['trailers, 103 and a flushed head make no difference', () => ({ writes: fully }), 0, 1],
    [
      'a response that its handler destroys is a failure',
      () => ({ writes: (_q, r) => begin(r, () => r.destroy()) }),
      1,
      1,
    ],
    [
      'a connection that its handler cuts is a failure',
      () => ({ writes: (q, r) => begin(r, () => q.socket.destroy()) }),
      1,
      1,
    ],
    ['a response destroyed before its head is a failure', () => ({ writes: (_q, r) => r.destroy() }), 1, 1],
    ['a stream that breaks in the middle is a failure', () => ({ streams: parts(['a'], new Error('broken')) }), 1, 1],
    [
      'an error after the head is a failure',
      () => ({ writes: (_q, r) => begin(r, () => r.destroy(new Error('bad'))) }),
      1,
      1,
    ],
  ]
  test.each(outcomes)('%s', async (_title, act, failed, total) => {
    const { port, breaker } = await startSubject(framework, { breaker: silent }, act)
    await askRaw(port, get.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))
    await expect.poll(() => breaker.counts).toMatchObject({ failed, total, inFlight: 0 })
  })

  test('a HEAD is judged as a GET is', async () => {
    const { request, breaker } = await startSubject(framework, { breaker: silent }, () => ({
      status: 500,
      body: 'bad',
    }))
    await request('/', { method: 'HEAD' })
    expect(breaker.counts).toMatchObject({ failed: 1, total: 1, inFlight: 0 })
  })

  test('what a client gets is what it would get without a breaker', async () => {
    const raw = async (layers: readonly ['breaker'] | readonly []): Promise<string> => {
      const { port } = await startSubject(framework, { layers }, () => ({ writes: fully }))
      const got = await askRaw(port, get.replace('\r\n\r\n', '\r\nTE: trailers\r\nConnection: close\r\n\r\n'))
      return got.replace(/Date: .*\r\n/, '')
    }
    expect(await raw(['breaker'])).toBe(await raw([]))
  })

  test('a client that leaves is neutral, by a FIN, a reset, in the middle or while it does not read', async () => {
    const { port, breaker, calls } = await startSubject(framework, { breaker: silent }, (url) => ({
      writes: (_q, response) => {
        if (calls() > 2) response.write(url === '/' ? Buffer.alloc(8_000_000) : 'begun')
      },
    }))
    for (const [n, how] of (['destroy', 'resetAndDestroy', 'destroy', 'resetAndDestroy'] as const).entries()) {
      const { leave } = leaving(port, how)
      await expect.poll(calls).toBe(n + 1)
      leave()
      await expect.poll(() => breaker.counts.inFlight).toBe(0)
    }
    expect(breaker.counts).toMatchObject({ total: 0, failed: 0 })
  })

  test('a handler that destroys its response because the client left is neutral', async () => {
    const { port, breaker, calls } = await startSubject(framework, { breaker: silent }, () => ({
      writes: (request, response) => {
        request.on('aborted', () => response.destroy(new Error('left')))
        request.on('close', () => response.destroy())
      },
    }))
    const { leave } = leaving(port)
    await expect.poll(calls).toBe(1)
    leave()
    await expect.poll(() => breaker.counts.inFlight).toBe(0)
    expect(breaker.counts).toMatchObject({ total: 0, failed: 0 })
  })

  test('1,000 clients that leave leave nothing behind', async () => {
    const { port, breaker, calls } = await startSubject(framework, { breaker: silent }, () => ({ writes: () => {} }))
    for (let round = 1; round <= 10; round++) {
      const clients = Array.from({ length: 100 }, () => leaving(port))
      await expect.poll(calls).toBe(round * 100)
      for (const { leave } of clients) leave()
      await expect.poll(() => breaker.counts.inFlight).toBe(0)
    }
    expect(breaker.counts).toMatchObject({ total: 0, failed: 0, inFlight: 0 })
  })

  test('a client that leaves a probe lets the next one try', async () => {
    const acts: Act[] = [{ status: 500, body: '' }, { writes: () => {} }, { body: 'good' }]
    const { port, breaker, calls, clock, request } = await startSubject(framework, {}, () => acts[calls() - 1]!)
    await request()
    clock.pass(5)
    const { leave } = leaving(port)
    await expect.poll(() => breaker.state).toBe('half-open')
    expect((await request()).status).toBe(503)
    leave()
    await expect.poll(() => breaker.counts.inFlight).toBe(0)
    expect((await request()).status).toBe(200)
    expect(breaker.state).toBe('closed')
  })

  test('isFailure decides; an error that is none is neutral', async () => {
    const isFailure = (outcome: { status?: number }) => outcome.status === 404
    const acts: Act[] = [{ status: 404 }, { status: 500, body: '' }, { writes: (_q, r) => begin(r, () => r.destroy()) }]
    const { port, breaker, calls } = await startSubject(
      framework,
      { breaker: { ...silent, isFailure } },
      () => acts[calls() - 1]!,
    )
    for (const _ of acts) await askRaw(port, get.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))
    await expect.poll(() => breaker.counts).toMatchObject({ failed: 1, total: 2, inFlight: 0 })
  })

  test('a call that another breaker refused inside is neutral', async () => {
    const refused = new TypeError('fetch failed', {
      cause: new CircuitOpenError('https://api.test', 'open', 'open', 900),
    })
    const setting = { layers: ['breaker', 'errors'], breaker: silent } as const
    const { request, breaker } = await startSubject(framework, setting, () => ({ throws: refused }))
    expect((await request()).status).toBe(503)
    expect(breaker.counts).toMatchObject({ failed: 0, total: 0, inFlight: 0 })
  })

  test('two mounts on one way both judge', async () => {
    const registry = new BreakerRegistry(silent)
    const breaker = { registry, name: 'orders' }
    const setting = { layers: ['second', 'breaker'], breaker, second: { registry, name: 'all' } } as const
    const { request } = await startSubject(framework, setting, () => ({ status: 500, body: 'bad' }))
    await request()
    expect(registry.list().map(({ name, counts }) => [name, counts.failed, counts.inFlight])).toEqual([
      ['all', 1, 0],
      ['orders', 1, 0],
    ])
  })
})

describe.each(frameworks)('$name: slowness', (framework) => {
  const slow = { ...silent, slowCallRate: 1, slowCallDuration: 1_000 }

  test('is measured to the last write of the handler', async () => {
    const { request, breaker, clock } = await startSubject(framework, { breaker: slow }, () => ({
      writes: async (_q, response) => {
        response.write('begun')
        await sleep(1)
        clock.pass(1)
        response.end('ended')
      },
    }))
    await request()
    expect(breaker.counts).toMatchObject({ slow: 1, total: 1, failed: 0 })
  })

  test('a fast handler is not slow', async () => {
    const { request, breaker, clock } = await startSubject(framework, { breaker: slow }, () => {
      clock.pass(0.9)
      return { body: 'good' }
    })
    await request()
    expect(breaker.counts).toMatchObject({ slow: 0, total: 1 })
  })

  test('a client that reads nothing after end() makes no call slow', async () => {
    const { port, breaker, clock } = await startSubject(framework, { breaker: slow }, () => ({
      writes: (_q, response) => response.end(Buffer.alloc(20_000_000)),
    }))
    const { socket, leave } = leaving(port)
    socket.pause()
    await expect.poll(() => breaker.counts.total).toBe(1)
    clock.pass(60)
    expect(breaker.counts).toMatchObject({ slow: 0, total: 1, inFlight: 0 })
    leave()
  })

  test('what a pipe waits for a slow client makes no call slow', async () => {
    const source = new PassThrough()
    const { port, breaker, clock } = await startSubject(framework, { breaker: slow }, () => ({ streams: source }))
    const { socket } = leaving(port)
    socket.pause()
    const chunk = Buffer.alloc(1_000_000)
    let written = 0
    while (written < 200 && source.write(chunk)) {
      written++
      await sleep(1)
    }
    for (; written < 20; written++) source.write(chunk)
    source.end()
    await sleep(50)
    expect(breaker.counts.total).toBe(0)
    clock.pass(60)
    socket.resume()
    await expect.poll(() => breaker.counts).toMatchObject({ total: 1, slow: 0, failed: 0 })
    socket.destroy()
  })

  test('a probe that streams without end has succeeded when its time is over', async () => {
    const acts: Act[] = [
      { status: 500, body: '' },
      { writes: (_q, response) => response.writeHead(200, { 'Content-Type': 'text/event-stream' }).flushHeaders() },
    ]
    const { request, port, breaker, calls, clock } = await startSubject(framework, {}, () => acts[calls() - 1]!)
    await request()
    clock.pass(5)
    const { socket } = leaving(port)
    await expect.poll(() => breaker.state).toBe('half-open')
    await expect.poll(calls).toBe(2)
    await new Promise((resolve) => socket.once('data', resolve))
    clock.pass(9)
    expect(breaker.state).toBe('half-open')
    clock.pass(1.1)
    expect(breaker.state).toBe('closed')
    socket.destroy()
  })
})

function withStatus(status: number): Error {
  return Object.assign(new Error('none'), { status, expose: true })
}

function begin(response: { write(text: string): unknown }, then: () => void): void {
  response.write('begun')
  setTimeout(then, 20)
}

function fully(_request: unknown, response: import('node:http').ServerResponse): void {
  response.writeEarlyHints({ link: '</a.css>; rel=preload' })
  response.writeHead(200, { Trailer: 'X-Sum', 'Content-Type': 'text/plain' })
  response.flushHeaders()
  response.write('part ', 'latin1', () => {
    response.addTrailers({ 'X-Sum': '1' })
    response.end('the rest', () => {})
  })
}
