import type { IncomingMessage, ServerResponse } from 'node:http'
import { memoryStore, ResponseCache } from 'breakwater'
import { cache } from 'breakwater/undici'
import { describe, expect, test } from 'vitest'
import { afterwards, answering, releases, startClient, startOrigin } from './support.ts'

describe.each(releases)('%s: what a request is for', (_name, undici) => {
  const echo = (request: IncomingMessage, response: ServerResponse) =>
    response.writeHead(200, { 'cache-control': 'max-age=60' }).end(request.url)

  test('the query option is part of the key', async () => {
    const origin = await startOrigin(echo)
    const { dispatcher } = startClient(undici, origin)
    const ask = async (query?: Record<string, unknown>, path = '/'): Promise<string> => {
      const { body } = await dispatcher.request({ origin: origin.url, path, method: 'GET', ...(query && { query }) })
      return body.text()
    }
    expect(await ask({ a: 1 })).toBe('/?a=1')
    expect(await ask({ a: 2 })).toBe('/?a=2')
    expect(await ask()).toBe('/')
    expect(await ask(undefined, '/?a=2')).toBe('/?a=2')
    expect(origin.seen).toHaveLength(3)
  })

  test('a URL and a string name the same origin, in any case and with a trailing slash', async () => {
    const origin = await startOrigin(echo)
    const { dispatcher } = startClient(undici, origin)
    for (const name of [origin.url, new URL(origin.url), origin.url.toUpperCase()]) {
      const { body } = await dispatcher.request({ origin: name, path: '/', method: 'GET' })
      await body.text()
    }
    expect(origin.seen).toHaveLength(1)
  })

  test('a Host field of its own is not answered by what another brought', async () => {
    const origin = await startOrigin((request, response) => answering(String(request.headers.host))(request, response))
    const client = startClient(undici, origin)
    expect((await client.get('/', { host: 'a.example' })).text).toBe('a.example')
    expect((await client.get('/', { host: 'b.example' })).text).toBe('b.example')
    expect((await client.get('/', { host: 'a.example' })).cacheStatus).toContain('hit')
    expect((await client.get('/')).text).toBe(new URL(origin.url).host)
  })

  test('what another server says under a borrowed name is not the answer of the one that bears it', async () => {
    const [own, other] = [await startOrigin(answering('own')), await startOrigin(answering('borrowed'))]
    const client = startClient(undici, own)
    const name = new URL(own.url).host
    const ask = async (options: object): Promise<string> => {
      const { body } = await client.dispatcher.request({ path: '/', method: 'GET', ...options } as never)
      return body.text()
    }
    expect(await ask({ origin: other.url, headers: { host: name } })).toBe('borrowed')
    expect(await ask({ origin: other.url, path: `${own.url}/` })).toBe('borrowed')
    expect(await ask({ origin: own.url })).toBe('own')
  })

  test('an absolute path is the target', async () => {
    const origin = await startOrigin(echo)
    const { dispatcher } = startClient(undici, origin)
    const ask = async (path: string): Promise<string> => {
      const { body } = await dispatcher.request({ origin: origin.url, path, method: 'GET' })
      return body.text()
    }
    await ask('http://one.example/x')
    await ask('http://two.example/x')
    expect(await ask('http://one.example/x')).toBe('http://one.example/x')
    expect(origin.seen).toHaveLength(2)
    await ask('/own')
    await ask(`${origin.url}/own`)
    expect(origin.seen).toHaveLength(3)
  })

  const kinds: [string, () => unknown][] = [
    ['an object', () => ({ 'X-Kind': 'a', 'accept-language': 'en' })],
    ['a flat array', () => ['X-Kind', 'a', 'accept-language', 'en']],
    ['Headers', () => new Headers({ 'X-Kind': 'a', 'accept-language': 'en' })],
    ['a Map', () => new Map(Object.entries({ 'X-Kind': 'a', 'accept-language': 'en' }))],
    [
      'a one-shot iterator',
      function* () {
        yield ['X-Kind', 'a']
        yield ['accept-language', 'en']
      },
    ],
  ]
  test.each(kinds)('fields given as %s arrive at the origin and select the answer', async (_kind, headers) => {
    const origin = await startOrigin((request, response) =>
      response.writeHead(200, { 'cache-control': 'max-age=60', vary: 'x-kind' }).end(request.headers['x-kind']),
    )
    const client = startClient(undici, origin)
    expect((await client.get('/', headers() as never)).text).toBe('a')
    expect(origin.seen[0]?.headers['accept-language']).toBe('en')
    expect((await client.get('/', headers() as never)).cacheStatus).toContain('hit')
    expect((await client.get('/', { 'x-kind': 'b' })).text).toBe('b')
    expect((await client.get('/', { 'x-kind': 'a' })).text).toBe('a')
    expect(origin.seen).toHaveLength(2)
  })

  test('validators replace the conditions of any kind of fields', async () => {
    const origin = await startOrigin((request, response) => {
      if (request.headers['if-none-match'] === '"v"') response.writeHead(304).end()
      else response.writeHead(200, { 'cache-control': 'max-age=1', etag: '"v"' }).end('v')
    })
    const client = startClient(undici, origin)
    await client.get('/')
    client.clock.pass(5)
    const headers = new Map([
      ['If-None-Match', '"other"'],
      ['Range', 'bytes=0-0'],
      ['x-kept', '1'],
    ])
    await client.get('/', headers as never)
    const sent = origin.seen[1]?.headers
    expect(sent).toMatchObject({ 'if-none-match': '"v"', 'x-kept': '1' })
    expect(sent?.range).toBeUndefined()
  })

  test('a composed Pool names no origin, and is cached for itself alone', async () => {
    const [one, two] = [await startOrigin(answering('one')), await startOrigin(answering('two'))]
    const responses = new ResponseCache({ store: memoryStore() })
    const ask = async (url: string): Promise<string[]> => {
      const pool = new undici.Pool(url)
      afterwards(() => pool.destroy())
      const composed = pool.compose(cache(responses))
      const texts: string[] = []
      for (let i = 0; i < 2; i++) texts.push(await (await composed.request({ path: '/', method: 'GET' })).body.text())
      return texts
    }
    expect(await ask(one.url)).toEqual(['one', 'one'])
    expect(await ask(two.url)).toEqual(['two', 'two'])
    expect([one.seen.length, two.seen.length]).toEqual([1, 1])
  })

  test('a GET with content passes by, and so does QUERY, which purges nothing', async () => {
    const origin = await startOrigin(answering('x'))
    const client = startClient(undici, origin)
    await client.get('/')
    await client.send('GET', '/', { body: 'content' })
    await client.send('QUERY', '/', { body: 'content' })
    expect(origin.seen).toHaveLength(3)
    expect((await client.get('/')).cacheStatus).toContain('hit')
  })

  test('key and vary are handed the options of the dispatch', async () => {
    const origin = await startOrigin(answering('x'))
    const client = startClient(undici, origin, { key: ({ path }) => path.split('?')[0] ?? '' })
    await client.get('/?1')
    expect((await client.get('/?2')).cacheStatus).toContain('hit')
    const broken = startClient(undici, origin, {
      key: () => {
        throw new Error('no key')
      },
    })
    expect((await broken.get('/')).text).toBe('x')
  })
})
