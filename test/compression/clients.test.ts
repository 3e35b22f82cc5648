import { Agent, type Dispatcher, interceptors, request, fetch as undiciFetch } from 'undici'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { decode } from '../support/decode.ts'
import { describeWithProgram } from '../support/servers.ts'
import { fetchFrom } from '../transparency/client.ts'
import type { Running } from '../transparency/subjects.ts'
import {
  apps,
  expectAll,
  type Kind,
  makeSecrets,
  type Protocol,
  resources,
  type Secrets,
  serveApp,
} from './client-apps.ts'
import { type CurlAnswer, curl } from './curl.ts'

const codings = ['zstd', 'br', 'gzip', 'deflate'] as const

let secrets: Secrets
let running: Running

beforeAll(() => {
  secrets = makeSecrets()
})

async function serve(kind: Kind, protocol: Protocol): Promise<void> {
  running = await serveApp(protocol, apps[kind](), secrets)
}

const codingOf = ({ headers }: { headers: { get(name: string): string | null } }): string | null =>
  headers.get('content-encoding')

const http2Ways: [Protocol, string, string][] = [
  ['h2c', '2', '--http2-prior-knowledge'],
  ['h2', '2', '--http2'],
]

describe.each<Kind>(['express', 'koa', 'shield'])('compression() in %s', (kind) => {
  describeWithProgram('curl', 'curl', () => {
    afterEach(() => running.close())

    const paths = Object.keys(resources)

    const askAll = (...options: string[]): Promise<CurlAnswer[]> =>
      curl(
        paths.map((path) => running.url + path),
        ...options,
      )

    const readAll = async (coding: string, version: string, ...options: string[]): Promise<void> => {
      const answers = await askAll(...options)
      await expectAll(coding, async (path) => {
        const answer = answers[paths.indexOf(path)]!
        expect([answer.status, answer.version]).toEqual([200, version])
        return { coding: codingOf(answer), content: answer.content }
      })
    }

    // Express does not run on HTTP/2 of Node.
    const ways: [Protocol, string, string][] = [
      ['http', '1.1', '--http1.1'],
      ['https', '1.1', '--http1.1'],
      ...(kind === 'shield' ? http2Ways : []),
    ]

    test('without --compressed gets content as it is', async () => {
      await serve(kind, 'http')
      await readAll('identity', '1.1')
    })

    test.each(ways)('with --compressed takes zstd over %s (HTTP/%s)', async (protocol, version, option) => {
      await serve(kind, protocol)
      await readAll('zstd', version, option, '--compressed')
    })

    test.each(codings)('decodes %s', async (coding) => {
      await serve(kind, 'http')
      await readAll(coding, '1.1', '--compressed', '--header', `Accept-Encoding: ${coding}`)
    })

    test('speaks HTTP/1.0: the end of the connection is the end of a stream', async () => {
      await serve(kind, 'http')
      await readAll('gzip', '1.1', '--http1.0', '--compressed', '--header', 'Accept-Encoding: gzip')
    })

    test('HEAD tells what GET would, except lengths', async () => {
      await serve(kind, 'http')
      const fields = ({ headers }: CurlAnswer) =>
        ['content-type', 'content-encoding', 'vary', 'etag', 'cache-control'].map((name) => headers.get(name))
      const [got, heads] = [await askAll('--compressed'), await askAll('--compressed', '--head')]
      expect(heads.map(fields)).toEqual(got.map(fields))
      expect(heads.map(({ status }) => status)).toEqual(paths.map(() => 200))
    })

    test('an ETag of an encoded answer brings 304', async () => {
      await serve(kind, 'http')
      const url = `${running.url}/data.json`
      const [first] = await curl([url], '--compressed')
      const etag = first!.headers.get('etag')
      expect(etag).toMatch(/^W\//)
      const [again] = await curl([url], '--compressed', '--header', `If-None-Match: ${etag}`)
      expect([again!.status, again!.content.length]).toEqual([304, 0])
      expect(again!.headers.get('vary')).toMatch(/accept-encoding/i)
    })
  })

  describe('node:http', () => {
    beforeEach(() => serve(kind, 'http'))
    afterEach(() => running.close())

    test.each([...codings, 'identity'])('decodes %s by hand', async (coding) => {
      await expectAll(coding, async (path) => {
        const { headers, body, whole } = await fetchFrom(running.url + path, { 'Accept-Encoding': coding })
        expect(whole).toBe(true)
        const used = headers['content-encoding']
        return { coding: used, content: decode(used ?? 'identity', Buffer.from(body, 'latin1')) }
      })
    })
  })

  describe('undici', () => {
    const agent = new Agent({ connect: { rejectUnauthorized: false } })
    afterEach(() => running.close())
    afterAll(() => agent.close())

    test.each<[Protocol, string]>([
      ['http', 'gzip'],
      ['https', 'zstd'],
    ])('fetch over %s asks for what it knows and gets %s', async (protocol, coding) => {
      await serve(kind, protocol)
      await expectAll(coding, async (path) => {
        const response = await undiciFetch(running.url + path, { dispatcher: agent })
        return { coding: codingOf(response), content: new Uint8Array(await response.arrayBuffer()) }
      })
    })

    test.each(codings)("Node's own fetch decodes %s", async (coding) => {
      await serve(kind, 'http')
      await expectAll(coding, async (path) => {
        const response = await fetch(running.url + path, { headers: { 'Accept-Encoding': coding } })
        return { coding: codingOf(response), content: new Uint8Array(await response.arrayBuffer()) }
      })
    })

    test.each(codings)('request decodes %s with the decompress interceptor', async (coding) => {
      await serve(kind, 'http')
      const used: (string | undefined)[] = []
      const dispatcher = agent.compose(noting(used), interceptors.decompress())
      await expectAll(coding, async (path) => {
        const { body } = await request(running.url + path, { dispatcher, headers: { 'Accept-Encoding': coding } })
        return { content: new Uint8Array(await body.arrayBuffer()), coding: used.at(-1) }
      })
    })
  })
})

/** An interceptor that keeps what Content-Encoding each answer had. */
function noting(used: (string | undefined)[]): Dispatcher.DispatcherComposeInterceptor {
  return (dispatch) => (options, handler) =>
    dispatch(options, {
      ...bound(handler),
      onResponseStart: (controller, status, headers, text) => {
        used.push(headers['content-encoding'] as string | undefined)
        handler.onResponseStart?.(controller, status, headers, text)
      },
    })
}

/** The callbacks of a handler as plain functions. */
function bound(handler: Dispatcher.DispatchHandler): Dispatcher.DispatchHandler {
  const names = ['onRequestStart', 'onRequestUpgrade', 'onResponseData', 'onResponseEnd', 'onResponseError'] as const
  return Object.fromEntries(names.map((name) => [name, (handler[name] as (() => unknown) | undefined)?.bind(handler)]))
}
