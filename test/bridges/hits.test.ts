import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { type Answer, counting, isHit, startSubject, statusOf } from './subject.ts'
import { bridges, servers } from './subjects/index.ts'

const fresh = { 'Cache-Control': 'max-age=60' }

describe.each(bridges)('$name: a fresh answer', (bridge) => {
  test('is stored and answers the next request with Age and Cache-Status (RFC 9111 section 5.1, RFC 9211)', async () => {
    const subject = await startSubject(bridge, {}, counting({ ...fresh, 'X-Own': 'kept' }))
    const miss = await subject.request('/')
    expect(miss).toMatchObject({ status: 200, body: 'answer 1' })
    expect(statusOf(miss)).toBe('fwd=uri-miss; stored')
    subject.clock.pass(13)
    const hit = await subject.request('/')
    expect(hit).toMatchObject({ status: 200, body: 'answer 1' })
    expect(hit.headers).toMatchObject({
      age: '13',
      'x-own': 'kept',
      'content-type': 'text/plain',
      'content-length': '8',
    })
    expect(statusOf(hit)).toBe('hit; ttl=47')
    expect(subject.asked).toHaveLength(1)
  })

  test('keeps its Date on every hit (RFC 9110 section 6.6.1)', async () => {
    const subject = await startSubject(bridge, {}, counting(fresh))
    const made = subject.clock.date()
    await subject.request('/')
    subject.clock.pass(30)
    expect((await subject.request('/')).headers.date).toBe(made)
  })

  test('is asked for again once its lifetime is over (RFC 9111 section 4.2)', async () => {
    const subject = await startSubject(bridge, {}, counting(fresh))
    await subject.request('/')
    subject.clock.pass(61)
    expect(await subject.request('/')).toMatchObject({ body: 'answer 2' })
    expect(subject.asked).toHaveLength(2)
  })

  test('answers HEAD without content and with the length of the content (RFC 9110 section 9.3.2)', async () => {
    const subject = await startSubject(bridge, {}, counting(fresh))
    await subject.request('/')
    const head = await subject.request('/', { method: 'HEAD' })
    expect(head).toMatchObject({ status: 200, body: '' })
    expect(head.headers['content-length']).toBe('8')
    expect(isHit(head)).toBe(true)
    expect(subject.asked).toHaveLength(1)
  })

  test('to HEAD does not answer GET (RFC 9111 section 4)', async () => {
    const subject = await startSubject(bridge, {}, counting(fresh))
    await subject.request('/', { method: 'HEAD' })
    const got = await subject.request('/')
    expect(got).toMatchObject({ status: 200, body: 'answer 2' })
    expect(isHit(got)).toBe(false)
  })

  test('that is streamed is stored once it has ended, byte for byte', async () => {
    const chunks = ['one ', 'two ', 'three']
    const subject = await startSubject(bridge, {}, () => ({ headers: fresh, stream: () => Readable.from(chunks) }))
    expect(await subject.request('/')).toMatchObject({ body: 'one two three' })
    const hit = await subject.request('/')
    expect(hit).toMatchObject({ body: 'one two three' })
    expect(hit.headers['content-length']).toBe('13')
    expect(subject.asked).toHaveLength(1)
  })

  test('is stored where its client leaves with all of it before the end is written', async () => {
    const slowEnd = (): Readable =>
      Readable.from(
        (async function* () {
          yield 'full'
          await new Promise((resolve) => setTimeout(resolve, 200))
        })(),
      )
    const headers = { ...fresh, 'Content-Length': '4' }
    const subject = await startSubject(bridge, {}, () => ({ headers, stream: slowEnd }))
    expect(await subject.request('/')).toMatchObject({ body: 'full' })
    await expect.poll(async () => isHit(await subject.request('/'))).toBe(true)
    expect(subject.asked).toHaveLength(1)
  })

  test('that breaks off in the middle is not stored (RFC 9111 section 3.3)', async () => {
    let calls = 0
    const broken = (): Readable =>
      Readable.from(
        (async function* () {
          yield 'half '
          await new Promise((resolve) => setTimeout(resolve, 20))
          throw new Error('gone')
        })(),
      )
    const subject = await startSubject(bridge, {}, () =>
      ++calls === 1 ? { headers: fresh, stream: broken } : { headers: fresh, body: 'whole' },
    )
    await expect(subject.request('/')).rejects.toThrow()
    expect(await subject.request('/')).toMatchObject({ body: 'whole' })
  })

  test('with repeated fields has all of them on a hit', async () => {
    const subject = await startSubject(bridge, {}, counting({ ...fresh, 'X-Many': ['a', 'b'] }))
    await subject.request('/')
    expect((await subject.request('/')).headers['x-many']).toBe('a, b')
  })

  test.each([
    [404, 'not here'],
    [301, ''],
    [410, 'gone'],
    [203, 'changed'],
  ])('with status %i is stored with it', async (status, body) => {
    const subject = await startSubject(bridge, {}, () => ({ status, headers: fresh, body }))
    await subject.request('/')
    const hit = await subject.request('/')
    expect(hit).toMatchObject({ status, body })
    expect(isHit(hit)).toBe(true)
  })

  test('without content is stored too', async () => {
    const subject = await startSubject(bridge, {}, () => ({ status: 204, headers: fresh }))
    await subject.request('/')
    const hit = await subject.request('/')
    expect(hit).toMatchObject({ status: 204, body: '' })
    expect(isHit(hit)).toBe(true)
    expect(hit.headers).not.toHaveProperty('content-length')
  })
})

describe.each(bridges)('$name: conditions and ranges', (bridge) => {
  const tagged: Answer = { headers: { ...fresh, ETag: '"a"', 'Last-Modified': 'Thu, 01 Jan 2015 00:00:00 GMT' } }
  const asked: [string, Record<string, string>, number, string][] = [
    ['RFC 9110 13.1.2: the tag it has', { 'If-None-Match': '"a"' }, 304, ''],
    ['RFC 9110 13.1.2: the tag weakly', { 'If-None-Match': 'W/"a", "b"' }, 304, ''],
    ['RFC 9110 13.1.2: another tag', { 'If-None-Match': '"b"' }, 200, '0123456789'],
    ['RFC 9110 13.1.3: not modified since', { 'If-Modified-Since': 'Fri, 02 Jan 2015 00:00:00 GMT' }, 304, ''],
    ['RFC 9110 13.1.3: modified since', { 'If-Modified-Since': 'Wed, 31 Dec 2014 00:00:00 GMT' }, 200, '0123456789'],
    ['RFC 9110 14.2: the first part', { Range: 'bytes=0-3' }, 206, '0123'],
    ['RFC 9110 14.2: the last part', { Range: 'bytes=-2' }, 206, '89'],
    ['RFC 9110 14.2: beyond the end', { Range: 'bytes=20-' }, 416, ''],
    ['RFC 9110 13.1.5: the part of what it has', { Range: 'bytes=0-3', 'If-Range': '"a"' }, 206, '0123'],
    ['RFC 9110 13.1.5: the part of something else', { Range: 'bytes=0-3', 'If-Range': '"b"' }, 200, '0123456789'],
  ]

  test.each(asked)('%s, answered from the store', async (_clause, headers, status, body) => {
    const subject = await startSubject(bridge, {}, () => ({ ...tagged, body: '0123456789' }))
    await subject.request('/')
    const got = await subject.request('/', { headers })
    expect(got).toMatchObject({ status, body })
    expect(isHit(got)).toBe(true)
    expect(subject.asked).toHaveLength(1)
  })

  test('a 304 has the fields that a 200 would have, and none of content (RFC 9110 section 15.4.5)', async () => {
    const subject = await startSubject(bridge, {}, () => ({ ...tagged, body: '0123456789' }))
    await subject.request('/')
    const { headers } = await subject.request('/', { headers: { 'If-None-Match': '"a"' } })
    expect(headers).toMatchObject({ etag: '"a"', 'cache-control': 'max-age=60', age: '0' })
    expect(headers).not.toHaveProperty('content-type')
  })

  test('a part says which one it is (RFC 9110 section 14.4)', async () => {
    const subject = await startSubject(bridge, {}, () => ({ ...tagged, body: '0123456789' }))
    await subject.request('/')
    const { headers } = await subject.request('/', { headers: { Range: 'bytes=2-5' } })
    expect(headers).toMatchObject({ 'content-range': 'bytes 2-5/10', 'content-length': '4' })
  })
})

describe.each(bridges)('$name: a part that the handler gives (RFC 9111 section 3.3)', (bridge) => {
  const partial = (headers: Answer['headers'], body: string): Answer => ({
    status: 206,
    headers: { ...fresh, ETag: '"a"', 'Content-Range': 'bytes 2-5/10', ...headers },
    body,
  })

  test.each([
    ['with its length', { 'Content-Length': '4' }],
    ['without', {}],
  ])('%s answers for what lies within', async (_length, headers) => {
    const subject = await startSubject(bridge, {}, () => partial(headers, '2345'))
    await subject.request('/', { headers: { Range: 'bytes=2-5' } })
    const got = await subject.request('/', { headers: { Range: 'bytes=3-4' } })
    expect(got).toMatchObject({ status: 206, body: '34' })
    expect(got.headers).toMatchObject({ 'content-range': 'bytes 3-4/10', 'content-length': '2' })
    expect(isHit(got)).toBe(true)
  })

  test.each([{ Range: 'bytes=0-3' }, { Range: 'bytes=4-' }, {}])('and for nothing else: %o', async (headers) => {
    const subject = await startSubject(bridge, {}, () => partial({}, '2345'))
    await subject.request('/', { headers: { Range: 'bytes=2-5' } })
    await subject.request('/', { headers: headers as Record<string, string> })
    expect(subject.asked).toHaveLength(2)
  })

  test('is not stored if it is shorter than its range', async () => {
    const subject = await startSubject(bridge, {}, () => partial({}, '234'))
    await subject.request('/', { headers: { Range: 'bytes=2-5' } })
    await subject.request('/', { headers: { Range: 'bytes=2-5' } })
    expect(subject.asked).toHaveLength(2)
  })
})

describe.each(bridges)('$name: the key', (bridge) => {
  test.each([
    ['/a', '/b'],
    ['/?x=1', '/?x=2'],
    ['/?x=1&y=2', '/?y=2&x=1'],
    ['/?x', '/'],
    ['/?', '/'],
    ['/a', '/a/'],
    ['/%61', '/a'],
    ['/a%2Fb', '/a/b'],
    ['/A', '/a'],
  ])('%s and %s are two things', async (one, other) => {
    const subject = await startSubject(bridge, {}, counting(fresh))
    await subject.request(one)
    expect((await subject.request(other)).body).toBe('answer 2')
    expect((await subject.request(one)).body).toBe('answer 1')
  })
})

describe.each(servers)('$name: the key on a server', (bridge) => {
  test('different Host values do not mix (RFC 9111 section 2)', async () => {
    const subject = await startSubject(bridge, {}, counting(fresh))
    await subject.request('/', { headers: { host: 'a.test' } })
    expect((await subject.request('/', { headers: { host: 'b.test' } })).body).toBe('answer 2')
    expect((await subject.request('/', { headers: { host: 'a.test' } })).body).toBe('answer 1')
  })

  test('Host is compared without regard to case (RFC 9110 section 4.2.3)', async () => {
    const subject = await startSubject(bridge, {}, counting(fresh))
    await subject.request('/', { headers: { host: 'a.test' } })
    expect((await subject.request('/', { headers: { host: 'A.TEST' } })).body).toBe('answer 1')
  })

  test('a route’s own key stands in place of path and query', async () => {
    const subject = await startSubject(bridge, { cache: { key: () => 'one for all' } }, counting(fresh))
    await subject.request('/a')
    expect((await subject.request('/b?c')).body).toBe('answer 1')
  })
})
