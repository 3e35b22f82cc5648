import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { memoryStore, ResponseCache } from 'breakwater'
import { cache } from 'breakwater/undici'
import { describe, expect, test } from 'vitest'
import { answering, releases, startClient, startOrigin, TestClock, until } from './support.ts'

describe.each(releases)('%s: stale answers', (_name, undici) => {
  const validated =
    (fields: Record<string, string>) =>
    (request: IncomingMessage, response: ServerResponse): void => {
      if (request.headers['if-none-match'] === '"v"') response.writeHead(304, { ...fields, 'x-new': '1' }).end()
      else response.writeHead(200, { ...fields, etag: '"v"' }).end('body')
    }

  test('a 304 freshens what is stored and its fields', async () => {
    const origin = await startOrigin(validated({ 'cache-control': 'max-age=10' }))
    const client = startClient(undici, origin)
    await client.get('/')
    client.clock.pass(11)
    const second = await client.get('/')
    expect(second).toMatchObject({ status: 200, text: 'body' })
    expect(second.cacheStatus).toContain('fwd=stale; fwd-status=304')
    expect(second.fields['x-new']).toBe('1')
    client.clock.pass(5)
    expect((await client.get('/')).cacheStatus).toContain('hit')
    expect(origin.seen).toHaveLength(2)
  })

  test('a 304 that comes synchronously freshens too', async () => {
    const clock = new TestClock()
    const responses = new ResponseCache({ store: memoryStore(), clock })
    let asked = 0
    const next = (opts: { headers?: unknown }, handler: Record<string, (...all: unknown[]) => void>): boolean => {
      asked++
      const controller = { paused: false, aborted: false, reason: null, pause() {}, resume() {}, abort() {} }
      const isValidation = JSON.stringify(opts.headers ?? []).includes('if-none-match')
      const fields = { 'cache-control': 'max-age=10', etag: '"v"' }
      handler.onRequestStart?.(controller, null)
      handler.onResponseStart?.(controller, isValidation ? 304 : 200, fields, 'OK')
      if (!isValidation) handler.onResponseData?.(controller, Buffer.from('body'))
      handler.onResponseEnd?.(controller, {})
      return true
    }
    const dispatch = cache(responses)(next as never)
    const ask = (): { status: number; text: string } => {
      const got = { status: 0, text: '' }
      dispatch(
        { origin: 'http://a.example', path: '/', method: 'GET' },
        {
          onResponseStart: (_controller, status) => {
            got.status = status
          },
          onResponseData: (_controller, chunk) => {
            got.text += chunk
          },
        },
      )
      return got
    }
    expect(ask()).toEqual({ status: 200, text: 'body' })
    clock.pass(11)
    expect(ask()).toEqual({ status: 200, text: 'body' })
    clock.pass(5)
    expect(ask()).toEqual({ status: 200, text: 'body' })
    expect(asked).toBe(2)
  })

  test('a 304 to the client is never an old body as 200', async () => {
    const origin = await startOrigin((request, response) => {
      if (request.headers['if-none-match']?.includes('"2"')) response.writeHead(304, { etag: '"2"' }).end()
      else response.writeHead(200, { etag: '"1"', 'cache-control': 'max-age=0' }).end('old')
    })
    const client = startClient(undici, origin)
    await client.get('/')
    origin.answer = (request, response) => {
      if (request.headers['if-none-match']?.includes('"2"')) response.writeHead(304, { etag: '"2"' }).end()
      else response.writeHead(200, { etag: '"2"', 'cache-control': 'max-age=60' }).end('new')
    }
    const answer = await client.get('/', { 'if-none-match': '"2"' })
    expect(answer.text === 'old').toBe(false)
    expect([200, 304]).toContain(answer.status)
  })

  test('50 stale requests are answered at once and cause one refresh', async () => {
    const fields = { 'cache-control': 'max-age=10, stale-while-revalidate=60' }
    const origin = await startOrigin(answering('old', fields))
    const client = startClient(undici, origin)
    await client.get('/')
    origin.answer = (request, response) => void sleep(50).then(() => answering('new', fields)(request, response))
    client.clock.pass(20)
    const headers = { traceparent: '00-1' }
    const answers = await Promise.all(Array.from({ length: 50 }, () => client.get('/', headers)))
    expect(new Set(answers.map(({ text }) => text))).toEqual(new Set(['old']))
    await until(() => client.responses.stats().refreshes === 1)
    expect(origin.seen).toHaveLength(2)
    expect(await client.get('/')).toMatchObject({ text: 'new' })
    expect(origin.seen).toHaveLength(2)
  })

  test('a refresh that hangs ends after refreshTimeout, and the next one is tried', async () => {
    const fields = { 'cache-control': 'max-age=10, stale-while-revalidate=60' }
    const origin = await startOrigin(answering('old', fields))
    const client = startClient(undici, origin, { refreshTimeout: 400 })
    await client.get('/')
    origin.answer = () => {}
    client.clock.pass(20)
    await client.get('/')
    await until(() => client.responses.stats().refreshes === 1)
    origin.answer = answering('new', fields)
    await client.get('/')
    await until(() => client.responses.stats().refreshes === 2)
    expect((await client.get('/')).text).toBe('new')
  })

  test('a refresh that the origin fails leaves what is stored, whatever the failure says of itself', async () => {
    const fields = { 'cache-control': 'max-age=10, stale-while-revalidate=60' }
    const origin = await startOrigin(answering('old', fields))
    const client = startClient(undici, origin)
    await client.get('/')
    client.clock.pass(20)
    origin.answer = (_request, response) => response.writeHead(500, { 'cache-control': 'max-age=60' }).end('broken')
    await client.get('/')
    await until(() => client.responses.stats().refreshes === 1)
    expect(await client.get('/')).toMatchObject({ status: 200, text: 'old' })
  })

  test('a refresh carries neither the body nor the conditions of its caller', async () => {
    const fields = { 'cache-control': 'max-age=10, stale-while-revalidate=60', etag: '"v"' }
    const origin = await startOrigin(answering('old', fields))
    const client = startClient(undici, origin)
    await client.get('/')
    client.clock.pass(20)
    await client.get('/', { range: 'bytes=0-0', 'if-none-match': '"x"', 'x-own': '1' })
    await until(() => client.responses.stats().refreshes === 1)
    expect(origin.seen[1]?.headers).toMatchObject({ 'if-none-match': '"v"', 'x-own': '1' })
    expect(origin.seen[1]?.headers.range).toBeUndefined()
  })

  test.each([500, 503])('stale-if-error stands in for a %i, and the connection is used again', async (status) => {
    const fields = { 'cache-control': 'max-age=10, stale-if-error=60' }
    const origin = await startOrigin(answering('old', fields))
    const client = startClient(undici, origin, {}, { connections: 1 })
    await client.get('/')
    client.clock.pass(20)
    origin.answer = (_request, response) => response.writeHead(status).end('broken'.repeat(1000))
    expect(await client.get('/')).toMatchObject({ status: 200, text: 'old' })
    await sleep(20)
    expect(await client.get('/')).toMatchObject({ status: 200, text: 'old' })
    expect(new Set(origin.seen.map(({ socket }) => socket.remotePort)).size).toBe(1)
    expect(client.responses.stats().stale).toBe(2)
  })

  test('a lost origin is answered stale, unless that is forbidden', async () => {
    const origin = await startOrigin((request, response) =>
      answering('old', { 'cache-control': request.url === '/strict' ? 'max-age=1, must-revalidate' : 'max-age=1' })(
        request,
        response,
      ),
    )
    const client = startClient(undici, origin)
    await client.get('/')
    await client.get('/strict')
    client.clock.pass(20)
    await origin.close()
    const stale = await client.get('/')
    expect(stale).toMatchObject({ status: 200, text: 'old' })
    expect(stale.cacheStatus).toContain('detail=origin-failed')
    await expect(client.get('/strict')).rejects.toThrow()
    await expect(client.get('/never-seen')).rejects.toThrow()
  })

  test('a fault of the handler is no lost origin', async () => {
    const origin = await startOrigin(answering('old', { 'cache-control': 'max-age=1' }))
    const client = startClient(undici, origin)
    await client.get('/')
    client.clock.pass(20)
    const told = await new Promise<Error>((resolve, reject) => {
      client.dispatcher.dispatch(
        { origin: origin.url, path: '/', method: 'GET' },
        {
          onRequestStart: () => {
            throw new Error('mine')
          },
          onResponseStart: () => reject(new Error('answered')),
          onResponseError: (_controller, error) => resolve(error),
        },
      )
    })
    expect(told.message).toBe('mine')
    expect(client.responses.stats().stale).toBe(0)
  })

  test("a caller's own abort is no lost origin", async () => {
    const origin = await startOrigin(answering('old', { 'cache-control': 'max-age=1' }))
    const client = startClient(undici, origin)
    await client.get('/')
    client.clock.pass(20)
    origin.answer = () => {}
    const abort = new AbortController()
    const asked = client.send('GET', '/', { signal: abort.signal })
    await until(() => origin.seen.length === 2)
    abort.abort(new Error('enough'))
    await expect(asked).rejects.toThrow('enough')
    expect(client.responses.stats().stale).toBe(0)
  })
})
