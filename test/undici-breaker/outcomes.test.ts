import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { deadPort, settles, startGuarded, startOrigin, startSockets, ways, wire } from './support.ts'

const failed = { total: 1, failed: 1 }
const good = { total: 1, failed: 0 }

describe.each(ways)('%s', (name, way) => {
  const isFetch = name.includes('fetch')
  const start = (parts?: Parameters<typeof startGuarded>[1]) => startGuarded(way.undici, parts)
  const ask = async (...args: Parameters<typeof way.send>) => {
    const { status, read } = await way.send(...args)
    return { status, text: await read() }
  }

  test('an answer is a success at the end of its body', async () => {
    const upstream = await startOrigin((_, response) => {
      response.writeHead(200).write('ha')
      void held.then(() => response.end('lf'))
    })
    let go = (): void => {}
    const held = new Promise<void>((resolve) => {
      go = resolve
    })
    const guarded = start()
    const { read } = await way.send(guarded, upstream.url)
    expect(guarded.of(upstream.url).counts).toMatchObject({ total: 0, inFlight: 1 })
    go()
    expect(await read()).toBe('half')
    await settles(guarded.of(upstream.url), good)
  })

  test.each([
    ['HEAD', 200],
    ['GET', 204],
    ['POST', 201],
    ['GET', 404],
  ])('%s answered by %d is a success', async (method, status) => {
    const upstream = await startOrigin((_, response) => void response.writeHead(status).end())
    const guarded = start()
    await ask(guarded, upstream.url, { method, ...(method === 'POST' ? { body: 'x' } : {}) })
    await settles(guarded.of(upstream.url), good)
  })

  test.each([500, 502, 503, 504])('%d is a failure from its head on, and is handed on', async (status) => {
    const upstream = await startOrigin((_, response) => {
      response.writeHead(status).write('sor')
      setTimeout(() => response.end('ry'), 10)
    })
    const guarded = start()
    const { status: seen, read } = await way.send(guarded, upstream.url)
    expect(guarded.of(upstream.url).counts).toMatchObject({ ...failed, inFlight: 0 })
    expect([seen, await read()]).toEqual([status, 'sorry'])
    await settles(guarded.of(upstream.url), failed)
  })

  test('a refused connection is a failure', async () => {
    const url = await deadPort()
    const guarded = start()
    await expect(ask(guarded, url)).rejects.toThrow()
    await settles(guarded.of(url), failed)
  })

  test('a name that nobody knows is a failure', async () => {
    const connect = {
      lookup: (_: string, __: unknown, done: (error: Error) => void) =>
        done(Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' })),
    }
    const guarded = start({ agent: { connect: connect as never } })
    await expect(ask(guarded, 'http://nobody.example')).rejects.toThrow()
    await settles(guarded.of('http://nobody.example'), failed)
  })

  test.each<[string, Parameters<typeof startSockets>[0]]>([
    ['a reset before the head', (socket) => socket.on('data', () => socket.resetAndDestroy())],
    ['a connection closed before the head', (socket) => socket.on('data', () => socket.end())],
    ['what is no HTTP', wire('SSH-2.0-OpenSSH_9.6\r\n')],
    [
      '200, then a reset',
      wire('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf', (socket) =>
        setTimeout(() => socket.resetAndDestroy(), 20),
      ),
    ],
    [
      '200, then closed before Content-Length',
      wire('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf', (socket) => socket.end()),
    ],
    [
      '200, then closed between chunks',
      wire('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n', (socket) => socket.end()),
    ],
  ])('%s is a failure', async (_, accept) => {
    const { url } = await startSockets(accept)
    const guarded = start()
    await expect(ask(guarded, url)).rejects.toThrow()
    await settles(guarded.of(url), failed)
  })

  test.each<[string, Parameters<typeof startSockets>[0]]>([
    ['hangs before its head', () => {}],
    ['hangs mid-body', wire('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf')],
  ])('an upstream that %s has failed when undici gives up', async (_, accept) => {
    const { url } = await startSockets(accept)
    // undici's clock for these is coarse: half a second.
    const guarded = start({ agent: { headersTimeout: 50, bodyTimeout: 50 } })
    await expect(ask(guarded, url)).rejects.toThrow()
    await settles(guarded.of(url), failed)
  })

  test("what breaks during an upload is the upstream's", async () => {
    const { url } = await startSockets((socket) => socket.once('data', () => socket.resetAndDestroy()))
    const guarded = start()
    async function* endless(): AsyncGenerator<Buffer> {
      for (;;) {
        yield Buffer.alloc(1000)
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    }
    const body = isFetch ? Readable.toWeb(Readable.from(endless())) : Readable.from(endless())
    await expect(ask(guarded, url, { method: 'POST', body, duplex: 'half' } as never)).rejects.toThrow()
    await settles(guarded.of(url), failed)
  })

  const large = Buffer.alloc(3_000_000)

  test('a reader that takes its time is no fault of the upstream', async () => {
    const upstream = await startOrigin((_, response) => void response.end(large))
    const guarded = start({ breaker: { slowCallRate: 0.5, slowCallDuration: 100, minimumThroughput: 1 } })
    const { body } = await way.send(guarded, upstream.url)
    let read = 0
    for await (const chunk of body) {
      read += chunk.length
      guarded.clock.pass(100)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(read).toBe(large.length)
    await settles(guarded.of(upstream.url), { ...good, slow: 0 })
  })

  test('a body that nobody reads is neutral, and gives its place back after permitTimeout', async () => {
    const upstream = await startOrigin((_, response) => void response.end(large))
    const guarded = start({ breaker: { permitTimeout: 5_000 } })
    const unread = await way.send(guarded, upstream.url)
    guarded.clock.pass(4_999)
    expect(guarded.of(upstream.url).counts).toMatchObject({ total: 0, inFlight: 1 })
    guarded.clock.pass(1)
    expect(guarded.of(upstream.url).counts).toMatchObject({ total: 0, inFlight: 0 })
    expect(unread.status).toBe(200)
  })

  const forms: [string, (now: number) => string][] = [
    ['in seconds', () => '30'],
    ['as a date', (now) => new Date(now + 30_000).toUTCString()],
  ]

  test.each(forms)(
    'Retry-After %s lengthens the open period after a 503, and opens nothing with a 429',
    async (_, form) => {
      const upstream = await startOrigin((request, response) => {
        const status = Number(request.url?.slice(1))
        response.writeHead(status, { 'retry-after': form(guarded.clock.now()) }).end()
      })
      const guarded = start({ breaker: { consecutiveFailures: 1 } })
      const breaker = guarded.of(upstream.url)
      await ask(guarded, `${upstream.url}/429`)
      await settles(breaker, { total: 0 })
      expect(breaker.state).toBe('closed')
      await ask(guarded, `${upstream.url}/503`)
      expect(breaker.nextProbe).toBe(guarded.clock.now() + 30_000)
    },
  )

  test('an opening refuses at once, without a connection, with a CircuitOpenError', async () => {
    const { url, accepted } = await startSockets((socket) => socket.on('data', () => socket.resetAndDestroy()))
    const guarded = start()
    for (let i = 0; i < 2; i++) await expect(ask(guarded, url)).rejects.toThrow()
    const error = await ask(guarded, url).catch((error) => error)
    const refusal = isFetch ? error.cause : error
    expect(refusal).toMatchObject({ code: 'CIRCUIT_OPEN', breaker: url, reason: 'open', retryAfter: 1_000 })
    expect(accepted()).toBe(2)
    guarded.clock.pass(1_000)
    await expect(ask(guarded, url)).rejects.toThrow()
    expect(accepted()).toBe(3)
  })
})
