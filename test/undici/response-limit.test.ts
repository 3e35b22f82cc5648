import { fork } from 'node:child_process'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { fileURLToPath } from 'node:url'
import { memoryStore, ResponseCache } from 'breakwater'
import {
  cache,
  circuitBreaker,
  limitResponse,
  type ResponseLimitOptions,
  ResponseTooLargeError,
} from 'breakwater/undici'
import { describe, expect, test } from 'vitest'
import { codings, encode, ways } from './coded-origin.ts'
import { afterwards, answering, type Origin, releases, startOrigin, type Undici, until } from './support.ts'

const MB = 1024 * 1024
const zeros = Buffer.alloc(50 * MB)
const nested = ['gzip, gzip', 'gzip, br', 'zstd, gzip']
const bombs = new Map(['identity', ...codings, ...nested].map((coding) => [coding, encode(zeros, coding)]))

/** Answers `/bomb/<coding>` with 50 MB of zeros, `/small/<coding>` with 1 MB, the length declared after `?length`. */
async function startBombs(): Promise<Origin> {
  const small = new Map([...bombs.keys()].map((coding) => [coding, encode(zeros.subarray(0, MB), coding)]))
  return startOrigin((request, response) => {
    const [path = '', query] = (request.url as string).split('?')
    const [, kind, name = ''] = decodeURIComponent(path).split('/')
    const content = (kind === 'bomb' ? bombs : small).get(name) as Buffer
    if (name !== 'identity') response.setHeader('content-encoding', name)
    if (query === 'length') response.setHeader('content-length', content.length)
    response.setHeader('cache-control', 'max-age=60')
    response.writeHead(query === '404' ? 404 : 200)
    response.end(query === 'cut' ? content.subarray(0, content.length - 4) : content)
  })
}

function compose(undici: Undici, ...interceptors: Parameters<InstanceType<Undici['Agent']>['compose']>[0][]) {
  const agent = new undici.Agent()
  afterwards(() => agent.destroy())
  return agent.compose(interceptors as never)
}

const tooLarge = { name: 'ResponseTooLargeError', code: 'RESPONSE_TOO_LARGE', maxSize: MB }

describe.each(ways)('%s', (_, undici, read) => {
  const { decompress } = undici.interceptors
  const limit = limitResponse({ maxSize: MB })

  test('50 MB of zeros end at the limit in every coding, nested and truncated', async () => {
    const origin = await startBombs()
    const dispatcher = compose(undici, decompress(), limit)
    for (const coding of bombs.keys()) {
      const url = `${origin.url}/bomb/${encodeURIComponent(coding)}`
      const asked = read(url, dispatcher)
      await expect(asked, coding).rejects.toMatchObject(tooLarge)
      await expect(asked, coding).rejects.toBeInstanceOf(ResponseTooLargeError)
      // An encoding so small may be found truncated before the limit is reached.
      const code = expect.stringMatching(/^(RESPONSE_TOO_LARGE|Z_BUF_ERROR)$/)
      await expect(read(`${url}?cut`, dispatcher), coding).rejects.toMatchObject({ code })
    }
    // What is small enough to have arrived whole by then leaves its connection to the next.
    const uncoded = origin.seen.filter(({ url }) => url === '/bomb/identity')
    await until(() => uncoded.length === 1 && uncoded.every(({ socket }) => socket.destroyed))
  })

  test('what is as large as the limit comes whole', async () => {
    const origin = await startBombs()
    const dispatcher = compose(undici, decompress(), limit)
    for (const coding of bombs.keys()) {
      expect(await read(`${origin.url}/small/${encodeURIComponent(coding)}`, dispatcher), coding).toBe(MB)
    }
    expect(await read(`${origin.url}/small/identity?length`, dispatcher)).toBe(MB)
  })

  test('what is truncated below the limit is an error of its own', async () => {
    const origin = await startBombs()
    const dispatcher = compose(undici, decompress(), limit)
    for (const coding of codings) {
      await expect(read(`${origin.url}/small/${coding}?cut`, dispatcher), coding).rejects.toMatchObject({
        code: 'Z_BUF_ERROR',
      })
    }
  })

  test('an error page is a bomb as well, where decompress decodes those', async () => {
    const origin = await startBombs()
    const dispatcher = compose(undici, decompress({ skipErrorResponses: false }), limit)
    await expect(read(`${origin.url}/bomb/gzip?404`, dispatcher)).rejects.toMatchObject(tooLarge)
  })

  test('a declared length is refused at the head', async () => {
    const origin = await startOrigin((_request, response) => {
      response.writeHead(200, { 'content-length': MB + 1 }).flushHeaders()
    })
    const asked = read(origin.url, compose(undici, limit))
    await expect(asked).rejects.toMatchObject({ ...tooLarge, message: expect.stringContaining(`${MB + 1} bytes`) })
    await until(() => origin.seen[0]?.socket.destroyed === true)
  })

  test('a cache outside stores nothing of it, and a breaker outside does not take it for a failure', async () => {
    const origin = await startBombs()
    const store = memoryStore()
    const breaker = circuitBreaker({ consecutiveFailures: 1 })
    const dispatcher = compose(undici, decompress(), limit, breaker, cache(new ResponseCache({ store })))
    for (const coding of ['gzip', 'identity', 'gzip']) {
      await expect(read(`${origin.url}/bomb/${coding}`, dispatcher)).rejects.toMatchObject(tooLarge)
    }
    expect(origin.seen).toHaveLength(3)
    expect(await read(`${origin.url}/small/gzip`, dispatcher)).toBe(MB)
    expect(await read(`${origin.url}/small/gzip`, dispatcher)).toBe(MB)
    expect(origin.seen).toHaveLength(4)
  })
})

test('memory stays flat', { timeout: 60_000 }, async () => {
  const origin = await startBombs()
  const child = fork(fileURLToPath(new URL('./bomb-child.ts', import.meta.url)), {
    execArgv: ['--conditions=breakwater-source', '--disable-warning=ExperimentalWarning'],
  })
  afterwards(() => child.kill())
  await once(child, 'message')
  const paths = (kind: string): string[] => [...bombs.keys()].map((coding) => `/${kind}/${encodeURIComponent(coding)}`)
  const result = Promise.race([once(child, 'message'), once(child, 'exit').then(() => [{ grown: NaN }])])
  child.send({ url: origin.url, warm: paths('small'), bombs: paths('bomb') })
  const [{ grown }] = (await result) as [{ grown: number }]
  expect(grown).toBeLessThan(30 * MB)
})

describe.each(releases)('limitResponse in %s', (_name, undici) => {
  const { decompress, retry, redirect } = undici.interceptors

  test('inside decompress it limits what comes over the wire', async () => {
    const origin = await startBombs()
    const dispatcher = compose(undici, limitResponse({ maxSize: MB }), decompress())
    const { body } = await undici.request(`${origin.url}/bomb/br`, { dispatcher })
    expect((await body.arrayBuffer()).byteLength).toBe(zeros.length)
    const declared = undici.request(`${origin.url}/bomb/identity?length`, { dispatcher })
    await expect(declared).rejects.toMatchObject(tooLarge)
  })

  test.each([
    ['HEAD', 200],
    ['HEAD', 404],
    ['GET', 204],
  ] as const)('%s %i: a Content-Length without content is let pass', async (method, status) => {
    const origin = await startOrigin((_request, response) => {
      response.writeHead(status, status === 204 ? {} : { 'content-length': 50 * MB }).end()
    })
    const dispatcher = compose(undici, limitResponse({ maxSize: MB }))
    const { statusCode, body } = await undici.request(origin.url, { dispatcher, method })
    expect(statusCode).toBe(status)
    expect(await body.text()).toBe('')
  })

  test('a 304 has no content, whatever Content-Length it has', () => {
    const seen: number[] = []
    const dispatch = limitResponse({ maxSize: MB })((_opts, handler) => {
      handler.onResponseStart?.(null as never, 304, { 'content-length': String(50 * MB) })
      return true
    })
    const handler = { onResponseStart: (_controller: unknown, status: number) => seen.push(status) }
    dispatch({ path: '/', method: 'GET' }, handler as never)
    expect(seen).toEqual([304])
  })

  test('205: content where none may be is counted as well', async () => {
    const origin = await startOrigin((request) => {
      request.socket.write(`HTTP/1.1 205 Reset Content\r\nTransfer-Encoding: chunked\r\n\r\n`)
      request.socket.write(`200000\r\n${'x'.repeat(2 * MB)}\r\n0\r\n\r\n`)
    })
    const dispatcher = compose(undici, limitResponse({ maxSize: MB }))
    const { body } = await undici.request(origin.url, { dispatcher })
    await expect(body.text()).rejects.toMatchObject(tooLarge)
  })

  test('early hints, trailers and what has no content pass unchanged', async () => {
    const origin = await startOrigin((_request, response) => {
      response.writeEarlyHints({ link: '</a.css>; rel=preload' })
      response.writeHead(200, { trailer: 'x-sum' })
      response.write('abc')
      response.addTrailers({ 'x-sum': '6' })
      response.end()
    })
    const dispatcher = compose(undici, limitResponse({ maxSize: 3 }))
    const hints: number[] = []
    const { body, trailers } = await undici.request(origin.url, {
      dispatcher,
      onInfo: ({ statusCode }: { statusCode: number }) => hints.push(statusCode),
    } as never)
    expect(await body.text()).toBe('abc')
    expect(trailers).toEqual({ 'x-sum': '6' })
    expect(hints).toEqual([103])
  })

  test('a reader who waits holds the origin up', async () => {
    let sent = 0
    const origin = await startOrigin(async (_request, response) => {
      for (; sent < 50 && !response.destroyed; sent++) {
        if (!response.write(Buffer.alloc(MB))) await new Promise((resolve) => response.once('drain', resolve))
      }
      response.end()
    })
    const dispatcher = compose(undici, limitResponse({ maxSize: 50 * MB }))
    const { body } = await undici.request(origin.url, { dispatcher })
    await until(() => sent > 0)
    const waited = async (): Promise<number> => {
      const before = sent
      await new Promise((resolve) => setTimeout(resolve, 200))
      return sent === before ? sent : waited()
    }
    expect(await waited()).toBeLessThan(30)
    let bytes = 0
    for await (const chunk of body) bytes += chunk.length
    expect(bytes).toBe(50 * MB)
  })

  test.each([
    ['inside', [retry(), limitResponse({ maxSize: MB })]],
    ['outside', [limitResponse({ maxSize: MB }), retry()]],
  ])('retry mounted %s does not ask again', async (_where, interceptors) => {
    const origin = await startBombs()
    const dispatcher = compose(undici, ...interceptors)
    const declared = undici.request(`${origin.url}/bomb/identity?length`, { dispatcher })
    await expect(declared).rejects.toMatchObject(tooLarge)
    const { body } = await undici.request(`${origin.url}/bomb/identity`, { dispatcher })
    await expect(body.text()).rejects.toMatchObject(tooLarge)
    expect(origin.seen).toHaveLength(2)
  })

  test('of what retry resumes mid-body, the whole is counted', async () => {
    const origin = await startOrigin((request, response) => {
      const { range } = request.headers
      const from = range === undefined ? 0 : Number(/\d+/.exec(range)?.[0])
      const last = 2 * MB - 1
      response.writeHead(range === undefined ? 200 : 206, {
        etag: '"a"',
        'content-range': `bytes ${from}-${last}/${2 * MB}`,
      })
      // Each breaks off after 600 KiB, which is below the limit.
      response.write(Buffer.alloc(600 * 1024), () => setTimeout(() => request.socket.destroy(), 20))
    })
    const dispatcher = compose(undici, retry({ minTimeout: 1 }), limitResponse({ maxSize: MB }))
    const { body } = await undici.request(origin.url, { dispatcher })
    await expect(body.arrayBuffer()).rejects.toMatchObject(tooLarge)
    expect(origin.seen).toHaveLength(2)
  })

  test('each answer on the way of a redirect has the limit for itself', async () => {
    const origin = await startOrigin((request: IncomingMessage, response: ServerResponse) => {
      if (request.url === '/to') response.end('x'.repeat(90))
      else response.writeHead(302, { location: '/to' }).end('y'.repeat(90))
    })
    for (const interceptors of [
      [limitResponse({ maxSize: 100 }), redirect({ maxRedirections: 2 })],
      [redirect({ maxRedirections: 2 }), limitResponse({ maxSize: 100 })],
    ]) {
      const { body } = await undici.request(origin.url, { dispatcher: compose(undici, ...interceptors) })
      expect(await body.text()).toBe('x'.repeat(90))
    }
  })

  test('an abort of the caller stays theirs', async () => {
    const origin = await startOrigin((_request, response) => void response.writeHead(200).write('abc'))
    const dispatcher = compose(undici, limitResponse({ maxSize: MB }))
    const abort = new AbortController()
    const { body } = await undici.request(origin.url, { dispatcher, signal: abort.signal })
    const reason = new Error('enough')
    setTimeout(() => abort.abort(reason), 10)
    await expect(body.text()).rejects.toBe(reason)
  })

  test('an upgrade passes', async () => {
    const origin = await startOrigin(() => {})
    const upgraded = (request: IncomingMessage): void => {
      request.socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n')
      request.socket.end('x'.repeat(200))
    }
    origin.answer = upgraded
    const dispatcher = compose(undici, limitResponse({ maxSize: 100 }))
    const { socket } = await dispatcher.upgrade({ origin: origin.url, path: '/', protocol: 'echo' } as never)
    let bytes = 0
    for await (const chunk of socket) bytes += (chunk as Buffer).length
    expect(bytes).toBe(200)
  })

  test('a hit of a cache inside has the limit too', async () => {
    const origin = await startOrigin(answering('x'.repeat(200)))
    const responses = cache(new ResponseCache({ store: memoryStore() }))
    const agent = new undici.Agent()
    afterwards(() => agent.destroy())
    const stored = agent.compose(responses)
    await (await undici.request(origin.url, { dispatcher: stored })).body.text()
    const dispatcher = stored.compose(limitResponse({ maxSize: 100 }))
    await expect(undici.request(origin.url, { dispatcher })).rejects.toMatchObject({ code: 'RESPONSE_TOO_LARGE' })
    expect(origin.seen).toHaveLength(1)
  })

  test('other origins have no limit', async () => {
    const origin = await startOrigin(answering('x'.repeat(200), { 'content-length': '200' }))
    const limited = compose(undici, limitResponse({ maxSize: 100, origins: [origin.url] }))
    const free = compose(undici, limitResponse({ maxSize: 100, origins: ['https://other.example'] }))
    await expect(undici.request(origin.url, { dispatcher: limited })).rejects.toMatchObject({ maxSize: 100 })
    expect((await undici.request(origin.url, { dispatcher: free })).statusCode).toBe(200)
  })
})

test.each<[unknown, typeof TypeError, string]>([
  [undefined, TypeError, 'maxSize must be a number, not null'],
  [{}, TypeError, 'maxSize must be a number, not null'],
  [1000, TypeError, 'limitResponse takes an object of options, not 1000'],
  [{ maxSize: '1mb' }, TypeError, "maxSize must be a number, not '1mb'"],
  [{ maxSize: 0 }, RangeError, 'maxSize must be a whole number of at least 1, not 0'],
  [{ maxSize: Infinity }, RangeError, 'maxSize must be a whole number of at least 1, not Infinity'],
  [{ maxSize: 1, maxBytes: 1 }, TypeError, "limitResponse has no option 'maxBytes'; it knows maxSize, origins"],
  [{ maxSize: 1, origins: ['x'] }, TypeError, 'origins must hold origins'],
])('%o is refused', (options, error, message) => {
  expect(() => limitResponse(options as ResponseLimitOptions)).toThrow(error)
  expect(() => limitResponse(options as ResponseLimitOptions)).toThrow(message)
})
