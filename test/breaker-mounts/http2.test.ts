import {
  type ClientHttp2Session,
  connect,
  createServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { BreakerRegistry } from 'breakwater'
import { circuitBreaker } from 'breakwater/koa'
import type { Middleware } from 'koa'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { newKoa } from '../bridges/subjects/koa.ts'

const closing: (() => void)[] = []

afterEach(() => {
  for (const close of closing.splice(0)) close()
})

type Writing = (request: Http2ServerRequest, response: Http2ServerResponse) => void

/** A handler of Node's behind a mount, over HTTP/2; Koa is the one of the frameworks that speaks it. */
async function started(layers: readonly Middleware[], writes: Writing) {
  const app = newKoa('koa')
  for (const layer of layers) app.use(layer)
  app.use((ctx) => {
    ctx.respond = false
    writes(ctx.req as unknown as Http2ServerRequest, ctx.res as unknown as Http2ServerResponse)
  })
  const server = createServer(app.callback() as never)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  session.on('error', () => {})
  closing.push(() => {
    session.destroy()
    server.close()
  })
  return session
}

async function asked(session: ClientHttp2Session, method = 'GET') {
  const stream = session.request({ ':path': '/', ':method': method })
  const seen: unknown[] = []
  stream.on('headers', (head) => seen.push(head[':status'], head.link))
  stream.on('response', (head) => seen.push(head[':status'], head['content-type'], head['retry-after']))
  stream.on('trailers', (tail) => seen.push(tail['x-sum']))
  stream.on('error', () => {})
  let body = ''
  stream.setEncoding('utf8').on('data', (chunk: string) => (body += chunk))
  await new Promise((resolve) => stream.once('close', resolve))
  return { seen, body, code: stream.rstCode }
}

function mounted() {
  const registry = new BreakerRegistry({ minimumThroughput: Infinity })
  const breaker = registry.of('orders')
  return { registry, breaker, mount: circuitBreaker({ registry, name: 'orders' }) }
}

describe('on HTTP/2', () => {
  const shapes: [title: string, writes: Writing, failed: number, total: number][] = [
    ['head, parts and trailers', parts, 0, 1],
    ['one end', (_q, r) => void r.end('all'), 0, 1],
    ['204', (_q, r) => void r.writeHead(204).end(), 0, 1],
    ['500', (_q, r) => void r.writeHead(500).end('bad'), 1, 1],
    ['destroyed by its handler', (_q, r) => void r.write('a', () => r.destroy()), 1, 1],
    ['destroyed by an error', (_q, r) => void r.write('a', () => r.destroy(new Error('bad'))), 1, 1],
    ['an end that comes later', later, 0, 1],
  ]
  test.each(shapes)('%s: nothing changes, and it is judged', async (_title, writes, failed, total) => {
    const warnings = vi.spyOn(process, 'emitWarning')
    const { breaker, mount } = mounted()
    const bare = await started([], writes)
    const session = await started([mount], writes)
    for (const method of ['GET', 'HEAD']) expect(await asked(session, method)).toEqual(await asked(bare, method))
    await expect.poll(() => breaker.counts).toMatchObject({ failed: 2 * failed, total: 2 * total, inFlight: 0 })
    expect(warnings).not.toHaveBeenCalled()
    warnings.mockRestore()
  })

  test('a stream that its handler destroys is a failure', async () => {
    const { breaker, mount } = mounted()
    await asked(await started([mount], (_q, r) => void r.write('a', () => r.stream.destroy())))
    await expect.poll(() => breaker.counts).toMatchObject({ failed: 1, total: 1, inFlight: 0 })
  })

  test.each([
    ['cancels', (session: ClientHttp2Session, cancel: () => void) => void (session.closed || cancel())],
    ['loses its connection', (session: ClientHttp2Session) => session.destroy()],
  ])('a client that %s is neutral', async (_how, leave) => {
    const { breaker, mount } = mounted()
    const session = await started([mount], (_q, r) => void r.write('begun'))
    const stream = session.request({ ':path': '/' })
    stream.on('error', () => {})
    await new Promise((resolve) => stream.once('data', resolve))
    leave(session, () => stream.close(8))
    await expect.poll(() => breaker.counts).toMatchObject({ total: 0, inFlight: 0 })
  })

  test.each([
    ['without an error', 0],
    ['by an error of its own', 2],
    ['as one that it does not want', 8],
  ])('a client that resets its stream %s is neutral, though something waits to be sent', async (_how, code) => {
    const { breaker, mount } = mounted()
    const session = await started([mount], (_q, r) => void r.write(Buffer.alloc(500_000)))
    const stream = session.request({ ':path': '/' })
    stream.on('error', () => {})
    await new Promise((resolve) => stream.once('response', resolve))
    stream.close(code)
    await expect.poll(() => breaker.counts).toMatchObject({ total: 0, inFlight: 0 })
  })

  test.each([0, 2, 8])('a client that leaves by %i before its HEAD is answered is neutral', async (code) => {
    const { breaker, mount } = mounted()
    const leaving = (await started([mount], () => {})).request({ ':path': '/', ':method': 'HEAD' })
    leaving.on('error', () => {})
    await expect.poll(() => breaker.counts.inFlight).toBe(1)
    leaving.close(code)
    await expect.poll(() => breaker.counts).toMatchObject({ total: 0, inFlight: 0 })
  })

  test('a refused request is answered 503', async () => {
    const { breaker, mount } = mounted()
    breaker.isolate()
    const { seen, body } = await asked(await started([mount], parts))
    expect(seen).toEqual([503, 'application/problem+json', '1'])
    expect(JSON.parse(body)).toMatchObject({ status: 503, breaker: 'orders' })
  })
})

function parts(_request: Http2ServerRequest, response: Http2ServerResponse): void {
  response.writeEarlyHints({ link: '</a.css>; rel=preload' })
  response.writeHead(200, { 'Content-Type': 'text/plain' })
  response.addTrailers({ 'X-Sum': '1' })
  response.write('part ')
  response.end('the rest')
}

function later(_request: Http2ServerRequest, response: Http2ServerResponse): void {
  response.write('part ')
  setTimeout(() => response.end('the rest'), 30)
}
