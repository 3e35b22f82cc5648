/** What HTTP itself has: versions, methods, heads before heads, trailers, conditions and ranges. */
import {
  connect as connectHttp2,
  createServer as createHttp2Server,
  type Http2Server,
  type IncomingHttpHeaders,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { requestText, sendRaw } from '../transparency/raw-client.ts'
import { answersIn } from './raw-answers.ts'
import { page, type RawHandler, type Setting, start, text, textOf } from './subject.ts'
import { subjects } from './subjects/index.ts'
import { shieldOf } from './subjects/shield.ts'
import { codings, decoded, open, varyOf } from './wire.ts'

describe.each(subjects)('$name', (subject) => {
  describe('HTTP/1.0', () => {
    test.each(['/whole', '/stream'])('gets no chunks, and the connection ends with the content: %s', async (path) => {
      const server = await start(subject, {
        raw: (_request, response) => {
          response.setHeader('Content-Type', 'text/plain')
          if (path === '/whole') return response.end(text)
          response.write(text)
          response.end(text)
        },
      })
      for (const coding of codings) {
        const lines = [`Accept-Encoding: ${coding}`]
        const [answer, ...more] = answersIn(await sendRaw(server.port, requestText({ path, version: '1.0', lines })))
        expect(answer?.fields.get('content-encoding')).toBe(coding)
        expect(answer?.fields.has('transfer-encoding')).toBe(false)
        expect(answer?.text).toBe(path === '/whole' ? text : text + text)
        expect(more).toEqual([])
      }
    })

    test('is kept alive where the length is known', async () => {
      const server = await start(subject, { handler: page() })
      const lines = ['Accept-Encoding: gzip', 'Connection: keep-alive']
      const first = requestText({ path: '/', version: '1.0', lines })
      const last = requestText({ path: '/', version: '1.0', lines: ['Accept-Encoding: br'] })
      const answers = answersIn(await sendRaw(server.port, first + last))
      expect(answers.map(({ fields }) => fields.get('content-encoding'))).toEqual(['gzip', 'br'])
      expect(answers.map((answer) => answer.text)).toEqual([text, text])
    })
  })

  test('pipelined requests get their own answers in order, whichever is done first', async () => {
    const sizes = [300_000, 100, 5_000, 1_500_000, 40_000, 0, 2_000]
    const server = await start(subject, {
      raw: (request, response) => {
        const size = Number(request.url?.slice(1))
        response.setHeader('Content-Type', 'text/plain')
        if (size % 3 === 0) return response.end(textOf(size))
        response.write(textOf(size))
        setImmediate(() => response.end())
      },
    })
    const each = sizes.flatMap((size) => [...codings, 'identity'].map((coding) => ({ size, coding })))
    const requests = each.map(({ size, coding }, i) =>
      requestText({
        path: `/${size}`,
        lines: [`Accept-Encoding: ${coding}`, ...(i === each.length - 1 ? ['Connection: close'] : [])],
      }),
    )
    const answers = answersIn(await sendRaw(server.port, requests.join('')))
    expect(answers.map((answer) => answer.text.length)).toEqual(each.map(({ size }) => size))
    for (const [i, { size }] of each.entries()) expect(answers[i]?.text).toBe(textOf(size))
  })

  test.each([...codings, undefined])('trailers come after the content: %s', async (coding) => {
    const server = await start(subject, {
      raw: (_request, response) => {
        response.writeHead(200, { 'Content-Type': 'text/plain', Trailer: 'X-Sum' })
        response.write(text)
        response.addTrailers({ 'X-Sum': '42' })
        response.end('more')
      },
    })
    const got = await server.ask(coding)
    expect(got).toMatchObject({ text: `${text}more`, trailers: { 'x-sum': '42' } })
    expect(got.headers['content-encoding']).toBe(coding)
  })

  test('heads before the head: 100, 102, 103', async () => {
    const server = await start(subject, {
      raw: async (request, response) => {
        response.writeContinue()
        response.writeProcessing()
        await new Promise<void>((resolve) => response.writeEarlyHints({ link: '</a.css>; rel=preload' }, resolve))
        response.setHeader('Content-Type', 'text/plain')
        response.end(request.url === '/small' ? 'small' : text)
      },
    })
    const lines = ['Accept-Encoding: gzip', 'Connection: close']
    const answers = answersIn(await sendRaw(server.port, requestText({ path: '/', lines })))
    expect(answers.map(({ status }) => status)).toEqual([100, 102, 103, 200])
    expect(answers[2]?.fields.get('link')).toBe('</a.css>; rel=preload')
    for (const { fields } of answers.slice(0, 3))
      expect([...fields.keys()].filter((name) => name !== 'link')).toEqual([])
    expect(answers[3]?.fields.get('content-encoding')).toBe('gzip')
    expect(answers[3]?.text).toBe(text)
  })

  test('Expect: 100-continue', async () => {
    const server = await start(subject, {
      raw: async (request, response) => {
        const chunks: Buffer[] = []
        for await (const chunk of request) chunks.push(chunk)
        response.setHeader('Content-Type', 'text/plain')
        response.end(Buffer.concat(chunks).toString().repeat(2000))
      },
    })
    const lines = ['Accept-Encoding: br', 'Expect: 100-continue', 'Content-Length: 4', 'Connection: close']
    const bytes = await sendRaw(server.port, `${requestText({ method: 'POST', path: '/', lines })}body`)
    const answers = answersIn(bytes)
    expect(answers.map(({ status }) => status)).toEqual([100, 200])
    expect([answers[1]?.fields.get('content-encoding'), answers[1]?.text]).toEqual(['br', 'body'.repeat(2000)])
  })

  test('an answer to POST is encoded as one to GET is', async () => {
    const server = await start(subject, { handler: page() })
    const got = await server.ask('gzip', { method: 'POST' })
    expect([got.headers['content-encoding'], got.text]).toEqual(['gzip', text])
  })

  describe('a condition', () => {
    /** Answers as a handler does that knows its tag: it compares as RFC 9110 section 13.1.2 says. */
    const conditional: Setting['raw'] = (request, response) => {
      const given = String(request.headers['if-none-match'] ?? '').replace(/^W\//, '')
      response.setHeader('ETag', '"v1"').setHeader('Content-Type', 'text/plain')
      if (given !== '"v1"') return response.end(text)
      response.statusCode = 304
      response.end()
    }

    test.each(['"v1"', 'W/"v1"'])('If-None-Match: %s reaches the handler as it is, and 304 has Vary', async (tag) => {
      const asked = vi.fn()
      const server = await start(subject, {
        raw: (request, response) => {
          asked(request.headers['if-none-match'])
          return conditional(request, response)
        },
      })
      for (const coding of [...codings, 'identity']) {
        const got = await server.ask(coding, { headers: { 'If-None-Match': tag } })
        expect([got.status, got.bytes.length, varyOf(got)]).toEqual([304, 0, ['accept-encoding']])
        expect(got.headers['content-encoding']).toBeUndefined()
        expect(asked).toHaveBeenLastCalledWith(tag)
      }
    })

    test('a client that revalidates with the tag it was given gets 304', async () => {
      const server = await start(subject, { raw: conditional })
      for (const coding of codings) {
        const { headers } = await server.ask(coding)
        expect(headers.etag).toBe('W/"v1"')
        const again = await server.ask(coding, { headers: { 'If-None-Match': String(headers.etag) } })
        expect(again.status).toBe(304)
        // Otherwise it could not be matched with what the client has (RFC 9111 section 4.3.4).
        expect(String(again.headers.etag).replace(/^W\//, '')).toBe('"v1"')
      }
    })

    test.each(['If-Match', 'If-Range', 'If-None-Match'])('%s of an encoded answer is never rewritten', async (name) => {
      const server = await start(subject, {
        raw: (request, response) => {
          response.setHeader('X-Given', String(request.headers[name.toLowerCase()])).end()
        },
      })
      for (const tag of ['W/"v1"', '"v1-gzip"', '"v1--br"', '*']) {
        const got = await server.ask('gzip, br', { headers: { [name]: tag } })
        expect(got.headers['x-given']).toBe(tag)
      }
    })
  })

  test('a range of the identity content is served as the handler gives it', async () => {
    const server = await start(subject, {
      raw: (request, response) => {
        response.setHeader('Content-Type', 'text/plain').setHeader('Accept-Ranges', 'bytes').setHeader('ETag', '"v1"')
        const [, from, to] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? []
        if (from === undefined || request.headers['if-range'] === 'W/"v1"') return response.end(text)
        response.setHeader('Content-Range', `bytes ${from}-${to}/${text.length}`)
        response.writeHead(206).end(text.slice(Number(from), Number(to) + 1))
      },
    })
    const range = { Range: 'bytes=1000-3999' }
    const part = await server.ask('zstd, gzip', { headers: range })
    expect([part.status, part.text]).toEqual([206, text.slice(1000, 4000)])
    expect(part.headers).toMatchObject({
      etag: '"v1"',
      'accept-ranges': 'bytes',
      'content-range': 'bytes 1000-3999/4096',
    })
    // A weak tag never allows for a range (RFC 9110 section 13.1.5).
    const whole = await server.ask('gzip', { headers: { ...range, 'If-Range': 'W/"v1"' } })
    expect([whole.status, whole.text, whole.headers['content-encoding']]).toEqual([200, text, 'gzip'])
  })

  test('an upgrade is left alone', async () => {
    const server = await start(subject, {
      raw: (request, response) => {
        response.writeHead(101, { Connection: 'Upgrade', Upgrade: 'own' })
        response.flushHeaders()
        request.socket.end('frames')
      },
    })
    const lines = ['Connection: Upgrade', 'Upgrade: own', 'Accept-Encoding: gzip']
    const bytes = await sendRaw(server.port, requestText({ path: '/', lines }))
    expect(bytes).toMatch(/^HTTP\/1\.1 101 .*frames$/s)
    expect(bytes.toLowerCase()).not.toContain('vary')
  })

  test('a client that leaves in the middle of a stream lets the handler know', async () => {
    const closed = vi.fn()
    const server = await start(subject, {
      raw: (_request, response) => {
        response.setHeader('Content-Type', 'text/event-stream')
        response.write('data: 1\n\n')
        response.once('close', () => closed(response.writableFinished))
      },
    })
    const response = await open(server.port, 'gzip')
    response.on('error', () => {}).destroy()
    await vi.waitFor(() => expect(closed).toHaveBeenCalledWith(false))
  })
})

describe('HTTP/2 without TLS', () => {
  let server: Http2Server
  afterEach(() => new Promise<void>((resolve) => server.close(() => resolve())))

  async function ask(
    setting: Setting,
    asking: Record<string, string>,
  ): Promise<{ headers: IncomingHttpHeaders; text: string; trailers: IncomingHttpHeaders; bytes: number }> {
    server = createHttp2Server(shieldOf(setting) as never)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const session = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    const stream = session.request({ ':path': '/', ...asking })
    let headers: IncomingHttpHeaders = {}
    let trailers: IncomingHttpHeaders = {}
    stream.once('response', (head) => {
      headers = head
    })
    stream.once('trailers', (tail) => {
      trailers = tail
    })
    const bytes = Buffer.concat(await stream.toArray())
    session.close()
    return { headers, trailers, bytes: bytes.length, text: decoded(bytes, headers['content-encoding']).toString() }
  }

  test.each(codings)('whole content in %s', async (coding) => {
    const { headers, text: got, bytes } = await ask({ handler: page({ ETag: '"a"' }) }, { 'accept-encoding': coding })
    expect(got).toBe(text)
    expect(headers).toMatchObject({
      'content-encoding': coding,
      'content-length': String(bytes),
      etag: 'W/"a"',
      vary: 'Accept-Encoding',
    })
  })

  test.each(codings)('streamed content with trailers in %s', async (coding) => {
    const {
      headers,
      text: got,
      trailers,
    } = await ask(
      {
        raw: (_request, response) => {
          response.writeHead(200, { 'content-type': 'text/plain' })
          response.write(text)
          setImmediate(() => {
            response.addTrailers({ 'x-sum': '42' })
            response.end(text)
          })
        },
      },
      { 'accept-encoding': coding },
    )
    expect([headers['content-encoding'], got, trailers['x-sum']]).toEqual([coding, text + text, '42'])
    expect(headers['content-length']).toBeUndefined()
  })

  test('large content, answers without content, HEAD, and what is not acceptable', async () => {
    const large = textOf(3_000_000)
    expect((await ask({ handler: page({}, { body: large }) }, { 'accept-encoding': 'zstd' })).text).toBe(large)
    await new Promise<void>((resolve) => server.close(() => resolve()))
    const { headers } = await ask({ handler: () => ({ status: 304 }) }, { 'accept-encoding': 'zstd' })
    expect(headers[':status']).toBe(304)
    await new Promise<void>((resolve) => server.close(() => resolve()))
    const head = await ask({ handler: page() }, { 'accept-encoding': 'gzip', ':method': 'HEAD' })
    expect([head.headers['content-encoding'], head.bytes]).toEqual(['gzip', 0])
    await new Promise<void>((resolve) => server.close(() => resolve()))
    expect((await ask({ handler: page() }, { 'accept-encoding': '*;q=0' })).headers[':status']).toBe(406)
  })

  test.each(['write', 'end'] as const)(
    'a %s after the end emits no error, which Node does not do either',
    async (late) => {
      const failed = vi.fn()
      const content = textOf(100_000)
      const raw: RawHandler = (_request, response) => {
        response.on('error', failed).setHeader('content-type', 'text/plain')
        response.end(content)
        response[late]('late')
      }
      const got = await ask({ raw }, { 'accept-encoding': 'gzip' })
      expect([got.headers['content-encoding'], got.text]).toEqual(['gzip', content])
      expect(failed).not.toHaveBeenCalled()
    },
  )

  test('a client that resets its stream stops the handler', async () => {
    const closed = vi.fn()
    const listener = shieldOf({
      raw: (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write('data: 1\n\n')
        response.once('close', closed)
      },
    })
    server = createHttp2Server(listener as never)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const session = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    const stream = session.request({ ':path': '/', 'accept-encoding': 'br' })
    await new Promise((resolve) => stream.once('data', resolve))
    stream.close(8)
    await vi.waitFor(() => expect(closed).toHaveBeenCalled())
    session.close()
  })
})
