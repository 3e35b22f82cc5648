/** What a handler that writes on Node's own response finds: all as without compression. */
import { randomBytes } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { compression } from 'breakwater/express'
import express from 'express'
import session from 'express-session'
import { describe, expect, test, vi } from 'vitest'
import { listen } from '../bridges/wire.ts'
import { requestText, sendRaw } from '../transparency/raw-client.ts'
import { answersIn } from './raw-answers.ts'
import { type Started, start, text, textOf } from './subject.ts'
import { subjects } from './subjects/index.ts'
import { shieldOf } from './subjects/shield.ts'
import { ask, codings, decodedStream, nextText, open } from './wire.ts'

const plain = { 'Content-Type': 'text/plain' }

let made = 0
/** Text that was never encoded before. */
const newText = (bytes: number): string =>
  `${++made}${process.hrtime.bigint()}`.padEnd(bytes, textOf(bytes)).slice(0, bytes)

/** A flush that a response has behind compression. */
type Flushing = ServerResponse & { flush(): void }

describe.each(subjects)('$name', (subject) => {
  const serving = (answer: (response: ServerResponse) => unknown): Promise<Started> =>
    start(subject, { raw: (_request, response) => answer(response) })

  describe('writeHead', () => {
    const forms: [string, (response: ServerResponse) => unknown][] = [
      ['(status, object)', (response) => response.writeHead(201, { ...plain, ETag: '"a"', 'X-A': '1' })],
      [
        '(status, reason, object)',
        (response) => response.writeHead(201, 'Made', { ...plain, ETag: '"a"', 'X-A': '1' }),
      ],
      [
        '(status, undefined, object)',
        (response) => response.writeHead(201, undefined, { ...plain, ETag: '"a"', 'X-A': '1' }),
      ],
      [
        '(status, flat array)',
        (response) => response.writeHead(201, ['Content-Type', 'text/plain', 'ETag', '"a"', 'X-A', '1']),
      ],
      [
        '(status, array of pairs)',
        (response) =>
          response.writeHead(201, [
            ['Content-Type', 'text/plain'],
            ['ETag', '"a"'],
            ['X-A', '1'],
          ] as never),
      ],
      [
        '(status) after setHeader',
        (response) => {
          response.setHeader('content-type', 'text/plain').setHeader('etag', '"a"').setHeader('x-a', '1')
          response.writeHead(201)
        },
      ],
      [
        '(status, object) over setHeader',
        (response) => {
          response.setHeader('content-type', 'image/png').setHeader('ETag', '"other"').setHeader('X-A', '1')
          response.writeHead(201, { 'CONTENT-TYPE': 'text/plain', etag: '"a"' })
        },
      ],
      [
        '(status, flat array) over setHeader',
        (response) => {
          response.setHeader('content-type', 'image/png').setHeader('ETag', '"other"').setHeader('X-A', '1')
          response.writeHead(201, ['CONTENT-TYPE', 'text/plain', 'etag', '"a"'])
        },
      ],
    ]

    test.each(forms)('%s, with the whole content and with pieces', async (_form, head) => {
      const server = await start(subject, {
        raw: (request, response) => {
          head(response)
          if (request.url === '/whole') return response.end(text)
          response.write(text)
          setImmediate(() => response.end())
        },
      })
      for (const path of ['/whole', '/pieces']) {
        for (const coding of codings) {
          const got = await server.ask(coding, { path })
          expect([path, got.status, got.text === text]).toEqual([path, 201, true])
          expect(got.headers).toMatchObject({
            'content-type': 'text/plain',
            'content-encoding': coding,
            etag: 'W/"a"',
            vary: 'Accept-Encoding',
            'x-a': '1',
          })
        }
        expect((await server.ask(undefined, { path })).headers).toMatchObject({ etag: '"a"', 'x-a': '1' })
      }
    })

    test('with Content-Length and with Content-Encoding in its argument', async () => {
      const given: Record<string, object> = {
        '/length': { 'Content-Length': String(text.length) },
        '/number': { 'content-length': text.length },
        '/coded': { 'Content-Encoding': 'identity' },
        '/kept': { 'Cache-Control': 'no-transform' },
      }
      const server = await start(subject, {
        raw: (request, response) => response.writeHead(200, { ...plain, ...given[String(request.url)] }).end(text),
      })
      for (const path of Object.keys(given)) {
        const got = await server.ask('gzip', { path })
        expect([path, got.text]).toEqual([path, text])
        expect(got.headers['content-encoding']).toBe(path === '/kept' ? undefined : 'gzip')
      }
    })

    test('keeps fields that are there several times, and a reason', async () => {
      const server = await serving((response) =>
        response
          .writeHead(200, 'Quite fine', { ...plain, 'Set-Cookie': ['a=1', 'b=2'], Vary: ['Origin', 'Accept'] })
          .end(text),
      )
      const response = await open(server.port, 'gzip')
      expect(response.statusMessage).toBe('Quite fine')
      expect(response.headers['set-cookie']).toEqual(['a=1', 'b=2'])
      expect(response.headers.vary).toMatch(/^Origin, Accept, Accept-Encoding$/i)
      response.resume()
    })

    test('given a field in several lines, heeds them all', async () => {
      const lines: Record<string, string[]> = {
        '/transform': ['Cache-Control', 'public', 'cache-control', 'no-transform'],
        '/coded': ['Content-Encoding', 'identity', 'Content-Encoding', 'x-own'],
        '/plain': [
          'Cache-Control',
          'public',
          'Cache-Control',
          'max-age=60',
          'Vary',
          'Origin',
          'Vary',
          'Accept-Encoding',
        ],
      }
      const server = await start(subject, {
        raw: (request, response) => {
          const flat = ['Content-Type', 'text/plain', ...(lines[request.url?.replace('/pairs', '') as string] ?? [])]
          const pairs = flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1]]] : []))
          response.writeHead(200, (request.url?.startsWith('/pairs') ? pairs : flat) as never).end(text)
        },
      })
      for (const way of ['', '/pairs']) {
        const response = await open(server.port, 'gzip', { path: `${way}/coded` })
        expect(response.headers['content-encoding']).toBe('identity, x-own')
        expect(Buffer.concat(await response.toArray()).toString()).toBe(text)
        const kept = await server.ask('gzip', { path: `${way}/transform` })
        expect([kept.headers['content-encoding'], kept.text]).toEqual([undefined, text])
        const { headers } = await server.ask('gzip', { path: `${way}/plain` })
        expect(headers).toMatchObject({
          'content-encoding': 'gzip',
          'cache-control': 'public, max-age=60',
          vary: 'Origin, Accept-Encoding',
        })
      }
    })

    test.each([5_000, 100_000])(
      'given a framing keeps to it: no length beside it, and its trailers: %i',
      async (size) => {
        const fields: Record<string, Record<string, string>> = {
          '/chunked': { 'Transfer-Encoding': 'chunked' },
          '/trailer': { Trailer: 'X-Sum' },
        }
        const server = await start(subject, {
          raw: (request, response) => {
            response.writeHead(200, { ...plain, ...fields[String(request.url)] })
            if (request.url === '/trailer') response.addTrailers({ 'X-Sum': '42' })
            response.end(textOf(size))
          },
        })
        for (const path of Object.keys(fields)) {
          for (const coding of [...codings, undefined]) {
            const lines = [...(coding === undefined ? [] : [`Accept-Encoding: ${coding}`]), 'Connection: close']
            const [answer, ...more] = answersIn(await sendRaw(server.port, requestText({ path, lines })))
            expect([more, answer?.fields.get('content-encoding')]).toEqual([[], coding])
            expect(answer?.fields.get('transfer-encoding')).toBe('chunked')
            expect(answer?.fields.has('content-length')).toBe(false)
            expect(answer?.text).toBe(textOf(size))
            expect(answer?.trailers).toBe(path === '/trailer' ? 'X-Sum: 42' : '')
          }
        }
      },
    )

    test('given a framing is refused with a whole answer where nothing is acceptable', async () => {
      const server = await serving((response) =>
        response.setHeader('Transfer-Encoding', 'chunked').writeHead(200, plain).end(text),
      )
      const lines = ['Accept-Encoding: *;q=0', 'Connection: close']
      const [answer, ...more] = answersIn(await sendRaw(server.port, requestText({ path: '/', lines })))
      expect([answer?.status, answer?.fields.has('transfer-encoding'), more]).toEqual([406, false, []])
      expect(answer?.text).toContain('Not Acceptable')
    })

    test('twice throws, and so does setHeader after it, wherever the first bytes are', async () => {
      const seen: unknown[] = []
      const late = (response: ServerResponse): void => {
        for (const what of [
          () => response.writeHead(500, { 'X-Late': '1' }),
          () => response.setHeader('X-Late', '1'),
          () => response.removeHeader('Content-Type'),
          () => response.appendHeader('X-Late', '1'),
        ]) {
          try {
            what()
            seen.push('nothing')
          } catch (error) {
            seen.push((error as NodeJS.ErrnoException).code)
          }
        }
      }
      const server = await start(subject, {
        raw: (request, response) => {
          if (request.url === '/head') response.writeHead(200, plain)
          else if (request.url === '/flushed') response.writeHead(200, plain).flushHeaders()
          else {
            response.setHeader('Content-Type', 'text/plain')
            response.write('held')
          }
          late(response)
          response.end('content')
        },
      })
      for (const path of ['/head', '/flushed', '/write']) {
        seen.length = 0
        for (const coding of [undefined, 'gzip']) {
          const got = await server.ask(coding, { path })
          expect([got.status, got.headers['x-late'], got.headers['content-type']]).toEqual([
            200,
            undefined,
            'text/plain',
          ])
        }
        expect(seen).toEqual(Array(8).fill('ERR_HTTP_HEADERS_SENT'))
      }
    })
  })

  test('headersSent is true from writeHead, write, flushHeaders and end on, and not before', async () => {
    const seen: boolean[] = []
    const ways: Record<string, (response: ServerResponse) => unknown> = {
      '/writeHead': (response) => response.writeHead(200),
      '/write': (response) => response.write('held'),
      '/flushHeaders': (response) => response.flushHeaders(),
      '/end': (response) => response.end('content'),
      '/end-much': (response) => response.end(textOf(100_000)),
    }
    const server = await start(subject, {
      raw: (request, response) => {
        response.setHeader('Content-Type', 'text/plain')
        seen.push(response.headersSent)
        ways[String(request.url)]?.(response)
        seen.push(response.headersSent)
        response.end()
      },
    })
    for (const path of Object.keys(ways))
      for (const coding of [undefined, 'zstd', 'gzip']) await server.ask(coding, { path })
    expect(seen).toEqual(Array(15).fill([false, true]).flat())
  })

  test('what the response tells of itself before and after the end', async () => {
    const seen: unknown[] = []
    const server = await start(subject, {
      raw: (request, response) => {
        response.setHeader('Content-Type', 'text/plain')
        const size = Number(request.url?.slice(1))
        const tell = () => [response.writableEnded, response.writableFinished]
        const before = tell()
        const returned = response.end(textOf(size)) === response
        seen.push([before, returned, response.writableEnded])
        response.once('finish', () => seen.push(['finish', response.writableFinished]))
        response.once('close', () => seen.push(['close', response.writableFinished]))
      },
    })
    for (const size of [10, 5_000, 100_000, 2_000_000]) {
      seen.length = 0
      expect((await server.ask('gzip', { path: `/${size}` })).text).toBe(textOf(size))
      await expect
        .poll(() => seen)
        .toEqual([
          [[false, false], true, true],
          ['finish', true],
          ['close', true],
        ])
    }
  })

  test('getHeader tells what was set until the head is sent', async () => {
    const seen: unknown[] = []
    const server = await serving((response) => {
      response.setHeader('Content-Type', 'text/plain').setHeader('ETag', '"a"').setHeader('Content-Length', text.length)
      seen.push(
        response.getHeader('etag'),
        response.getHeader('content-encoding'),
        response.hasHeader('content-length'),
      )
      response.end(text)
    })
    expect((await server.ask('gzip')).text).toBe(text)
    expect(seen).toEqual(['"a"', undefined, true])
  })

  test('a field that is set late, by who wraps writeHead inside or outside, is sent', async () => {
    const server = await serving((response) => {
      const writeHead = response.writeHead
      response.writeHead = function (this: ServerResponse, ...given: never[]) {
        this.setHeader('X-Late', 'yes')
        return (writeHead as (...given: never[]) => ServerResponse).apply(this, given)
      } as typeof writeHead
      response.setHeader('Content-Type', 'text/plain')
      response.end(text)
    })
    const got = await server.ask('gzip')
    expect([got.headers['x-late'], got.text]).toEqual(['yes', text])
  })

  test('fields may be numbers, as Node takes them', async () => {
    const server = await serving((response) => {
      for (const name of ['Cache-Control', 'ETag', 'Vary', 'Content-MD5', 'X-Own']) response.setHeader(name, 5)
      response.setHeader('Content-Type', 'text/plain').end(text)
    })
    const got = await server.ask('gzip')
    expect([got.headers['content-encoding'], got.text]).toEqual(['gzip', text])
    expect(got.headers).toMatchObject({ 'cache-control': '5', etag: '5', vary: '5, Accept-Encoding', 'x-own': '5' })
  })

  test('a type that is set by who wraps writeHead counts', async () => {
    const server = await serving((response) => {
      const writeHead = response.writeHead
      response.writeHead = function (this: ServerResponse, ...given: never[]) {
        this.setHeader('Content-Type', 'text/plain')
        return (writeHead as (...given: never[]) => ServerResponse).apply(this, given)
      } as typeof writeHead
      response.end(text)
    })
    const got = await server.ask('gzip')
    expect(got.text).toBe(text)
  })

  test.each([10, 5_000, 100_000])('a reason that Node refuses is refused in time: %i bytes', async (size) => {
    const server = await serving((response) => {
      response.setHeader('Content-Type', 'text/plain')
      expect(() => response.writeHead(200, 'bad\nreason')).toThrow('statusMessage')
      response.statusMessage = 'bad\nreason'
      expect(() => response.end(textOf(size))).toThrow('statusMessage')
      expect(response.headersSent).toBe(false)
      response.statusMessage = ''
      response.writeHead(500).end('error page')
    })
    expect(await server.ask('gzip')).toMatchObject({ status: 500, text: 'error page' })
  })

  describe('flushHeaders', () => {
    test.each([undefined, ...codings])('sends the head at once, and the content then: %s', async (coding) => {
      let respond: (() => void) | undefined
      const server = await serving((response) => {
        response.writeHead(200, plain)
        response.flushHeaders()
        respond = () => response.end(text)
      })
      const response = await open(server.port, coding)
      expect(response.headers['content-encoding']).toBe(coding)
      respond?.()
      expect(Buffer.concat(await decodedStream(response).toArray()).toString()).toBe(text)
    })

    test('of an answer that turns out to be empty', async () => {
      const server = await serving((response) => {
        response.setHeader('Content-Type', 'text/plain')
        response.flushHeaders()
        setImmediate(() => response.end())
      })
      for (const coding of [undefined, ...codings])
        expect(await server.ask(coding)).toMatchObject({ text: '', whole: true })
    })
  })

  test.each([...codings, undefined])('flush() sends what was written so far: %s', async (coding) => {
    let respond: (() => void) | undefined
    const server = await serving((response) => {
      response.setHeader('Content-Type', 'text/plain')
      response.write('so far')
      ;(response as Flushing).flush()
      respond = () => {
        response.write(' and more')
        ;(response as Flushing).flush()
        respond = () => response.end('!')
      }
    })
    const response = await open(server.port, coding)
    const content = decodedStream(response)
    expect(await nextText(content)).toBe('so far')
    respond?.()
    expect(await nextText(content)).toBe(' and more')
    respond?.()
    expect(await nextText(content)).toBe('!')
  })

  test.each(codings)('flush() sends a head that was written, before there is content: %s', async (coding) => {
    let respond: (() => void) | undefined
    const server = await serving((response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' })
      ;(response as Flushing).flush()
      respond = () => response.end(text)
    })
    const response = await open(server.port, coding)
    expect(response.headers['content-encoding']).toBe(coding)
    respond?.()
    expect(Buffer.concat(await decodedStream(response).toArray()).toString()).toBe(text)
    const head = await open(server.port, coding, { method: 'HEAD' })
    expect(head.headers['content-encoding']).toBe(coding)
    respond?.()
    expect(await head.toArray()).toEqual([])
  })

  test('flush() is there before anything is written, after the end, and where nothing is encoded', async () => {
    const server = await start(subject, {
      raw: (request, response) => {
        const flushing = response as Flushing
        flushing.flush()
        response.setHeader('Content-Type', request.url === '/png' ? 'image/png' : 'text/plain')
        response.write('a')
        flushing.flush()
        response.end('b')
        flushing.flush()
      },
    })
    for (const path of ['/png', '/txt']) {
      for (const coding of [undefined, 'gzip']) expect((await server.ask(coding, { path })).text).toBe('ab')
    }
  })

  describe('an error page', () => {
    test('in place of what was not sent yet is encoded like any other', async () => {
      const server = await serving((response) => {
        response.setHeader('Content-Type', 'text/plain')
        response.setHeader('ETag', '"of the page"')
        response.removeHeader('ETag')
        response.writeHead(500, { 'Content-Type': 'text/html' }).end(`<p>${text}`)
      })
      const got = await server.ask('br')
      expect([got.status, got.headers['content-encoding'], got.text]).toEqual([500, 'br', `<p>${text}`])
      expect(got.headers.etag).toBeUndefined()
    })

    test('after a head that Node refused', async () => {
      const server = await serving((response) => {
        response.setHeader('Content-Type', 'text/plain')
        expect(() => response.writeHead(200, { 'X-Bad': 'line\nbreak' })).toThrow()
        expect(response.headersSent).toBe(false)
        response.writeHead(500).end(text)
      })
      const got = await server.ask('gzip')
      expect([got.status, got.text]).toEqual([500, text])
    })

    test.each([
      ['held', 'short'],
      ['sent', textOf(100_000)],
    ])(
      'is never put behind first bytes that are %s: who answers the error finds the head gone',
      async (_where, first) => {
        const seen: boolean[] = []
        const server = await serving((response) => {
          response.setHeader('Content-Type', 'text/plain')
          response.write(first)
          seen.push(response.headersSent)
          // As every framework's last resort does.
          if (response.headersSent) response.destroy()
          else response.writeHead(500).end('error page')
        })
        for (const coding of codings) {
          const outcome = await server.ask(coding).then(
            ({ whole }) => whole,
            () => false,
          )
          expect(outcome).toBe(false)
        }
        expect(seen).toEqual([true, true, true, true])
      },
    )
  })

  describe('after the end', () => {
    test.each([10, 5_000, 100_000])(
      'a second end sends nothing more and tells its callback: %i bytes',
      async (size) => {
        for (const path of ['/whole', '/pieces']) {
          const called: unknown[] = []
          const content = newText(size)
          const server = await serving((response) => {
            response.setHeader('Content-Type', 'text/plain')
            response.on('error', () => called.push('error'))
            if (path === '/pieces') response.write(content.slice(0, size / 2))
            response.end(content.slice(path === '/pieces' ? size / 2 : 0), () => called.push('first'))
            response.end(() => called.push('second'))
            response.end()
          })
          expect((await server.ask('gzip')).text).toBe(content)
          await expect.poll(() => called.length).toBe(2)
          expect(called).toEqual(['first', 'second'])
        }
      },
    )

    test.each([10, 5_000, 100_000])('a second end with content fails as it does without: %i bytes', async (size) => {
      const seenBy = async (compression: false | object): Promise<unknown[]> => {
        const seen: unknown[] = []
        const content = newText(size)
        const server = await start(subject, {
          compression,
          raw: (_request, response) => {
            response.setHeader('Content-Type', 'text/plain')
            response.on('error', (error: NodeJS.ErrnoException) => seen.push(['error', error.code]))
            response.end(content)
            response.end('late', ((error: NodeJS.ErrnoException) => seen.push(['told', error.code])) as never)
          },
        })
        expect((await server.ask('gzip')).text).toBe(content)
        await expect.poll(() => seen.length).toBe(2)
        return seen
      }
      expect(await seenBy({})).toEqual(await seenBy(false))
    })

    test('what Node takes without a word is taken so while the content is encoded in a thread', async () => {
      const seen: unknown[] = []
      const content = newText(100_000)
      const server = await serving((response) => {
        response.setHeader('Content-Type', 'text/plain')
        response.end(content)
        response.flushHeaders()
        ;(response as Flushing).flush()
        seen.push(response.headersSent, response.writableEnded)
      })
      expect((await server.ask('gzip')).text).toBe(content)
      expect(seen).toEqual([true, true])
    })

    test.each([10, 5_000, 100_000])('a write fails as it does without compression: %i bytes', async (size) => {
      const seenBy = async (compression: false | object): Promise<unknown[]> => {
        const seen: unknown[] = []
        const server = await start(subject, {
          compression,
          raw: (_request, response) => {
            response.setHeader('Content-Type', 'text/plain')
            response.on('error', (error: NodeJS.ErrnoException) => seen.push(['error', error.code]))
            response.end(newText(size))
            seen.push(response.write('late', (error) => seen.push(['told', (error as NodeJS.ErrnoException).code])))
          },
        })
        await server.ask('gzip').catch(() => {})
        await expect.poll(() => seen.length).toBeGreaterThan(2)
        return seen
      }
      expect(await seenBy({})).toEqual(await seenBy(false))
    })
  })

  describe('a response that is destroyed', () => {
    test.each(['nothing', 'held bytes', 'a stream'])('with %s sent breaks off, and tells who waits', async (sent) => {
      const told = vi.fn()
      const server = await serving((response) => {
        response.setHeader('Content-Type', 'text/plain')
        if (sent !== 'nothing') response.write(sent === 'a stream' ? textOf(50_000) : 'held')
        response.once('close', () => told(response.writableFinished))
        setImmediate(() => response.destroy())
      })
      const outcome = await server.ask('gzip').then(
        ({ whole }) => whole,
        () => false,
      )
      expect(outcome).toBe(false)
      await vi.waitFor(() => expect(told).toHaveBeenCalledWith(false))
    })

    test('while its content is encoded in a thread', async () => {
      const closed = vi.fn()
      const server = await serving((response) => {
        response.setHeader('Content-Type', 'text/plain')
        response.once('close', closed)
        response.end(`${Math.random()}${textOf(500_000)}`)
        response.destroy()
      })
      const outcome = await server.ask('br').then(
        ({ whole }) => whole,
        () => false,
      )
      expect(outcome).toBe(false)
      await vi.waitFor(() => expect(closed).toHaveBeenCalledTimes(1))
    })
  })

  describe('a client that has gone', () => {
    type Ways = [what: string, answer: (response: ServerResponse, tell: (error?: Error | null) => void) => void]
    const destroying =
      (write: Ways[1]): Ways[1] =>
      (response, tell) => {
        write(response, tell)
        response.destroy()
      }
    const ways: Ways[] = [
      ['a write that is held back', destroying((response, tell) => response.write('held', tell))],
      [
        'a write that is held back, behind which the end comes late',
        (response, tell) => {
          response.write('held', tell)
          response.destroy()
          response.end()
        },
      ],
      [
        'an end of what was held back',
        destroying((response, tell) => {
          response.write('held')
          response.end(newText(100_000), tell)
        }),
      ],
      ['an end in a thread', destroying((response, tell) => response.end(newText(100_000), tell))],
      [
        'an end that comes after another',
        destroying((response, tell) => {
          response.end(newText(100_000))
          response.end(tell)
        }),
      ],
      [
        'a write that waits for another',
        destroying((response, tell) => {
          response.write(newText(200_000))
          response.write('late', tell)
        }),
      ],
      [
        'an end of a stream',
        destroying((response, tell) => {
          response.write(newText(200_000))
          response.end(tell)
        }),
      ],
    ]

    test.each(ways)('is told to who asked about %s', async (_what, answer) => {
      const told: unknown[] = []
      const server = await serving((response) => {
        response.setHeader('Content-Type', 'text/plain')
        answer(response, (error) => told.push((error as NodeJS.ErrnoException | undefined)?.code))
      })
      await server.ask('gzip').catch(() => {})
      await expect.poll(() => told).toEqual(['ERR_STREAM_DESTROYED'])
    })

    test.each([
      ['held bytes', (response: ServerResponse) => void response.write('held')],
      ['a stream', (response: ServerResponse) => void response.write(newText(200_000))],
      ['content in a thread', (response: ServerResponse) => void response.end(newText(100_000))],
      [
        'content in a thread, and more behind its end',
        (response: ServerResponse) => {
          response.end(newText(100_000))
          response.write('late')
        },
      ],
      [
        'a stream that has ended',
        (response: ServerResponse) => {
          response.write(newText(200_000))
          response.end()
        },
      ],
    ])('may be written to and ended for as long as one likes: %s', async (_what, answer) => {
      const told: unknown[] = []
      const failed = vi.fn()
      const server = await serving((response) => {
        response.setHeader('Content-Type', 'text/plain')
        answer(response)
        response.destroy()
        // Nobody listens: an 'error' would end the process.
        const { emit } = response
        response.emit = ((name: string, ...given: unknown[]) =>
          name === 'error' ? failed() : Reflect.apply(emit, response, [name, ...given])) as never
        const write = (): void => {
          const tell = (error?: Error | null): void => void told.push((error as NodeJS.ErrnoException).code)
          expect(response.write(newText(1_000), tell)).toBe(false)
        }
        write()
        response.once('close', () => {
          write()
          response.end()
          response.end('late')
          setImmediate(write)
        })
      })
      await server.ask('gzip').catch(() => {})
      await expect.poll(() => told.length).toBe(3)
      for (const code of told) expect(code).toMatch(/^ERR_STREAM_(?:DESTROYED|WRITE_AFTER_END)$/)
      expect(failed).not.toHaveBeenCalled()
    })
  })

  test('pipeline settles when all was sent, and fails where its source does', async () => {
    const settled: string[] = []
    const server = await start(subject, {
      raw: async (request, response) => {
        response.setHeader('Content-Type', 'text/plain')
        const source = Readable.from(
          (function* () {
            for (let i = 0; i < 100; i++) yield textOf(10_000)
            if (request.url === '/broken') throw new Error('on purpose')
          })(),
        )
        await pipeline(source, response).then(
          () => settled.push('sent'),
          () => settled.push('failed'),
        )
      },
    })
    expect((await server.ask('zstd')).text.length).toBe(1_000_000)
    expect((await server.ask('zstd', { path: '/broken' })).whole).toBe(false)
    expect(settled).toEqual(['sent', 'failed'])
  })

  test('write tells to wait where its reader is behind, and drain comes when there is room', async () => {
    const block = textOf(64 * 1024)
    let waits = 0
    const server = await serving(async (response) => {
      response.setHeader('Content-Type', 'text/plain')
      for (let i = 0; i < 100; i++) {
        if (response.write(block)) continue
        waits++
        await new Promise((resolve) => response.once('drain', resolve))
      }
      response.end()
    })
    for (const coding of codings) {
      waits = 0
      expect((await server.ask(coding)).text.length).toBe(100 * block.length)
      expect(waits).toBeGreaterThan(10)
    }
  })

  test('content that is no content is refused as Node refuses it', async () => {
    const seenBy = async (compression: false | object): Promise<unknown[]> => {
      const seen: unknown[] = []
      const server = await start(subject, {
        compression,
        raw: (_request, response) => {
          response.setHeader('Content-Type', 'text/plain')
          for (const content of [5, null, {}, undefined]) {
            try {
              response.write(content as never)
              seen.push('taken')
            } catch (error) {
              seen.push((error as NodeJS.ErrnoException).code)
            }
          }
          response.end('ok')
        },
      })
      seen.push((await server.ask('gzip')).text)
      return seen
    }
    expect(await seenBy({})).toEqual(await seenBy(false))
  })

  test.each([0, 200_000])('content that is no content does not end an answer of %i bytes so far', async (bytes) => {
    const codes: unknown[] = []
    const server = await serving(async (response) => {
      response.setHeader('Content-Type', 'text/plain')
      for (let i = 0; i < 3; i++) response.write(randomBytes(bytes / 2 + 1_000).toString('hex'))
      if (bytes > 0) await new Promise(setImmediate)
      try {
        response.end({} as never)
      } catch (error) {
        codes.push((error as NodeJS.ErrnoException).code)
      }
      response.end('ok')
    })
    for (const coding of codings) {
      const got = await server.ask(coding)
      expect([got.whole, got.text.length, got.text.slice(-2)]).toEqual([true, 3 * (bytes + 2_000) + 2, 'ok'])
    }
    expect(codes).toEqual(codings.map(() => 'ERR_INVALID_ARG_TYPE'))
  })

  test.each([false, 0, null])('end(%s) ends what was written', async (nothing) => {
    for (const content of [text, 'little', '']) {
      const server = await serving((response) => {
        response.setHeader('Content-Type', 'text/plain')
        if (content !== '') response.write(content)
        response.end(nothing)
      })
      for (const coding of [...codings, undefined]) expect((await server.ask(coding)).text).toBe(content)
    }
  })

  test.each([
    ['writeHead', 'write'],
    ['writeHead', 'end'],
    ['setHeader', 'write'],
  ])('trailers that nobody announced are sent behind %s and %s', async (head, how) => {
    for (const content of [text, 'little']) {
      const server = await serving((response) => {
        if (head === 'writeHead') response.writeHead(200, plain)
        else response.setHeader('Content-Type', 'text/plain')
        if (how === 'write') response.write(content)
        response.addTrailers({ 'X-Sum': '42' })
        response.end(how === 'end' ? content : undefined)
      })
      for (const coding of [...codings, undefined]) {
        expect(await server.ask(coding)).toMatchObject({ text: content, trailers: { 'x-sum': '42' } })
      }
    }
  })
})

describe.each([express, (await import('express4')).default])('a session of Express', (framework) => {
  const paths = ['/send', '/head', '/pieces', '/large']

  test.each(['inside', 'outside'])('that is saved as its answer ends, %s of compression', async (where) => {
    const saving = session({ secret: 'secret', resave: true, saveUninitialized: true })
    const app = framework().set('env', 'test')
    app.use(where === 'inside' ? [compression(), saving] : [saving, compression()])
    app.get('/send', (_request, response) => void response.type('text/plain').send(text))
    app.get('/head', (_request, response) => void response.writeHead(200, plain).end(text))
    app.get('/pieces', (_request, response) => {
      response.writeHead(200, plain).write(text.slice(0, 2_000))
      response.end(text.slice(2_000))
    })
    app.get('/large', (_request, response) => void response.writeHead(200, plain).end(text.repeat(50)))
    const listening = await listen(app)
    for (const coding of [...codings, undefined]) {
      for (const path of paths) {
        const got = await ask(listening.port, coding, { path })
        expect([got.text.slice(0, text.length), got.headers['content-encoding']]).toEqual([text, coding])
        expect(got.headers['set-cookie']).toHaveLength(1)
      }
    }
    await listening.close()
  })
})

describe.each([express, (await import('express4')).default])('an error handler of Express', (framework) => {
  test('sends its page in place of what was prepared, and none behind what was begun', async () => {
    const app = framework().set('env', 'test')
    app.use(compression())
    app.get('/early', (_request, response) => {
      response.set('Content-Type', 'text/plain').set('ETag', '"a"')
      throw new Error('on purpose')
    })
    app.get('/begun', (_request, response, next) => {
      response.type('text/plain').write('begun')
      next(new Error('on purpose'))
    })
    const listening = await listen(app)
    const early = await ask(listening.port, 'gzip', { path: '/early' })
    expect(early.status).toBe(500)
    expect(early.text).toContain('on purpose')
    const begun = await ask(listening.port, 'gzip', { path: '/begun' }).then(
      ({ whole }) => whole,
      () => false,
    )
    expect(begun).toBe(false)
    await listening.close()
  })
})

test.each([10, 5_000, 100_000])(
  'a layer outside that throws as the head is written fails its own answer, %i bytes, and no other',
  async (size) => {
    const shielded = shieldOf({
      raw: (request, response) => {
        response.setHeader('Content-Type', 'text/plain')
        if (request.url === '/whole') return response.end(textOf(size))
        response.write(textOf(size))
      },
    })
    const listening = await listen(async (request, response) => {
      const { writeHead } = response
      response.writeHead = function (this: ServerResponse, ...given: never[]) {
        if (request.headers['x-throw'] !== undefined) throw new Error('on purpose')
        return (writeHead as (...given: never[]) => ServerResponse).apply(this, given)
      } as typeof writeHead
      // Where it is told, it breaks off by itself.
      await new Promise((resolve) => resolve(shielded(request, response))).catch(() => response.destroy())
    })
    for (const path of ['/whole', '/pieces']) {
      const broken = await ask(listening.port, 'gzip', { path, headers: { 'X-Throw': 'yes' } }).then(
        ({ whole }) => whole,
        () => false,
      )
      expect(broken).toBe(false)
      const response = await open(listening.port, 'gzip', { path })
      expect(response.statusCode).toBe(200)
      response.destroy()
    }
    await listening.close()
  },
)
