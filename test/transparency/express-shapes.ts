import { fileURLToPath } from 'node:url'
import type { NextFunction, Request, Response } from 'express'

export interface ExpressShape {
  readonly name: string
  readonly handle: (response: Response, request: Request, next: NextFunction) => unknown
  /** Lines of the request. */
  readonly lines?: readonly string[]
  readonly only?: 4 | 5
}

const file = fileURLToPath(new URL('./fixture.txt', import.meta.url))

/** What Express adds to a response. */
export const expressShapes: readonly ExpressShape[] = [
  { name: 'send(string)', handle: (res) => res.send('<p>text</p>') },
  { name: 'send(Buffer)', handle: (res) => res.send(Buffer.from('bytes')) },
  { name: 'send(object)', handle: (res) => res.send({ a: 1 }) },
  { name: 'send of 404', handle: (res) => res.status(404).send('none') },
  { name: 'json', handle: (res) => res.json({ a: [1, 2, null] }) },
  { name: 'jsonp', handle: (res) => res.jsonp({ a: 1 }) },
  { name: 'sendStatus', handle: (res) => res.sendStatus(202) },
  { name: 'redirect', handle: (res) => res.redirect('/elsewhere') },
  { name: 'redirect(301)', handle: (res) => res.redirect(301, 'http://other.test/a b') },
  { name: 'sendFile', handle: (res) => res.sendFile(file) },
  { name: 'sendFile, a part', handle: (res) => res.sendFile(file), lines: ['Range: bytes=2-5'] },
  { name: 'sendFile, none there', handle: (res) => res.sendFile(`${file}.none`) },
  { name: 'sendFile, beyond its end', handle: (res) => res.sendFile(file), lines: ['Range: bytes=9999-'] },
  { name: 'download', handle: (res) => res.download(file, 'näme.txt') },
  { name: 'attachment and type', handle: (res) => res.attachment('a.pdf').type('text/x').send('x') },
  { name: 'cookie', handle: (res) => res.cookie('a', '1').cookie('b', '2', { httpOnly: true }).send('x') },
  { name: 'append', handle: (res) => res.append('X-A', '1').append('X-A', ['2', '3']).send('x') },
  { name: 'links and vary', handle: (res) => res.links({ next: '/2' }).vary('Accept').send('x') },
  {
    name: 'format',
    handle: (res) => res.format({ 'text/plain': () => res.send('plain'), 'text/html': () => res.send('<p>') }),
    lines: ['Accept: text/html'],
  },
  { name: 'set and end', handle: (res) => res.set({ 'X-A': '1', 'Content-Type': 'text/plain' }).end('x') },
  { name: 'writeHead(object)', handle: (res) => res.writeHead(200, { 'X-A': '1' }).end('x') },
  { name: 'next(error)', handle: (_res, _req, next) => next(new Error('on purpose')) },
  { name: 'next() to 404', handle: (_res, _req, next) => next() },
  {
    name: 'throws',
    handle: () => {
      throw Object.assign(new Error('on purpose'), { status: 418 })
    },
  },
  {
    name: 'rejects',
    handle: async () => {
      throw new Error('on purpose')
    },
    only: 5,
  },
  { name: 'bad value in writeHead, then the 500 page', handle: (res) => res.writeHead(200, { 'X-Bad': 'a\nb' }) },
  { name: 'bad value in an array, then the 500 page', handle: (res) => res.writeHead(200, ['X-Bad', 'a\nb']) },
  {
    name: 'error after the head',
    handle: (res, _req, next) => {
      res.write('part')
      setTimeout(() => next(new Error('on purpose')), 5)
    },
  },
  { name: 'fresh by the client', handle: (res) => res.set('ETag', '"a"').send('x'), lines: ['If-None-Match: "a"'] },
]
