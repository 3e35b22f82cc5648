import { setTimeout as sleep } from 'node:timers/promises'
import { memoryStore, ResponseCache } from 'breakwater'
import { describe, expect, test } from 'vitest'
import { answering, releases, startClient, startOrigin, until } from './support.ts'

describe.each(releases)('%s: whose answer it is', (_name, undici) => {
  test('50 cold requests run the origin once, whatever their traceparent', async () => {
    const origin = await startOrigin(
      (request, response) => void sleep(30).then(() => answering('x')(request, response)),
    )
    const client = startClient(undici, origin)
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) => client.get('/', { traceparent: `00-${i}-${i}-01` })),
    )
    expect(answers.every(({ text }) => text === 'x')).toBe(true)
    expect(origin.seen).toHaveLength(1)
    expect(answers.filter(({ cacheStatus }) => cacheStatus.includes('collapsed'))).toHaveLength(49)
  })

  test('requests that come while the answer streams read along', async () => {
    const origin = await startOrigin(async (_request, response) => {
      response.writeHead(200, { 'cache-control': 'max-age=60', 'content-length': '200000' })
      response.write(Buffer.alloc(100_000, 'a'))
      await until(() => client.responses.stats().collapsed === 2)
      response.end(Buffer.alloc(100_000, 'b'))
    })
    const client = startClient(undici, origin)
    const all = await Promise.all([client.get('/'), client.get('/'), client.get('/')])
    for (const { text } of all) expect(text).toBe('a'.repeat(100_000) + 'b'.repeat(100_000))
    expect(origin.seen).toHaveLength(1)
  })

  test('answers that may not be shared are not waited for twice', async () => {
    const origin = await startOrigin(answering('x', { 'cache-control': 'private, max-age=60' }))
    const client = startClient(undici, origin)
    await Promise.all([client.get('/'), client.get('/'), client.get('/')])
    expect(origin.seen).toHaveLength(3)
  })

  test('the answer to a request with Authorization is shared only where it says so', async () => {
    const origin = await startOrigin((request, response) =>
      answering(String(request.headers.authorization), {
        'cache-control': request.url === '/open' ? 'public, max-age=60' : 'max-age=60',
      })(request, response),
    )
    const client = startClient(undici, origin)
    await client.get('/', { authorization: 'a' })
    expect((await client.get('/', { authorization: 'b' })).text).toBe('b')
    await client.get('/open', { authorization: 'a' })
    expect((await client.get('/open', { authorization: 'b' })).text).toBe('a')
  })

  test('a private cache keeps private answers and those to Authorization, for itself alone', async () => {
    const origin = await startOrigin(answering('mine', { 'cache-control': 'private, max-age=60' }))
    const store = memoryStore()
    const one = startClient(undici, origin, { type: 'private', store })
    await one.get('/', { authorization: 'a' })
    expect((await one.get('/', { authorization: 'a' })).cacheStatus).toContain('hit')
    expect(origin.seen).toHaveLength(1)
  })

  test('two private interceptors without a cache of their own share nothing', async () => {
    const origin = await startOrigin(answering('mine', { 'cache-control': 'private, max-age=60' }))
    const { cache } = await import('breakwater/undici')
    for (let i = 0; i < 2; i++) {
      const agent = new undici.Agent()
      const dispatcher = agent.compose(cache({ type: 'private' }))
      for (let j = 0; j < 2; j++) await (await undici.request(`${origin.url}/`, { dispatcher })).body.text()
      await agent.destroy()
    }
    expect(origin.seen).toHaveLength(2)
  })

  test('a private and a shared interceptor on one cache keep apart', async () => {
    const origin = await startOrigin(answering('x', { 'cache-control': 'private, max-age=60' }))
    const responses = new ResponseCache({ store: memoryStore() })
    await startClient(undici, origin, { type: 'private', cache: responses }).get('/')
    expect((await startClient(undici, origin, { cache: responses }).get('/')).cacheStatus).not.toContain('hit')
    expect((await startClient(undici, origin, { type: 'private', cache: responses }).get('/')).cacheStatus).toContain(
      'hit',
    )
  })

  test('an unsafe method invalidates its target and what it points to', async () => {
    const origin = await startOrigin((request, response) => {
      if (request.method === 'POST') response.writeHead(201, { location: '/b' }).end()
      else answering('x')(request, response)
    })
    const client = startClient(undici, origin)
    await client.get('/a')
    await client.get('/b')
    await client.get('/c')
    await client.send('POST', '/a', { body: 'x' })
    expect((await client.get('/a')).cacheStatus).not.toContain('hit')
    expect((await client.get('/b')).cacheStatus).not.toContain('hit')
    expect((await client.get('/c')).cacheStatus).toContain('hit')
  })

  test('a failed unsafe method invalidates nothing', async () => {
    const origin = await startOrigin((request, response) => {
      if (request.method === 'POST') response.writeHead(500).end()
      else answering('x')(request, response)
    })
    const client = startClient(undici, origin)
    await client.get('/')
    await client.send('POST', '/', { body: 'x' })
    expect((await client.get('/')).cacheStatus).toContain('hit')
  })

  test('what a followed redirection brought is not kept for the first URL', async () => {
    const origin = await startOrigin((request, response) => {
      if (request.url === '/') response.writeHead(302, { location: '/end', 'cache-control': 'no-store' }).end()
      else answering('end')(request, response)
    })
    const { cache } = await import('breakwater/undici')
    const agent = new undici.Agent()
    const redirect = undici.interceptors.redirect({ maxRedirections: 3 })
    const dispatcher = agent.compose(redirect, cache(new ResponseCache({ store: memoryStore() })))
    for (let i = 0; i < 2; i++) {
      expect(await (await undici.request(`${origin.url}/`, { dispatcher })).body.text()).toBe('end')
    }
    expect(origin.seen).toHaveLength(4)
    await agent.destroy()
  })

  test('warm fetches outgoing URLs into the cache', async () => {
    const origin = await startOrigin((request, response) =>
      answering('x', { 'cache-control': request.url === '/no' ? 'no-store' : 'max-age=60' })(request, response),
    )
    const client = startClient(undici, origin)
    const report = await client.responses.warm([`${origin.url}/a?x=1`, `${origin.url}/no`, 'http://127.0.0.1:1/'])
    expect(report).toEqual({ stored: 1, refused: 1, failed: 1 })
    expect((await client.get('/a?x=1')).cacheStatus).toContain('hit')
  })
})
