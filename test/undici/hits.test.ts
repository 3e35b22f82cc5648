import { describe, expect, test } from 'vitest'
import { answering, releases, startClient, startOrigin } from './support.ts'

describe.each(releases)('%s: answers from the cache', (_name, undici) => {
  test('the second request for the same thing does not reach the origin', async () => {
    const origin = await startOrigin(answering('one', { 'cache-control': 'max-age=60', 'x-kept': 'yes' }))
    const client = startClient(undici, origin)
    const first = await client.get('/')
    expect(first.cacheStatus).toBe('Breakwater; fwd=uri-miss; stored')
    client.clock.pass(7)
    const second = await client.get('/')
    expect(second).toMatchObject({ status: 200, text: 'one', cacheStatus: 'Breakwater; hit; ttl=53' })
    expect(second.fields).toMatchObject({ age: '7', 'x-kept': 'yes' })
    expect(origin.seen).toHaveLength(1)
  })

  test('HEAD is answered from a stored GET, without content', async () => {
    const origin = await startOrigin(answering('12345'))
    const client = startClient(undici, origin)
    await client.get('/')
    const head = await client.send('HEAD', '/')
    expect(head).toMatchObject({ status: 200, text: '' })
    expect(head.fields['content-length']).toBe('5')
    expect(origin.seen).toHaveLength(1)
  })

  test('one range of a stored answer is a 206', async () => {
    const origin = await startOrigin(answering('0123456789', { 'cache-control': 'max-age=60', etag: '"a"' }))
    const client = startClient(undici, origin)
    await client.get('/')
    const part = await client.get('/', { range: 'bytes=2-4' })
    expect(part).toMatchObject({ status: 206, text: '234' })
    expect(part.fields['content-range']).toBe('bytes 2-4/10')
    expect(origin.seen).toHaveLength(1)
  })

  test("the client's If-None-Match is answered 304 from the cache", async () => {
    const origin = await startOrigin(answering('old', { 'cache-control': 'max-age=60', etag: '"a"' }))
    const client = startClient(undici, origin)
    await client.get('/')
    expect(await client.get('/', { 'if-none-match': '"a"' })).toMatchObject({ status: 304, text: '' })
    expect(await client.get('/', { 'if-none-match': '"b"' })).toMatchObject({ status: 200, text: 'old' })
    expect(origin.seen).toHaveLength(1)
  })

  test('only-if-cached is a 504 where nothing fresh is stored, and the origin is not asked', async () => {
    const origin = await startOrigin(answering('x'))
    const client = startClient(undici, origin)
    const wanted = { 'cache-control': 'only-if-cached' }
    expect((await client.get('/', wanted)).status).toBe(504)
    await client.get('/')
    expect((await client.get('/', wanted)).status).toBe(200)
    client.clock.pass(61)
    expect((await client.get('/', wanted)).status).toBe(504)
    expect(origin.seen).toHaveLength(1)
  })

  test('repeated fields stay a list', async () => {
    const origin = await startOrigin((_request, response) => {
      response.writeHead(200, { 'cache-control': 'max-age=60', link: ['<a>', '<b>'] }).end('x')
    })
    const client = startClient(undici, origin)
    await client.get('/')
    expect((await client.get('/')).fields.link).toEqual(['<a>', '<b>'])
  })

  test('requests to other origins than the named ones pass by untouched', async () => {
    const origin = await startOrigin(answering('x'))
    const none = startClient(undici, origin, { origins: ['http://else.where', /^https:/g] })
    await none.get('/')
    expect((await none.get('/')).cacheStatus).toBe('')
    expect(origin.seen).toHaveLength(2)
    const named = startClient(undici, origin, { origins: [/127\.0/g] })
    await named.get('/')
    expect((await named.get('/')).cacheStatus).toContain('hit')
    const text = startClient(undici, origin, { origins: [origin.url.toUpperCase()] })
    await text.get('/')
    expect((await text.get('/')).cacheStatus).toContain('hit')
  })

  test('methods says what is answered from the cache', async () => {
    const origin = await startOrigin(answering('x'))
    const client = startClient(undici, origin, { methods: ['HEAD'] })
    await client.get('/')
    await client.get('/')
    expect(origin.seen).toHaveLength(2)
  })
})
