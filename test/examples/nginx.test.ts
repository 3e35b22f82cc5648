import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createGunzip } from 'node:zlib'
import { compression } from 'breakwater/express'
import express, { type Express, type Request } from 'express'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { decode } from '../support/decode.ts'
import { type NginxServer, startNginx } from '../support/nginx.ts'
import { describeWithProgram } from '../support/servers.ts'
import { fetchFrom, open, type Received } from '../transparency/client.ts'
import { type Program, patience, root, start } from './program.ts'

const codingOf = ({ headers }: Received): string => headers['content-encoding'] ?? 'identity'
const statusOf = ({ headers }: Received): unknown => headers['x-cache-status']
const decoded = (answer: Received): string => decode(codingOf(answer), Buffer.from(answer.body, 'latin1')).toString()

const accepting = (accepted: string | undefined): Record<string, string> =>
  accepted === undefined ? {} : { 'Accept-Encoding': accepted }

/** An nginx with the example's configuration before the app on a port. */
const nginxBefore = (port: number | string): Promise<NginxServer> =>
  startNginx(join(root, 'examples/nginx'), (own) => ({
    '127.0.0.1:8080': `127.0.0.1:${own}`,
    '127.0.0.1:3000': `127.0.0.1:${port}`,
  }))

describeWithProgram('nginx', 'the example behind nginx', () => {
  let program: Program
  let nginx: NginxServer
  let page: string
  let direct: string

  beforeAll(async () => {
    program = start('examples/nginx/main.ts')
    direct = await program.address()
    const { port, pathname, search } = new URL(direct)
    nginx = await nginxBefore(port)
    page = `${nginx.url}${pathname}${search}`
  }, patience)

  afterAll(async () => {
    const complaints = nginx.complaints()
    await nginx.stop()
    await program.stop()
    expect(complaints).toBe('')
  })

  // What these clients send, word for word.
  test.each([
    ['curl and node:http', undefined, 'identity'],
    ['wget', 'identity', 'identity'],
    ['Go and many crawlers', 'gzip', 'gzip'],
    ['browsers without TLS, Python requests', 'gzip, deflate', 'gzip'],
    ['Safari', 'gzip, deflate, br', 'br'],
    ['fetch of Node', 'br, gzip, deflate', 'br'],
    ['Chrome and Firefox', 'gzip, deflate, br, zstd', 'zstd'],
    ['curl --compressed', 'deflate, gzip, br, zstd', 'zstd'],
    ['one that weighs', 'br;q=0.5, gzip;q=0.8, *;q=0.1', 'gzip'],
  ])('%s: a MISS, then HITs of a variant of its own', async (_client, accepted, coding) => {
    const first = await fetchFrom(page, accepting(accepted))
    const second = await fetchFrom(page, accepting(accepted))
    expect([first, second].map(statusOf)).toEqual(['MISS', 'HIT'])
    expect([first, second].map(codingOf)).toEqual([coding, coding])
    expect([first, second].map(({ headers }) => headers.vary)).toEqual(['Accept-Encoding', 'Accept-Encoding'])
    expect(second.body).toBe(first.body)
    expect(decoded(second)).toBe((await fetchFrom(direct)).body)
    expect(JSON.parse(decoded(second)).results).toHaveLength(1000)
  })

  test('spaces in Accept-Encoding make no variant more', async () => {
    await fetchFrom(page, accepting('gzip, br'))
    expect(statusOf(await fetchFrom(page, accepting('gzip,br')))).toBe('HIT')
  })

  test.each(['gzip', 'br', 'zstd'])('nginx answers 304 to who has the %s variant already', async (coding) => {
    const { headers } = await fetchFrom(page, accepting(coding))
    expect(headers.etag).toMatch(/^W\//)
    const again = await fetchFrom(page, { ...accepting(coding), 'If-None-Match': headers.etag! })
    expect([again.status, statusOf(again), again.body]).toEqual([304, 'HIT', ''])
    expect(again.headers.etag).toBe(headers.etag)
    expect(again.headers.vary).toBe('Accept-Encoding')
  })

  test('HEAD is answered from the variant that GET would get', async () => {
    await fetchFrom(page, accepting('gzip'))
    const head = await fetchFrom(page, accepting('gzip'), 'HEAD')
    expect([head.status, statusOf(head), codingOf(head), head.body]).toEqual([200, 'HIT', 'gzip', ''])
  })

  test('a HEAD that comes first makes an answer that GET can have', async () => {
    await fetchFrom(`${page}&head`, accepting('gzip'), 'HEAD')
    const got = await fetchFrom(`${page}&head`, accepting('gzip'))
    expect([statusOf(got), codingOf(got)]).toEqual(['HIT', 'gzip'])
    expect(JSON.parse(decoded(got)).results).toHaveLength(1000)
  })

  test('who asks for a range of an encoded answer gets all of it', async () => {
    await fetchFrom(page, accepting('gzip'))
    const whole = await fetchFrom(page, { ...accepting('gzip'), Range: 'bytes=0-99' })
    expect([whole.status, statusOf(whole)]).toEqual([200, 'HIT'])
    expect(JSON.parse(decoded(whole)).results).toHaveLength(1000)
  })

  test('events reach two clients at a time, encoded', async () => {
    const opened = await Promise.all([0, 1].map(() => open(`${nginx.url}/api/ticks`, accepting('gzip'))))
    for (const events of opened) {
      expect(events.headers['content-encoding']).toBe('gzip')
      expect(await firstOf(events)).toMatch(/^data: .*\n\n/)
      events.destroy()
    }
  })
})

/** The first piece that can be decoded. */
async function firstOf(events: IncomingMessage): Promise<string> {
  events.on('error', () => {})
  for await (const piece of events.pipe(createGunzip())) return String(piece)
  return ''
}

describeWithProgram('nginx', "what an app's answer has to say", () => {
  /** What the app was asked for under the path that is served now; nginx may still ask in the background for another. */
  let asked: IncomingHttpHeaders[]
  let server: Server
  let nginx: NginxServer
  /** What the app answers with, under any path. */
  let fields: Record<string, string | string[]>
  let answer: () => unknown

  beforeAll(async () => {
    server = await listening(
      appOf(
        () => ({ fields, answer }),
        (request) => request.path === new URL(now).pathname && asked.push(request.headers),
      ),
    )
    nginx = await nginxBefore((server.address() as AddressInfo).port)
  })

  afterAll(async () => {
    await nginx.stop()
    server.closeAllConnections()
    server.close()
  })

  let now: string
  let count = 0
  const serving = (given: Record<string, string | string[]>, path = `/${++count}`): string => {
    now = nginx.url + path
    asked = []
    fields = given
    answer = () => ({ results: Array.from({ length: 1000 }, (_, index) => index) })
    return now
  }

  describe.each([undefined, 'gzip', 'br', 'zstd'])('to a client with Accept-Encoding %s', (accepted) => {
    const twice = async (url: string, headers: Record<string, string> = {}): Promise<unknown[]> => {
      const ask = () => fetchFrom(url, { ...accepting(accepted), ...headers })
      const [first, second] = [await ask(), await ask()]
      expect([first, second].map(codingOf)).toEqual(Array(2).fill(accepted ?? 'identity'))
      return [first, second].map(statusOf)
    }

    test('JSON without a lifetime is always a MISS, JSON with one becomes a HIT', async () => {
      expect(await twice(serving({}))).toEqual(['MISS', 'MISS'])
      expect(await twice(serving({ 'Cache-Control': 'public, max-age=60' }))).toEqual(['MISS', 'HIT'])
      expect(asked).toHaveLength(1)
    })

    test.each([
      ['is private', { 'Cache-Control': 'private, max-age=60' }],
      ['sets a cookie', { 'Cache-Control': 'public, max-age=60', 'Set-Cookie': 'session=1' }],
      ['varies by everything', { 'Cache-Control': 'public, max-age=60', Vary: '*' }],
    ])('what %s is never kept', async (_what, given) => {
      expect(await twice(serving(given))).toEqual(['MISS', 'MISS'])
    })

    test('answers to credentials are neither kept nor taken from what is kept', async () => {
      const url = serving({ 'Cache-Control': 'public, max-age=60' })
      const credentials = { Authorization: 'Basic b25lOnR3bw==' }
      expect(await twice(url, credentials)).toEqual(['BYPASS', 'BYPASS'])
      expect(await twice(url)).toEqual(['MISS', 'HIT'])
      expect(await twice(url, credentials)).toEqual(['BYPASS', 'BYPASS'])
    })

    test.each([
      ['a further field', 'Accept-Language'],
      ['further fields on two lines', ['Accept-Language', 'Origin']],
    ])('an answer that varies by %s has variants by them as well', async (_what, vary) => {
      const url = serving({ 'Cache-Control': 'public, max-age=60', Vary: vary })
      expect(await twice(url, { 'Accept-Language': 'de' })).toEqual(['MISS', 'HIT'])
      expect(await twice(url, { 'Accept-Language': 'en' })).toEqual(['MISS', 'HIT'])
    })
  })

  test('host names do not share answers', async () => {
    const url = serving({ 'Cache-Control': 'public, max-age=60' })
    const from = (host: string) => fetchFrom(url, { ...accepting('gzip'), Host: host })
    expect(statusOf(await from('one.test'))).toBe('MISS')
    expect(statusOf(await from('two.test'))).toBe('MISS')
    expect(statusOf(await from('one.test'))).toBe('HIT')
  })

  test('a stale variant is sent while the app is asked by its ETag, then it is fresh again', async () => {
    const url = serving({ 'Cache-Control': 'public, max-age=1' })
    const ask = () => fetchFrom(url, accepting('gzip'))
    const { headers, body } = await ask()
    await expect.poll(async () => statusOf(await ask()), { timeout: 20_000, interval: 200 }).toBe('STALE')
    await expect.poll(() => asked.length, { timeout: 20_000 }).toBe(2)
    expect(asked[1]!['if-none-match']).toBe(headers.etag)
    expect(asked[1]!['accept-encoding']).toBe('gzip')
    await expect.poll(async () => statusOf(await ask()), { timeout: 20_000 }).toBe('HIT')
    expect((await ask()).body).toBe(body)
  })

  test('a stale variant is sent while the app fails', async () => {
    const url = serving({ 'Cache-Control': 'public, max-age=1' })
    const ask = () => fetchFrom(url, accepting('br'))
    const { body } = await ask()
    answer = () => {
      throw new Error('The app fails.')
    }
    for (const _again of [0, 1]) {
      await expect.poll(async () => statusOf(await ask()), { timeout: 20_000, interval: 200 }).toBe('STALE')
    }
    expect((await ask()).body).toBe(body)
  })

  test('what cannot be kept does not wait for its like', async () => {
    const url = serving({ 'Cache-Control': 'no-store' })
    const both = Promise.withResolvers<unknown>()
    answer = () => {
      if (asked.length === 2) both.resolve({ together: true })
      return both.promise
    }
    const answers = [0, 1].map(() => fetchFrom(url))
    // Well before the time after which nginx lets waiting requests through.
    await expect.poll(() => asked.length, { timeout: 20_000 }).toBe(2)
    expect((await Promise.all(answers)).map(({ body }) => body)).toEqual(['{"together":true}', '{"together":true}'])
  })

  test('an event passes at once', async () => {
    const events = await open(`${nginx.url}/event`, accepting('gzip'))
    expect(events.headers['content-encoding']).toBe('gzip')
    expect(await firstOf(events)).toBe('data: the only one\n\n')
    events.destroy()
  })

  test('many requests at once for what can be kept ask the app once', async () => {
    const url = serving({ 'Cache-Control': 'public, max-age=60' }, '/api/fibonacci')
    const answers = await Promise.all(Array.from({ length: 10 }, () => fetchFrom(url, accepting('zstd'))))
    expect(asked).toHaveLength(1)
    expect(answers.map(statusOf).sort()).toEqual([...Array(9).fill('HIT'), 'MISS'])
  })
})

interface Answering {
  readonly fields: Readonly<Record<string, string | string[]>>
  readonly answer: () => unknown
}

function appOf(now: () => Answering, heard: (request: Request) => void): Express {
  const app = express()
  app.set('env', 'test')
  app.use(compression())
  app.get('/event', (_request, response) => {
    response.set({ 'Content-Type': 'text/event-stream', 'X-Accel-Buffering': 'no' }).write('data: the only one\n\n')
  })
  app.use(async (request, response) => {
    heard(request)
    const { fields, answer } = now()
    response.set(fields).json(await answer())
  })
  return app
}

function listening(app: Express): Promise<Server> {
  const server = createServer(app)
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)))
}
