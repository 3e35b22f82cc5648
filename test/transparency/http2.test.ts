import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Shape } from './shape.ts'
import { shapes } from './shapes.ts'
import { type Mounted, mounted, type Running, serve } from './subjects.ts'

interface Http2Answer {
  readonly informed: unknown[]
  readonly headers: unknown
  readonly body: string
  readonly trailers: unknown
  readonly code: number
}

function ask(session: ClientHttp2Session, path: string, method = 'GET'): Promise<Http2Answer> {
  return new Promise((resolve) => {
    const stream = session.request({ ':path': path, ':method': method })
    const informed: unknown[] = []
    const chunks: Buffer[] = []
    let headers: unknown
    let trailers: unknown
    stream.on('headers', (head) => informed.push(plain(head)))
    stream.on('response', (head) => {
      headers = plain(head)
    })
    stream.on('trailers', (tail) => {
      trailers = plain(tail)
    })
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('error', () => {})
    stream.on('close', () =>
      resolve({ informed, headers, trailers, body: Buffer.concat(chunks).toString('latin1'), code: stream.rstCode }),
    )
    stream.end()
  })
}

/** The fields as plain data, without what differs each time. */
function plain(headers: IncomingHttpHeaders): Record<string, unknown> {
  const { date, 'cache-status': _own, ...rest } = headers
  return { ...rest, date: date === undefined ? undefined : 'now' }
}

const seen = new Map<string, unknown[]>()
let number = 0

function handleShape(request: Parameters<Shape['handle']>[2], response: Parameters<Shape['handle']>[0]): void {
  const url = new URL(request.url ?? '', 'http://origin.test')
  const noted: unknown[] = []
  seen.set(url.searchParams.get('n') as string, noted)
  const note = (...what: unknown[]): void => void noted.push(what)
  const shape = shapes[Number(url.searchParams.get('shape'))] as Shape
  response.on('error', (error: NodeJS.ErrnoException) => note('error', error.code))
  void (async () => shape.handle(response, note, request))().catch((error) => note('failed', error.code))
}

describe('on HTTP/2', () => {
  let bare: Running
  let plainSession: ClientHttp2Session
  beforeAll(async () => {
    bare = await serve('http2', handleShape, undefined)
    plainSession = connect(bare.url)
  })
  afterAll(async () => {
    plainSession.close()
    await bare.close()
  })

  describe.each<[string, () => Mounted]>([
    ['that stores nothing', () => mounted()],
    ['that records what it can', () => mounted({ ttl: 60_000, cacheStatus: false })],
  ])('a cache %s', (_name, newMount) => {
    let running: Running
    let session: ClientHttp2Session
    let mount: Mounted
    beforeAll(async () => {
      mount = newMount()
      running = await serve('http2', handleShape, mount)
      session = connect(running.url)
    })
    afterAll(async () => {
      session.close()
      await running.close()
    })

    const known = shapes.map((shape, i) => [shape.name, i, shape] as const).filter(([, , { http1 }]) => !http1)

    test.each(known)('changes nothing: %s', async (_shape, i) => {
      const warnings = vi.spyOn(process, 'emitWarning')
      for (const method of ['GET', 'HEAD']) {
        const [n, m] = [String(++number), String(++number)]
        const expected = await ask(plainSession, `/?shape=${i}&n=${n}`, method)
        const found = await ask(session, `/?shape=${i}&n=${m}`, method)
        expect(found).toEqual(expected)
        expect(seen.get(m)).toEqual(seen.get(n))
      }
      expect(warnings).not.toHaveBeenCalled()
      warnings.mockRestore()
      await vi.waitFor(() => expect(mount.responses.inFlight.size).toBe(0))
    })
  })

  test('a hit has the bytes of the first answer', async () => {
    const handler = vi.fn((_request, response) => response.end('only once'))
    const running = await serve('http2', handler, mounted({ ttl: 60_000 }))
    const session = connect(running.url)
    const answers = [await ask(session, '/a'), await ask(session, '/a'), await ask(session, '/a', 'HEAD')]
    session.close()
    await running.close()
    expect(answers.map(({ body }) => body)).toEqual(['only once', 'only once', ''])
    expect(handler).toHaveBeenCalledTimes(1)
  })

  test('a Host field beside :authority does not choose the key', async () => {
    const handler = vi.fn((request, response) => response.end(`for ${request.authority}`))
    const running = await serve('http2', handler, mounted({ ttl: 60_000 }))
    const session = connect(running.url)
    const of = async (fields: Record<string, string>): Promise<string> => {
      let body = ''
      for await (const chunk of session.request({ ':path': '/', ...fields }).setEncoding('utf8')) body += chunk
      return body
    }
    await of({ ':authority': 'evil.test', host: 'shop.test' })
    expect(await of({ ':authority': 'shop.test' })).toBe('for shop.test')
    session.close()
    await running.close()
  })

  test('what was destroyed, or left by its client, before its end is not stored', async () => {
    const mount = mounted({ ttl: 60_000 })
    const handler = vi.fn((_request, response) => {
      response.write('part')
      response.destroy()
      response.end()
    })
    const running = await serve('http2', handler, mount)
    const session = connect(running.url)
    await ask(session, '/a')
    await ask(session, '/a')
    session.close()
    await running.close()
    expect(handler).toHaveBeenCalledTimes(2)
    expect(mount.responses.stats().stored).toBe(0)
  })

  test('a follower whose client has gone lets go, and one whose leader dies sees its stream fail', async () => {
    const mount = mounted({ ttl: 60_000 })
    const started: { write(chunk: string): void; destroy(): void }[] = []
    const running = await serve(
      'http2',
      (_request, response) => {
        response.setHeader('Content-Length', 100)
        response.write('begun ')
        started.push(response)
      },
      mount,
    )
    const [leading, following] = [connect(running.url), connect(running.url)]
    const first = ask(leading, '/a')
    await vi.waitFor(() => expect(started).toHaveLength(1))
    const second = ask(following, '/a')
    await vi.waitFor(() => expect(mount.responses.stats().collapsed).toBe(1))
    started[0]?.destroy()
    const answers = await Promise.all([first, second])
    leading.close()
    following.close()
    await running.close()
    expect(answers.map(({ body }) => body)).toEqual(['begun ', 'begun '])
    expect(answers[1]?.code).not.toBe(0)
    expect(mount.responses.stats().stored).toBe(0)
  })
})
