import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { memoryStore } from 'breakwater'
import { describe, expect, test } from 'vitest'
import { answering, releases, startClient, startOrigin } from './support.ts'

const LARGE = 5 * 1024 * 1024

describe.each(releases)('%s: content', (_name, undici) => {
  test('5 MiB reach a slow reader whole, and he is waited for', async () => {
    const content = Buffer.alloc(LARGE, 'abcdefg')
    const origin = await startOrigin(answering(content as never))
    const client = startClient(undici, origin, { store: memoryStore({ maxEntrySize: 2 * LARGE }) })
    await client.get('/')
    let handed = 0
    let ended = false
    let control: { resume(): void } | undefined
    const chunks: Buffer[] = []
    client.dispatcher.dispatch(
      { origin: origin.url, path: '/', method: 'GET' },
      {
        onRequestStart: (controller) => {
          control = controller
        },
        onResponseData: (controller, chunk) => {
          handed += chunk.length
          chunks.push(chunk)
          controller.pause()
        },
        onResponseEnd: () => {
          ended = true
        },
      },
    )
    expect(handed).toBe(64 * 1024)
    await sleep(5)
    expect(handed).toBe(64 * 1024)
    while (!ended) control?.resume()
    expect(Buffer.concat(chunks).equals(content)).toBe(true)

    const { body } = await undici.request(`${origin.url}/`, { dispatcher: client.dispatcher })
    let read = 0
    const slow = new Writable({
      highWaterMark: 1024,
      write: (chunk, _encoding, done) => {
        read += chunk.length
        setImmediate(done)
      },
    })
    await pipeline(body, slow)
    expect(read).toBe(LARGE)
    expect(origin.seen).toHaveLength(1)
  })

  test.each([10, 200_000])(
    'what a consumer does to its Buffers of %i bytes and its fields stays with it',
    async (size) => {
      const origin = await startOrigin(answering('a'.repeat(size)))
      const client = startClient(undici, origin)
      const spoil = (): Promise<void> =>
        new Promise((resolve) =>
          client.dispatcher.dispatch(
            { origin: origin.url, path: '/', method: 'GET' },
            {
              onRequestStart() {},
              onResponseStart: (controller, _status, fields) => {
                fields['cache-control'] = 'spoilt'
                if (Array.isArray(controller.rawHeaders)) controller.rawHeaders.splice(0)
              },
              onResponseData: (_controller, chunk) => void chunk.fill('z'),
              onResponseEnd: () => resolve(),
            },
          ),
        )
      await spoil()
      await spoil()
      const answer = await client.get('/')
      expect(answer.text).toBe('a'.repeat(size))
      expect(answer.fields['cache-control']).toBe('max-age=60')
      const fetched = await undici.fetch(`${origin.url}/`, { dispatcher: client.dispatcher })
      expect(fetched.headers.get('cache-control')).toBe('max-age=60')
      await fetched.text()
      expect(origin.seen).toHaveLength(1)
    },
  )

  test('request, stream, pipeline and fetch get the same, from the origin and from the cache', async () => {
    const origin = await startOrigin(answering('{"a":1}', { 'cache-control': 'max-age=60', 'x-own': 'yes' }))
    const client = startClient(undici, origin)
    const { dispatcher } = client
    const url = `${origin.url}/`
    const collect = (): [Writable, () => string] => {
      let text = ''
      const sink = new Writable({
        write(chunk, _encoding, done) {
          text += chunk
          done()
        },
      })
      return [sink, () => text]
    }
    const apis: Record<string, () => Promise<[unknown, string]>> = {
      request: async () => {
        const { headers, body } = await undici.request(url, { dispatcher })
        return [headers['x-own'], await body.text()]
      },
      raw: async () => {
        const { headers, body } = await undici.request(url, { dispatcher, responseHeaders: 'raw' } as never)
        const raw = headers as unknown as string[]
        return [raw[raw.indexOf('x-own') + 1], await body.text()]
      },
      stream: async () => {
        const [sink, text] = collect()
        let own: unknown
        await undici.stream(url, { dispatcher, method: 'GET' }, ({ headers }) => {
          own = headers['x-own']
          return sink
        })
        return [own, text()]
      },
      pipeline: async () => {
        const [sink, text] = collect()
        let own: unknown
        const duplex = undici.pipeline(url, { dispatcher, method: 'GET' }, ({ headers, body }) => {
          own = headers['x-own']
          return body
        })
        await pipeline(duplex.end(), sink)
        return [own, text()]
      },
      fetch: async () => {
        const response = await undici.fetch(url, { dispatcher })
        const clone = response.clone()
        expect(await response.json()).toEqual({ a: 1 })
        return [response.headers.get('x-own'), await clone.text()]
      },
    }
    for (const [name, ask] of Object.entries(apis)) {
      await client.responses.purge({ all: true })
      expect(await ask(), `${name}, miss`).toEqual(['yes', '{"a":1}'])
      expect(await ask(), `${name}, hit`).toEqual(['yes', '{"a":1}'])
    }
    expect(client.responses.stats().hits).toBeGreaterThanOrEqual(4)
  })

  test('fetch sees Cache-Status on misses and hits, and compressed content unpacked', async () => {
    const { gzipSync } = await import('node:zlib')
    const origin = await startOrigin((_request, response) =>
      response.writeHead(200, { 'cache-control': 'max-age=60', 'content-encoding': 'gzip' }).end(gzipSync('plain')),
    )
    const { dispatcher } = startClient(undici, origin)
    const seen: (string | null)[] = []
    for (let i = 0; i < 2; i++) {
      const response = await undici.fetch(`${origin.url}/`, { dispatcher })
      seen.push(response.headers.get('cache-status'))
      expect(await response.text()).toBe('plain')
    }
    expect(seen[0]).toContain('fwd=uri-miss')
    expect(seen[1]).toContain('hit')
  })

  test('trailers are handed on', async () => {
    const origin = await startOrigin((_request, response) => {
      response.writeHead(200, { 'cache-control': 'max-age=60', trailer: 'x-sum' })
      response.write('x')
      response.addTrailers({ 'x-sum': '1' })
      response.end()
    })
    const { dispatcher } = startClient(undici, origin)
    const { body, trailers } = await undici.request(`${origin.url}/`, { dispatcher })
    await body.text()
    expect(trailers).toEqual({ 'x-sum': '1' })
  })

  test('interim heads are handed on', async () => {
    const origin = await startOrigin((request, response) => {
      response.writeEarlyHints({ link: '</a.css>; rel=preload' })
      answering('x')(request, response)
    })
    const { send } = startClient(undici, origin)
    const interim: number[] = []
    const onInfo = ({ statusCode }: { statusCode: number }): void => void interim.push(statusCode)
    expect((await send('GET', '/', { onInfo })).text).toBe('x')
    expect(interim).toEqual([103])
    expect((await send('GET', '/', { onInfo })).cacheStatus).toContain('hit')
  })

  test('what undici refuses, it refuses in its own words', async () => {
    const origin = await startOrigin(answering('x'))
    const { send, dispatcher } = startClient(undici, origin)
    for (const headers of [['odd'], new Map([['a b', '1']]), new Set(['no pair'])]) {
      await expect(send('GET', '/', { headers })).rejects.toMatchObject({ code: 'UND_ERR_INVALID_ARG' })
    }
    for (const path of [undefined, '', 'no-slash']) {
      const asked = dispatcher.request({ origin: origin.url, path, method: 'GET' } as never)
      await expect(asked).rejects.toMatchObject({ code: 'UND_ERR_INVALID_ARG' })
    }
    expect(origin.seen).toHaveLength(0)
  })

  test('an upgrade passes', async () => {
    const origin = await startOrigin(answering('x'))
    const client = startClient(undici, origin)
    await expect(client.dispatcher.upgrade({ path: '/', origin: origin.url } as never)).rejects.toThrow()
    expect(origin.seen).toHaveLength(1)
  })
})
