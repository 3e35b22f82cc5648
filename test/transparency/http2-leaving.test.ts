import { randomBytes } from 'node:crypto'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  createServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { memoryStore, ResponseCache } from 'breakwater'
import { type ShieldOptions, shield } from 'breakwater/node'
import { afterEach, describe, expect, test } from 'vitest'
import { clientSignal } from '../../src/middleware/node/client-signal.ts'

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

type Handle = (request: Http2ServerRequest, response: Http2ServerResponse) => void

async function started(handle: Handle, options: ShieldOptions | undefined) {
  const open = new Set<Http2ServerResponse>()
  const server = createServer((options === undefined ? handle : shield(handle as never, options)) as Handle)
  server.prependListener('request', (_request, response) => {
    open.add(response)
    response.on('close', () => open.delete(response))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const session: ClientHttp2Session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  session.on('error', () => {})
  closing.push(() => {
    session.destroy()
    server.close()
  })
  return { session, open }
}

function cached() {
  const store = memoryStore()
  const responses = new ResponseCache({ store })
  return { store, responses, options: { cache: { cache: responses, ttl: 60_000 } } }
}

function asked(session: ClientHttp2Session, method = 'GET'): ClientHttp2Stream {
  const stream = session.request({ ':path': '/', ':method': method, 'accept-encoding': 'gzip' })
  stream.on('error', () => {})
  return stream
}

const hasHead = (stream: ClientHttp2Stream) => new Promise((resolve) => stream.once('response', resolve))

/** More than a client takes that does not read. */
const half: Handle = (_request, response) => {
  response.setHeader('Content-Length', 1_000_000)
  response.write(Buffer.alloc(500_000))
}

describe.each([
  ['without an error', 0],
  ['by an error of its own', 2],
  ['as one that it does not want', 8],
])('on HTTP/2, a client that resets its stream %s', (_how, code) => {
  test('while something waits to be sent leaves nothing under way', async () => {
    const { store, responses, options } = cached()
    const { session } = await started(half, options)
    const stream = asked(session)
    await hasHead(stream)
    expect(store.size).toBeGreaterThan(900_000)
    stream.close(code)
    await expect.poll(() => responses.inFlight.size).toBe(0)
    expect(store.size).toBe(0)
  })

  test.each(['GET', 'HEAD'])('before its %s is answered leaves nothing under way', async (method) => {
    const { responses, options } = cached()
    const stream = asked((await started(() => {}, options)).session, method)
    await expect.poll(() => responses.inFlight.size).toBe(1)
    stream.close(code)
    await expect.poll(() => responses.inFlight.size).toBe(0)
  })

  test('while it follows the answer of another lets go of it', async () => {
    const { session, open } = await started(half, cached().options)
    await hasHead(asked(session))
    const follower = asked(session)
    await hasHead(follower)
    expect(open.size).toBe(2)
    follower.close(code)
    await expect.poll(() => open.size).toBe(1)
  })

  test('while something waits to be encoded for it ends that', async () => {
    const { session, open } = await started(
      (_request, response) => {
        response.setHeader('Content-Type', 'text/plain')
        response.write(randomBytes(500_000).toString('base64'))
      },
      { compression: {} },
    )
    const stream = asked(session)
    await hasHead(stream)
    stream.close(code)
    await expect.poll(() => open.size).toBe(0)
  })

  test.each(['GET', 'HEAD'])('before its %s is answered ends the work for it', async (method) => {
    let signal: AbortSignal | undefined
    const { session } = await started((request, response) => {
      signal = clientSignal(response as never)
      if (method === 'GET') half(request, response)
    }, undefined)
    const stream = asked(session, method)
    await (method === 'GET' ? hasHead(stream) : expect.poll(() => signal).toBeDefined())
    stream.close(code)
    await expect.poll(() => signal?.aborted).toBe(true)
  })
})
