import { channel } from 'node:diagnostics_channel'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Events } from 'breakwater'
import { describe, expect, test } from 'vitest'
import { afterwards, answering, releases, settles, startGuarded, startOrigin, until } from './support.ts'

const failed = { total: 1, failed: 1 }

describe.each(releases)('%s', (_name, undici) => {
  const slow = { slowCallRate: 0.5, slowCallDuration: 100, minimumThroughput: 1 }

  test('slowness is measured to the head', async () => {
    const guarded = startGuarded(undici, { breaker: slow })
    const upstream = await startOrigin((request, response) => {
      if (request.url === '/late') guarded.clock.pass(100)
      response.flushHeaders()
      setTimeout(() => {
        if (request.url !== '/late') guarded.clock.pass(500)
        response.end('x')
      }, 10)
    })
    // The head has to be seen before the clock moves.
    await guarded.ask(upstream.url)
    await settles(guarded.of(upstream.url), { total: 1, slow: 0 })
    await guarded.ask(`${upstream.url}/late`)
    await until(() => guarded.of(upstream.url).state === 'open')
  })

  test('a reader that takes its time is no fault of the upstream', async () => {
    const upstream = await startOrigin((_, response) => void response.end(Buffer.alloc(3_000_000)))
    const guarded = startGuarded(undici, { breaker: slow })
    const { body } = await undici.request(upstream.url, { dispatcher: guarded.dispatcher })
    let read = 0
    for await (const chunk of body) {
      read += chunk.length
      guarded.clock.pass(100)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(read).toBe(3_000_000)
    await settles(guarded.of(upstream.url), { total: 1, failed: 0, slow: 0 })
  })

  test('body.destroy is neutral', async () => {
    const upstream = await startOrigin((_, response) => void response.end(Buffer.alloc(3_000_000)))
    const guarded = startGuarded(undici)
    const { body } = await undici.request(upstream.url, { dispatcher: guarded.dispatcher })
    body.on('error', () => {}).destroy()
    await settles(guarded.of(upstream.url), { total: 0, failed: 0 })
  })

  test('a body that nobody reads gives its place back after permitTimeout, with an event', async () => {
    const upstream = await startOrigin((_, response) => void response.end(Buffer.alloc(3_000_000)))
    const guarded = startGuarded(undici, { breaker: { permitTimeout: 5_000 } })
    const lost: Events['breakwater:breaker:lost'][] = []
    const hear = (message: unknown): void => void lost.push(message as Events['breakwater:breaker:lost'])
    channel('breakwater:breaker:lost').subscribe(hear)
    afterwards(() => channel('breakwater:breaker:lost').unsubscribe(hear))
    const { body } = await undici.request(upstream.url, { dispatcher: guarded.dispatcher })
    body.on('error', () => {})
    expect(guarded.of(upstream.url).counts.inFlight).toBe(1)
    guarded.clock.pass(5_000)
    expect(guarded.of(upstream.url).counts).toMatchObject({ total: 0, inFlight: 0 })
    expect(lost).toMatchObject([{ breaker: upstream.url, age: 5_000 }])
  })

  test('a probe with a good head has succeeded after probeTimeout, be its body unread', async () => {
    const upstream = await startOrigin((_, response) => void response.writeHead(500).end())
    const guarded = startGuarded(undici, { breaker: { probeTimeout: 300 } })
    const breaker = guarded.of(upstream.url)
    for (let i = 0; i < 2; i++) await guarded.ask(upstream.url)
    upstream.answer = (_, response) => void response.end(Buffer.alloc(3_000_000))
    guarded.clock.pass(1_000)
    const { body } = await undici.request(upstream.url, { dispatcher: guarded.dispatcher })
    body.on('error', () => {})
    expect(breaker.state).toBe('half-open')
    guarded.clock.pass(300)
    expect(breaker.state).toBe('closed')
  })

  test('a probe succeeds at the end of its body', async () => {
    const upstream = await startOrigin((_, response) => void response.writeHead(500).end())
    const guarded = startGuarded(undici)
    for (let i = 0; i < 2; i++) await guarded.ask(upstream.url)
    upstream.answer = answering('x')
    guarded.clock.pass(1_000)
    await guarded.ask(upstream.url)
    await until(() => guarded.of(upstream.url).state === 'closed')
  })

  test('a probe that the caller breaks off leaves its place to the next', async () => {
    const upstream = await startOrigin((_, response) => void response.writeHead(500).end())
    const guarded = startGuarded(undici)
    for (let i = 0; i < 2; i++) await guarded.ask(upstream.url)
    upstream.answer = () => {}
    guarded.clock.pass(1_000)
    const abort = new AbortController()
    const probe = guarded.ask(upstream.url, { signal: abort.signal })
    await expect(guarded.ask(upstream.url)).rejects.toMatchObject({ reason: 'half-open' })
    await until(() => upstream.seen.length === 3)
    abort.abort()
    await expect(probe).rejects.toThrow()
    upstream.answer = answering('x')
    expect((await guarded.ask(upstream.url)).text).toBe('x')
    await until(() => guarded.of(upstream.url).state === 'closed')
  })

  test('an upgrade is a success with its head, and so is CONNECT; a tunnel that fails is none', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    const accept = (head: string) => (_: unknown, socket: Duplex) => void socket.end(head)
    server.on('upgrade', accept('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n'))
    let tunnel = '200 Connection established'
    server.on('connect', (_, socket) => void socket.end(`HTTP/1.1 ${tunnel}\r\n\r\n`))
    await until(() => server.listening)
    afterwards(() => new Promise((resolve) => server.close(resolve)))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const guarded = startGuarded(undici)
    const { dispatcher } = guarded
    const upgraded = await undici.upgrade(url, { dispatcher, protocol: 'echo' })
    upgraded.socket.on('error', () => {}).destroy()
    await settles(guarded.of(url), { total: 1, failed: 0 })
    const connected = await undici.connect(url, { dispatcher } as never)
    connected.socket.on('error', () => {}).destroy()
    await settles(guarded.of(url), { total: 2, failed: 0 })
    tunnel = '503 Service Unavailable'
    const failed = await undici.connect(url, { dispatcher } as never)
    failed.socket.on('error', () => {}).destroy()
    await settles(guarded.of(url), { total: 3, failed: 1 })
  })

  test('1xx is no verdict', async () => {
    const upstream = await startOrigin((_, response) => {
      response.writeProcessing()
      response.writeEarlyHints({ link: '</a.css>; rel=preload' })
      setTimeout(() => response.writeHead(503).end(), 10)
    })
    const guarded = startGuarded(undici)
    expect((await guarded.ask(upstream.url)).status).toBe(503)
    await settles(guarded.of(upstream.url), failed)
  })

  test('1xx is no answer: a fallback stands in for what breaks off after it', async () => {
    const upstream = await startOrigin((_, response) => {
      response.writeEarlyHints({ link: '</a.css>; rel=preload' })
      setTimeout(() => response.destroy(), 20)
    })
    const guarded = startGuarded(undici, { mount: { fallback: { statusCode: 203 } } })
    expect((await guarded.ask(upstream.url)).status).toBe(203)
    await settles(guarded.of(upstream.url), failed)
  })
})
