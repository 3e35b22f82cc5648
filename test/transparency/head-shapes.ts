import { attempt, breaks, http1, later, type Shape, shape } from './shape.ts'

/** Ways to make a head. */
export const heads: readonly Shape[] = [
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
