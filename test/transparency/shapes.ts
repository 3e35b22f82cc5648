import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable, Transform, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

/** Writes down what the handler sees of the response: it must be the same with and without the cache. */
export type Note = (...seen: unknown[]) => void

export interface Shape {
  readonly name: string
  readonly handle: (response: ServerResponse, note: Note, request: IncomingMessage) => unknown
  /** What only HTTP/1 knows: reasons, sockets, arrays of arrays beside set fields. */
  readonly http1?: true
  /** The connection breaks off, so nothing can follow on it. */
  readonly breaks?: true
}

const chunks = ['first ', 'second ', 'third ünï']

function attempt(note: Note, what: () => unknown): void {
  try {
    what()
    note('returned')
  } catch (error) {
    note('threw', (error as { code?: string }).code ?? (error as Error).name)
  }
}

const later = (ms = 1): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

function shape(name: string, handle: Shape['handle'], marks: Partial<Shape> = {}): Shape {
  return { name, handle, ...marks }
}

const http1 = { http1: true } as const
const breaks = { breaks: true } as const

const heads: Shape[] = [
  shape('implicit head, end(string)', (res) => res.end('plain')),
  shape('implicit head, end(Buffer)', (res) => res.end(Buffer.from('bytes'))),
  shape('implicit head, end(Uint8Array)', (res) => res.end(new Uint8Array([65, 66]))),
  shape('implicit head, set status', (res) => {
    res.statusCode = 404
    res.end('none')
  }),
  shape('writeHead(status)', (res) => res.writeHead(202).end('ok')),
  shape('writeHead(status, reason)', (res) => res.writeHead(201, 'Made').end('ok'), http1),
  shape('writeHead(status, object)', (res) =>
    res.writeHead(200, { 'X-WeIrD': 'a', 'Content-Type': 'text/x' }).end('o'),
  ),
  shape('writeHead(status, reason, object)', (res) => res.writeHead(200, 'Fine', { 'X-A': '1' }).end('ok'), http1),
  shape('writeHead(status, undefined, object)', (res) =>
    res.writeHead(200, undefined as unknown as string, { 'X-A': '1' }).end('ok'),
  ),
  shape('writeHead(status, flat array)', (res) => res.writeHead(200, ['X-A', '1', 'X-B', '2']).end('ok')),
  shape('writeHead(status, repeated names)', (res) => res.writeHead(200, ['X-A', '1', 'X-A', '2']).end('ok')),
  shape('writeHead(status, array of pairs)', (res) =>
    res
      .writeHead(200, [
        ['X-A', '1'],
        ['X-A', '2'],
      ] as never)
      .end('ok'),
  ),
  shape('writeHead(status, arrays as values)', (res) => res.writeHead(200, { 'X-A': ['1', '2'], 'X-B': 3 }).end('ok')),
  shape('writeHead with set-cookie array', (res) => res.writeHead(200, { 'Set-Cookie': ['a=1', 'b=2'] }).end('ok')),
  shape(
    'setHeader and writeHead(object)',
    (res) => {
      res.setHeader('X-A', 'set').setHeader('X-B', 'set')
      res.writeHead(200, { 'x-a': 'given' }).end('ok')
    },
    http1,
  ),
  shape('setHeader and writeHead(flat array)', (res) => {
    res.setHeader('X-A', 'set')
    res.writeHead(200, ['X-A', 'given', 'X-A', 'again']).end('ok')
  }),
  shape(
    'setHeader and writeHead(array of pairs)',
    (res, note) => {
      res.setHeader('X-A', 'set')
      attempt(note, () => res.writeHead(200, [['X-A', 'given']] as never))
      res.end('ok')
    },
    http1,
  ),
  shape('writeHead with Content-Length', (res) => res.writeHead(200, { 'Content-Length': 2 }).end('ok')),
  shape('writeHead of an own Cache-Status', (res) => res.writeHead(200, ['X-A', '1', 'X-C', '2']).end('ok')),
  shape(
    'statusMessage',
    (res) => {
      res.statusMessage = 'Quite fine'
      res.end('ok')
    },
    http1,
  ),
  shape('appendHeader', (res) => {
    res.appendHeader('X-A', '1')
    res.appendHeader('X-A', ['2', '3'])
    res.end('ok')
  }),
  shape(
    'setHeaders(Headers)',
    (res) => {
      const headers = new Headers({ 'X-A': '1' })
      headers.append('Set-Cookie', 'a=1')
      headers.append('Set-Cookie', 'b=2')
      res.setHeaders(headers).end('ok')
    },
    http1,
  ),
  shape('Set-Cookie array', (res) => {
    res.setHeader('Set-Cookie', ['a=1', 'b=2'])
    res.end('ok')
  }),
  shape('removed fields and no Date', (res) => {
    res.setHeader('X-A', '1')
    res.removeHeader('X-A')
    res.sendDate = false
    res.end('ok')
  }),
  shape(
    'Connection: close',
    (res) => {
      res.setHeader('Connection', 'close')
      res.end('ok')
    },
    { ...http1, ...breaks },
  ),
  shape(
    'Transfer-Encoding set by hand',
    (res) => {
      res.setHeader('Transfer-Encoding', 'chunked')
      res.end('ok')
    },
    http1,
  ),
  shape('what getHeader tells afterwards', (res, note) => {
    res.setHeader('X-A', '1')
    note(res.headersSent, res.writableEnded)
    res.writeHead(200, { 'X-B': '2' })
    note(res.headersSent, res.getHeader('x-a'), res.getHeader('x-b'), res.hasHeader('x-c'), res.statusCode)
    attempt(note, () => res.setHeader('X-C', 'late'))
    attempt(note, () => res.writeHead(200))
    res.end('ok')
    note(res.writableEnded, res.finished)
  }),
  shape('writeHead and end return the response', (res, note) => {
    note(res.writeHead(200) === res)
    note(res.end('ok') === res)
  }),
  shape(
    'status out of range',
    (res, note) => {
      attempt(note, () => res.writeHead(42))
      res.end('ok')
    },
    http1,
  ),
  shape(
    'bad value in writeHead, then an error page',
    (res, note) => {
      attempt(note, () => res.writeHead(200, { 'X-Bad': 'line\nbreak' }))
      note(res.headersSent)
      res.statusCode = 500
      res.end('error page')
    },
    http1,
  ),
  shape(
    'bad reason in writeHead, then an error page',
    (res, note) => {
      res.setHeader('X-A', '1')
      attempt(note, () => res.writeHead(200, 'bad\nreason'))
      note(res.headersSent)
      res.statusMessage = ''
      res.writeHead(500).end('error page')
    },
    http1,
  ),
  shape(
    '102 Processing',
    async (res, note) => {
      note(res.writeProcessing())
      await later()
      res.end('after')
    },
    http1,
  ),
  shape('103 Early Hints', async (res) => {
    res.writeEarlyHints({ link: '</a.css>; rel=preload', 'x-hint': '1' })
    await later()
    res.end('after')
  }),
  shape('flushHeaders', async (res, note) => {
    res.setHeader('X-A', '1')
    res.flushHeaders()
    note(res.headersSent)
    await later()
    res.end('after')
  }),
  shape('204', (res) => res.writeHead(204).end()),
  shape(
    '204 with content that Node drops',
    (res, note) => {
      res.statusCode = 204
      res.end('dropped', () => note('called'))
    },
    http1,
  ),
  shape('304', (res) => res.writeHead(304, { ETag: '"a"' }).end()),
  shape('500', (res) => res.writeHead(500).end('broken')),
]

const bodies: Shape[] = [
  shape('end()', (res) => res.end()),
  shape('end(null)', (res) => res.end(null)),
  shape("end('')", (res) => res.end('')),
  shape('end(callback)', (res, note) => res.end(() => note('ended', res.writableFinished))),
  shape('end(string, callback)', (res, note) => res.end('text', () => note('ended'))),
  shape('end(string, encoding)', (res) => res.end('ünï', 'latin1')),
  shape('end(string, encoding, callback)', (res, note) => res.end('aGk=', 'base64', () => note('ended'))),
  shape('many writes', (res) => {
    for (const chunk of chunks) res.write(chunk)
    res.end('last')
  }),
  shape('writes over time', async (res) => {
    for (const chunk of chunks) {
      res.write(chunk)
      await later()
    }
    res.end()
  }),
  shape('writes with encodings', (res) => {
    res.write('68656c6c6f', 'hex')
    res.write('aGk=', 'base64')
    res.write(new Uint8Array([33]))
    res.end('ü', 'latin1')
  }),
  // Node's HTTP/2 sends undefined bytes after an empty write.
  shape(
    'empty writes',
    (res) => {
      res.write('')
      res.write('x')
      res.write(Buffer.alloc(0))
      res.end('')
    },
    http1,
  ),
  shape('writes with callbacks', (res, note) => {
    note(res.write('a', () => note('a written')))
    note(res.write('b', 'utf8', () => note('b written')))
    res.end('c', () => note('ended'))
  }),
  shape('writes with Content-Length', (res) => {
    res.setHeader('Content-Length', 6)
    res.write('abc')
    res.end('def')
  }),
  shape('drain', async (res, note) => {
    const block = Buffer.alloc(64 * 1024, 'x')
    for (let i = 0; i < 6; i++) {
      block.fill(65 + i)
      if (!res.write(block)) await new Promise((resolve) => res.once('drain', resolve))
    }
    res.end()
    note('drained')
  }),
  shape('a Buffer used again after the callback', async (res) => {
    const block = Buffer.alloc(8)
    for (const letter of 'abc') {
      block.fill(letter)
      await new Promise((resolve) => res.write(block, resolve))
      block.fill('?')
    }
    res.end()
  }),
  shape('cork and uncork', (res) => {
    res.cork()
    res.write('a')
    res.write('b')
    res.uncork()
    res.end('c')
  }),
  shape('pipe', (res) => Readable.from(chunks).pipe(res)),
  shape('pipe through a transform', (res) =>
    Readable.from(chunks)
      .pipe(new Transform({ transform: (chunk, _encoding, done) => done(null, String(chunk).toUpperCase()) }))
      .pipe(res),
  ),
  shape('pipeline', (res, note) => pipeline(Readable.from(chunks), res).then(() => note('done'))),
  shape('fromWeb', (res) => Readable.fromWeb(new Response('from the web').body as never).pipe(res)),
  shape(
    'toWeb',
    (res) => Readable.toWeb(Readable.from([Buffer.from('to the web')])).pipeTo(Writable.toWeb(res) as never),
    http1,
  ),
  shape('trailers', (res) => {
    res.writeHead(200, { Trailer: 'X-Sum' })
    res.write('content')
    res.addTrailers({ 'X-Sum': '42' })
    res.end()
  }),
  shape('end twice', (res, note) => {
    res.end('once')
    res.end(() => note('second end'))
  }),
  shape(
    'end twice with content',
    (res, note) => {
      res.end('once')
      res.end('twice', () => note('second end'))
    },
    http1,
  ),
  shape(
    'write after end',
    (res, note) => {
      res.end('once')
      note(res.write('late', (error) => note('late', (error as NodeJS.ErrnoException | undefined)?.code)))
    },
    { ...http1, ...breaks },
  ),
  shape(
    'write of no content',
    (res, note) => {
      attempt(note, () => res.write(5 as never))
      attempt(note, () => res.write(null as never))
      note(res.headersSent)
      res.end('ok')
    },
    http1,
  ),
  shape(
    'end of no content, then end',
    (res, note) => {
      res.write('a')
      attempt(note, () => res.end(5 as never))
      res.end('b')
    },
    http1,
  ),
  shape(
    'Content-Length too large',
    (res) => {
      res.setHeader('Content-Length', 10)
      res.end('short')
    },
    { ...http1, ...breaks },
  ),
  shape(
    'Content-Length too small',
    (res) => {
      res.setHeader('Content-Length', 2)
      res.end('long')
    },
    { ...http1, ...breaks },
  ),
  shape(
    'strictContentLength',
    (res, note) => {
      res.strictContentLength = true
      res.setHeader('Content-Length', 2)
      res.write('a')
      attempt(note, () => res.end('bcd'))
      res.end('b')
    },
    http1,
  ),
  shape(
    'what happens in order',
    (res, note) => {
      for (const event of ['prefinish', 'finish', 'close']) res.on(event, () => note(event, res.writableFinished))
      res.write('a', () => note('written'))
      note(res.writableLength > 0, res.writableCorked > 0)
      res.end('b', () => note('ended'))
      note('after end', res.writableEnded)
    },
    http1,
  ),
  shape(
    'destroyed before the head',
    (res, note) => {
      res.on('close', () => note('close', res.headersSent))
      res.destroy()
      note(
        res.headersSent,
        res.write('late', () => {}),
        res.headersSent,
      )
      res.end('late')
      note(res.headersSent)
    },
    { ...http1, ...breaks },
  ),
  shape(
    'destroyed after the head',
    async (res, note) => {
      res.on('close', () => note('close', res.writableFinished))
      res.write('part')
      await later(5)
      res.destroy(new Error('broken'))
      note(res.errored?.message)
    },
    { ...http1, ...breaks },
  ),
]

/** The same handlers on plain node, Express and HTTP/2. */
export const shapes: readonly Shape[] = [...heads, ...bodies]
