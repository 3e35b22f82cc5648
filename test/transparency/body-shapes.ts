import { Readable, Transform, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { attempt, breaks, http1, later, type Shape, shape } from './shape.ts'

const chunks = ['first ', 'second ', 'third ünï']

/** Ways to send content and to end. */
export const bodies: readonly Shape[] = [
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
