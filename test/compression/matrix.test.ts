/** Where other middleware for compression goes wrong: ours must not, on any server. */
import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { page, start, text, textOf } from './subject.ts'
import { subjects } from './subjects/index.ts'
import { codings, decodedStream, nextText, open, varyOf } from './wire.ts'

const all = 'zstd, br, gzip, deflate'
const plain = { 'Content-Type': 'text/plain' }

describe.each(subjects)('$name', (subject) => {
  describe('negotiates', () => {
    test.each([
      ['zstd', 'zstd'],
      ['br', 'br'],
      ['gzip', 'gzip'],
      ['deflate', 'deflate'],
      ['GZIP', 'gzip'],
      ['x-gzip', 'gzip'],
      ['*', 'zstd'],
      [all, 'zstd'],
      ['deflate, gzip, br', 'br'],
      ['deflate, gzip', 'gzip'],
      ['gzip;q=0.5, deflate;q=0.9', 'deflate'],
      ['gzip;q=0.001, identity;q=0', 'gzip'],
      ['gzip;q=0, *', 'zstd'],
      ['gzip;q=0, zstd;q=0, *', 'br'],
      ['br;q=0.2, *;q=0.1', 'br'],
      ['identity;q=0', undefined, 406],
      ['*;q=0', undefined, 406],
      ['identity;q=0, snappy', undefined, 406],
      ['*;q=0, gzip', 'gzip'],
      ['*;q=0, identity', undefined],
      ['identity', undefined],
      ['identity, gzip;q=0.5', undefined],
      ['gzip, identity;q=0.5', 'gzip'],
      ['gzip;q=0', undefined],
      ['snappy', undefined],
      ['', undefined],
      [undefined, undefined],
      ['gzip;q=x, br;q=0.1', 'br'],
      [' , ,gzip;Q=1.000,', 'gzip'],
    ])('%j: %s', async (acceptEncoding, coding, status = 200) => {
      const server = await start(subject, { handler: page() })
      const got = await server.ask(acceptEncoding)
      expect([got.status, got.headers['content-encoding']]).toEqual([status, coding])
      expect(varyOf(got)).toEqual(['accept-encoding'])
      if (status === 200) expect(got.text).toBe(text)
    })

    test('and shows an error page as it is where nothing is acceptable', async () => {
      const server = await start(subject, { handler: page({}, { status: 404 }) })
      const got = await server.ask('identity;q=0')
      expect([got.status, got.text]).toEqual([404, text])
    })

    test('and answers 406 of streams, too, and of HEAD', async () => {
      const handler = () => ({ headers: plain, stream: () => Readable.from([text, text]) })
      const server = await start(subject, { handler })
      for (const method of ['GET', 'HEAD']) {
        const got = await server.ask('*;q=0', { method })
        expect([method, got.status, got.whole, varyOf(got)]).toEqual([method, 406, true, ['accept-encoding']])
        expect(got.text).not.toContain('fox')
      }
    })

    test('and a picture is sent whatever codings are refused', async () => {
      const server = await start(subject, { handler: page({ 'Content-Type': 'image/png' }) })
      expect(await server.ask('identity;q=0')).toMatchObject({ status: 200, text })
    })

    test('and what takes no identity is encoded below the threshold, too', async () => {
      const server = await start(subject, { handler: page({}, { body: 'aaaaaaaa' }) })
      const got = await server.ask('gzip, identity;q=0')
      expect([got.headers['content-encoding'], got.text]).toEqual(['gzip', 'aaaaaaaa'])
    })
  })

  describe('gives an encoded answer', () => {
    test.each([
      ['the weak form of a strong ETag', '"abc"', 'W/"abc"'],
      ['a weak ETag as it is', 'W/"abc"', 'W/"abc"'],
      ['the weak form of an ETag that looks like another', '"W/abc-gzip"', 'W/"W/abc-gzip"'],
      ['no ETag of its own', undefined, undefined],
    ])('%s', async (_rule, given, expected) => {
      const server = await start(subject, { handler: page(given === undefined ? {} : { ETag: given }) })
      for (const coding of codings) expect((await server.ask(coding)).headers.etag).toBe(expected)
      expect((await server.ask()).headers.etag).toBe(given)
    })

    test('no digest and no ranges of the content that it was, which identity keeps', async () => {
      const stale = {
        'Repr-Digest': 'sha-256=:AAAA:',
        'Content-Digest': 'sha-256=:AAAA:',
        'Content-MD5': 'AAAA',
        Digest: 'sha-256=AAAA',
        'Accept-Ranges': 'bytes',
      }
      const server = await start(subject, { handler: page(stale) })
      const [encoded, identity] = [await server.ask('gzip'), await server.ask()]
      for (const name of Object.keys(stale)) {
        expect([name, encoded.headers[name.toLowerCase()]]).toEqual([name, undefined])
        expect([name, identity.headers[name.toLowerCase()]]).toEqual([name, stale[name as keyof typeof stale]])
      }
    })

    test.each(codings)('the length of its encoding: %s', async (coding) => {
      const server = await start(subject, { handler: page() })
      const got = await server.ask(coding)
      expect(got.headers['content-length']).toBe(String(got.bytes.length))
      expect(got.bytes.length).toBeLessThan(text.length / 4)
    })

    test('no length where it is a stream', async () => {
      const length = String(2 * text.length)
      const handler = page(
        { 'Content-Length': length },
        { body: undefined as never, stream: () => Readable.from([text, text]) },
      )
      const server = await start(subject, { handler })
      const [encoded, identity] = [await server.ask('gzip'), await server.ask()]
      expect([encoded.headers['content-length'], encoded.text]).toEqual([undefined, text + text])
      expect([identity.headers['content-length'], identity.text]).toEqual([length, text + text])
    })
  })

  describe('leaves alone', () => {
    test.each([
      ['no-transform', { 'Cache-Control': 'no-transform' }],
      ['No-Transform in any case', { 'Cache-Control': 'public, No-Transform' }],
      ['NO-TRANSFORM between others', { 'Cache-Control': 'max-age=1,NO-TRANSFORM , public' }],
      ['a range', { 'Content-Range': 'bytes 0-4095/9000' }, 206],
      ['an unsatisfied range', { 'Content-Range': 'bytes */9000' }, 416],
      ['several ranges', { 'Content-Type': 'multipart/byteranges; boundary=x' }, 206],
      ['what is encoded', { 'Content-Encoding': 'gzip' }],
      ['what is encoded in a way that nobody knows', { 'Content-Encoding': 'aes128gcm' }],
    ])('%s', async (_what, headers, status = 200) => {
      const kept = { ETag: '"a"', 'Repr-Digest': 'sha-256=:AAAA:', 'Accept-Ranges': 'bytes' }
      const server = await start(subject, { handler: page({ ...kept, ...headers }, { status }) })
      const response = await open(server.port, all)
      const bytes = Buffer.concat(await response.toArray())
      expect(response.statusCode).toBe(status)
      expect(bytes.toString()).toBe(text)
      for (const [name, value] of Object.entries({ ...kept, ...headers })) {
        expect(response.headers[name.toLowerCase()]).toContain(value)
      }
    })

    test('a directive that only looks like no-transform is none', async () => {
      const headers = { 'Cache-Control': 'x="no-transform", no-transformer' }
      const server = await start(subject, { handler: page(headers) })
      expect((await server.ask('gzip')).headers['content-encoding']).toBe('gzip')
    })

    test('Content-Encoding: identity is no coding', async () => {
      const server = await start(subject, { handler: page({ 'Content-Encoding': 'identity' }) })
      expect(await server.ask('gzip')).toMatchObject({ headers: { 'content-encoding': 'gzip' }, text })
      expect((await server.ask()).text).toBe(text)
    })
  })

  describe('Vary', () => {
    const of = async (headers: Record<string, string>, acceptEncoding?: string, body = text): Promise<string[]> => {
      const server = await start(subject, { handler: page(headers, { body }) })
      return varyOf(await server.ask(acceptEncoding))
    }

    test('names Accept-Encoding on every variant, small ones and identity included', async () => {
      for (const acceptEncoding of [undefined, 'identity', 'gzip', all, 'gzip;q=0']) {
        expect(await of({}, acceptEncoding)).toEqual(['accept-encoding'])
        expect(await of({}, acceptEncoding, 'small')).toEqual(['accept-encoding'])
      }
    })

    test('does not name it where nothing is ever encoded', async () => {
      for (const acceptEncoding of [undefined, all]) {
        expect(await of({ 'Content-Type': 'image/png' }, acceptEncoding)).toEqual([])
        expect(await of({ 'Cache-Control': 'no-transform' }, acceptEncoding)).toEqual([])
      }
    })

    test.each([
      ['*', ['*']],
      ['Origin', ['accept-encoding', 'origin']],
      ['Origin, ACCEPT-ENCODING', ['accept-encoding', 'origin']],
      ['accept-encoding,Origin', ['accept-encoding', 'origin']],
      ['X-Accept-Encoding', ['accept-encoding', 'x-accept-encoding']],
    ])('keeps %j', async (vary, expected) => {
      for (const acceptEncoding of [undefined, 'gzip'])
        expect(await of({ Vary: vary }, acceptEncoding)).toEqual(expected)
    })

    test('keeps several lines', async () => {
      const headers = { Vary: ['Origin', 'Accept'], ...plain }
      const server = await start(subject, { handler: () => ({ headers, body: text }) })
      expect(varyOf(await server.ask('gzip'))).toEqual(['accept', 'accept-encoding', 'origin'])
    })
  })

  describe('sends as it comes', () => {
    /** ms from the request to the first piece of content. */
    async function firstPiece(contentType: string, first: string, acceptEncoding: string): Promise<number> {
      let source: Readable | undefined
      const stream = (): Readable => {
        source = new Readable({ read: () => {} })
        source.push(first)
        return source
      }
      const server = await start(subject, { handler: () => ({ headers: { 'Content-Type': contentType }, stream }) })
      const asked = performance.now()
      const response = await open(server.port, acceptEncoding)
      expect(response.headers['content-encoding']).toBe(acceptEncoding)
      const content = decodedStream(response)
      expect(await nextText(content)).toBe(first)
      const took = performance.now() - asked
      // And each one after it.
      for (const record of ['second\n\n', 'third\n\n']) {
        source?.push(record)
        expect(await nextText(content)).toBe(record)
      }
      source?.push(null)
      content.resume()
      await new Promise((resolve) => content.once('end', resolve))
      return took
    }

    test.each(codings)('an event: the first within 100 ms, in %s', async (coding) => {
      const times: number[] = []
      for (let i = 0; i < 3; i++) times.push(await firstPiece('text/event-stream', 'data: first\n\n', coding))
      // The machine may be busy now and then.
      expect(Math.min(...times)).toBeLessThan(100)
    })

    test.each([
      'application/x-ndjson',
      'application/ndjson; charset=utf-8',
      'application/json-seq',
      'application/jsonl',
    ])('records of %s', async (contentType) => {
      await firstPiece(contentType, '{"n":1}\n', 'gzip')
    })

    test('what is longer than the threshold, when its writer is idle', async () => {
      await firstPiece('text/html', textOf(3000), 'br')
    })
  })

  describe('a source that fails', () => {
    /** Gives some content, then breaks. */
    const broken = (content: string, lines: Record<string, string> = plain) => ({
      headers: lines,
      stream: () => {
        let isFirst = true
        return new Readable({
          read() {
            if (isFirst) this.push(content)
            else setImmediate(() => this.destroy(new Error('on purpose')))
            isFirst = false
          },
        })
      },
    })

    test.each([
      ['in the middle', textOf(200_000), plain],
      ['before the threshold is reached', 'short', plain],
      ['between events', 'data: 1\n\n', { 'Content-Type': 'text/event-stream' }],
    ])('%s breaks off the connection: no clean end, no wait', async (_where, content, lines) => {
      const server = await start(subject, { handler: () => broken(content, lines) })
      for (const coding of [undefined, ...codings]) {
        // Koa answers with a page of its own where nothing was sent yet, which is as good.
        const outcome = await server.ask(coding).then(
          ({ whole, status }) => (status === 500 ? 'error page' : whole ? 'whole' : 'broken'),
          () => 'broken',
        )
        expect(['broken', 'error page']).toContain(outcome)
      }
    })
  })

  describe('callbacks', () => {
    test.each([undefined, ...codings])('of write and end are called once, in order: %s', async (coding) => {
      const called: string[] = []
      const server = await start(subject, {
        raw: (_request, response) => {
          response.setHeader('Content-Type', 'text/plain')
          response.write('a', () => called.push('write'))
          response.write('b', 'utf8', () => called.push('write with encoding'))
          response.write(textOf(5000), () => called.push('large write'))
          response.end('c', 'utf8', () => called.push('end'))
        },
      })
      expect((await server.ask(coding)).text).toBe(`ab${textOf(5000)}c`)
      await expect.poll(() => called).toEqual(['write', 'write with encoding', 'large write', 'end'])
    })

    test.each([
      ['end(callback)', 0],
      ['end(content, callback)', 4096],
      ['end(content, callback) of much', 100_000],
      ['end(content, callback) of more than is held', 2_000_000],
    ])('%s', async (form, bytes) => {
      let called = 0
      const server = await start(subject, {
        raw: (_request, response) => {
          response.setHeader('Content-Type', 'text/plain')
          if (form === 'end(callback)') response.end(() => called++)
          else response.end(textOf(bytes), () => called++)
        },
      })
      for (const [i, coding] of [undefined, ...codings].entries()) {
        expect((await server.ask(coding)).text).toBe(textOf(bytes))
        await expect.poll(() => called).toBe(i + 1)
      }
    })
  })

  describe('what has no content', () => {
    test.each([204, 205, 304])('%i stays without', async (status) => {
      const server = await start(subject, { handler: () => ({ status, headers: plain }) })
      for (const method of ['GET', 'HEAD']) {
        const got = await server.ask(all, { method })
        expect([got.status, got.bytes.length, got.whole]).toEqual([status, 0, true])
        expect(got.headers['content-encoding']).toBeUndefined()
      }
    })

    test('an empty body stays empty', async () => {
      const server = await start(subject, { handler: page({}, { body: '' }) })
      expect(await server.ask(all)).toMatchObject({ status: 200, bytes: Buffer.alloc(0), whole: true })
    })

    test('HEAD has the fields of GET, whatever they are', async () => {
      const headers = { ETag: '"a"', 'Accept-Ranges': 'bytes', 'X-Own': '1' }
      const server = await start(subject, { handler: page(headers) })
      for (const coding of [undefined, 'snappy', ...codings]) {
        const [get, head] = [await server.ask(coding), await server.ask(coding, { method: 'HEAD' })]
        const without = ({
          date,
          'content-length': _length,
          'transfer-encoding': _framing,
          ...rest
        }: typeof get.headers) => rest
        expect(without(head.headers)).toEqual(without(get.headers))
        expect([undefined, get.headers['content-length']]).toContain(head.headers['content-length'])
        expect(head.bytes.length).toBe(0)
      }
    })
  })
})
