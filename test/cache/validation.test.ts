import { describe, expect, test } from 'vitest'
import { answer, ask, content, engine, exchange, exchangeOf, fate, field, replyOf } from '../support/engine.ts'

const LM = 'Mon, 01 Dec 2025 00:00:00 GMT'
const fresh = { 'cache-control': 'max-age=60' }

describe('validation (RFC 9111 section 4.3.1)', () => {
  test.each([
    [{ etag: '"a"' }, { 'if-none-match': '"a"' }],
    [{ etag: 'W/"a"' }, { 'if-none-match': 'W/"a"' }],
    [{ 'last-modified': LM }, { 'if-modified-since': LM }],
    [
      { etag: '"a"', 'last-modified': LM },
      { 'if-none-match': '"a"', 'if-modified-since': LM },
    ],
    [{}, undefined],
  ])('asks with the stored validators: %o', (validators, conditions) => {
    const { mount, clock } = engine()
    exchange(mount, {}, { headers: { ...fresh, ...validators } })
    clock.pass(61)
    const decision = ask(mount, { headers: { 'if-none-match': '"client"' } })
    expect(decision.kind).toBe(conditions === undefined ? 'miss' : 'validate')
    expect(exchangeOf(decision).conditions).toEqual(conditions)
  })

  test('leaves the client’s conditions alone where nothing is stored', () => {
    const decision = ask(engine().mount, { headers: { 'if-none-match': '"a"' } })
    expect(exchangeOf(decision).conditions).toBeUndefined()
    expect(answer(exchangeOf(decision), { status: 304 }).kind).toBe('pass')
  })
})

describe('a 304 (RFC 9111 sections 3.2 and 4.3.4)', () => {
  const stale = () => {
    const made = engine()
    const headers = { ...fresh, etag: '"a"', 'x-a': ['1', '2'], 'content-type': 'text/plain', 'content-length': '4' }
    exchange(made.mount, {}, { headers })
    made.clock.pass(100)
    return made
  }

  test('answers with the stored content and the new fields', async () => {
    const { mount, clock } = stale()
    const headers = {
      ...fresh,
      'x-a': '3',
      'x-b': 'new',
      'content-length': '0',
      'content-type': 'x/y',
      connection: 'x-c',
      'x-c': '1',
    }
    const reply = replyOf(exchange(mount, {}, { status: 304, headers }))
    expect(reply.status).toBe(200)
    expect(await content(reply)).toBe('body')
    expect(reply.lines.filter((_, i) => reply.lines[i - 1]?.toLowerCase() === 'x-a')).toEqual(['3'])
    expect(field(reply, 'x-b')).toBe('new')
    expect(field(reply, 'x-c')).toBeUndefined()
    expect(field(reply, 'content-length')).toBe('4')
    expect(field(reply, 'content-type')).toBe('text/plain')
    expect(field(reply, 'date')).toBe(clock.date())
    expect(field(reply, 'age')).toBe('0')
    expect(field(reply, 'cache-status')).toBe('Breakwater; fwd=stale; fwd-status=304')
  })

  test('makes it fresh again and raises its version', () => {
    const { mount, clock } = stale()
    const before = exchangeOf(ask(mount))
    const reply = replyOf(answer(before, { status: 304, headers: { etag: '"a"' } }))
    expect(reply.bodyIdentity).toMatch(/\.2$/)
    clock.pass(59)
    expect(field(replyOf(ask(mount)), 'age')).toBe('59')
    clock.pass(1)
    expect(fate(mount)).toBe('validate')
  })

  test.each([
    ['Age', { age: '10' }, '10'],
    ['an older Date', { date: 'Thu, 01 Jan 2026 00:01:30 GMT' }, '10'],
    ['neither', {}, '0'],
  ])('takes its age from its own %s', (_, headers, age) => {
    const { mount } = stale()
    expect(field(replyOf(exchange(mount, {}, { status: 304, headers })), 'age')).toBe(age)
  })

  test.each(['no-store', 'private, max-age=60'])(
    'with %s ends the stored response but answers this request',
    (control) => {
      const { mount } = stale()
      const outcome = exchange(mount, {}, { status: 304, headers: { 'cache-control': control } })
      expect(replyOf(outcome)).toMatchObject({ status: 200 })
      expect(fate(mount)).toBe('miss')
    },
  )

  test.each([
    ['its own tag, still good', { 'if-none-match': '"a"' }, 304],
    ['another tag', { 'if-none-match': '"b"' }, 200],
    ['none', {}, 200],
  ])('answers the client’s condition: %s', (_, headers, status) => {
    const { mount } = stale()
    expect(replyOf(exchange(mount, { headers }, { status: 304 })).status).toBe(status)
  })

  test('answers a range from what it confirmed', async () => {
    const { mount } = stale()
    const reply = replyOf(exchange(mount, { headers: { range: 'bytes=1-2' } }, { status: 304 }))
    expect(reply.status).toBe(206)
    expect(await content(reply)).toBe('od')
  })

  test('to HEAD freshens as well', () => {
    const { mount } = stale()
    const reply = replyOf(exchange(mount, { method: 'HEAD' }, { status: 304 }))
    expect(reply.body).toBeUndefined()
    expect(fate(mount)).toBe('hit')
  })

  test('a 200 replaces', async () => {
    const { mount } = stale()
    exchange(mount, {}, { headers: { ...fresh, etag: '"b"' }, body: 'new' })
    expect(await content(replyOf(ask(mount)))).toBe('new')
  })
})

describe('HEAD', () => {
  test('is answered from a stored GET, without content', () => {
    const { mount } = engine()
    exchange(mount, {}, { headers: fresh })
    const reply = replyOf(ask(mount, { method: 'HEAD' }))
    expect(reply).toMatchObject({ status: 200, body: undefined })
    expect(field(reply, 'content-length')).toBe('4')
  })

  test('is not stored', () => {
    const { mount, responses } = engine()
    expect(exchange(mount, { method: 'HEAD' }, { headers: fresh }).kind).toBe('pass')
    expect(fate(mount)).toBe('miss')
    expect(fate(mount, { method: 'HEAD' })).toBe('miss')
    expect(responses.inFlight.size).toBe(0)
  })

  test.each([
    ['the same', { ...fresh, etag: '"a"', 'content-length': '4' }, 'hit'],
    ['silent about it', fresh, 'hit'],
    ['another tag', { ...fresh, etag: '"b"' }, 'miss'],
    ['another length', { ...fresh, 'content-length': '5' }, 'miss'],
    ['another Last-Modified', { ...fresh, 'last-modified': LM }, 'miss'],
    ['no-store', { 'cache-control': 'no-store', etag: '"a"' }, 'miss'],
  ])('a 200 to it that is %s decides on the stored GET (RFC 9111 section 4.3.5)', (_, headers, kind) => {
    const { mount, clock } = engine()
    exchange(mount, {}, { headers: { ...fresh, etag: '"a"' } })
    clock.pass(61)
    exchange(mount, { method: 'HEAD' }, { headers })
    expect(fate(mount)).toBe(kind)
  })
})

describe('a conditional request (RFC 9110 section 13.2.2)', () => {
  test.each([
    ['the tag', { etag: '"a"' }, { 'if-none-match': '"a"' }, 304],
    ['one of several tags', { etag: '"a"' }, { 'if-none-match': '"x", "a"' }, 304],
    ['the tag, weakly', { etag: '"a"' }, { 'if-none-match': 'W/"a"' }, 304],
    ['a weak tag', { etag: 'W/"a"' }, { 'if-none-match': '"a"' }, 304],
    ['*', { etag: '"a"' }, { 'if-none-match': '*' }, 304],
    ['another tag', { etag: '"a"' }, { 'if-none-match': '"b"' }, 200],
    ['a tag where there is none', { 'last-modified': LM }, { 'if-none-match': '"b"' }, 200],
    ['the date', { 'last-modified': LM }, { 'if-modified-since': LM }, 304],
    ['a later date', { 'last-modified': LM }, { 'if-modified-since': 'Tue, 02 Dec 2025 00:00:00 GMT' }, 304],
    ['an earlier date', { 'last-modified': LM }, { 'if-modified-since': 'Sun, 30 Nov 2025 00:00:00 GMT' }, 200],
    ['no date', { 'last-modified': LM }, { 'if-modified-since': 'x' }, 200],
    [
      'another tag and the date: the tag decides',
      { etag: '"a"', 'last-modified': LM },
      { 'if-none-match': '"b"', 'if-modified-since': LM },
      200,
    ],
    [
      'the tag and an earlier date: the tag decides',
      { etag: '"a"', 'last-modified': LM },
      { 'if-none-match': '"a"', 'if-modified-since': 'Sun, 30 Nov 2025 00:00:00 GMT' },
      304,
    ],
    ['If-Match, which is for origins', { etag: '"a"' }, { 'if-match': '"b"' }, 200],
  ])('with %s', (_, validators, headers, status) => {
    const { mount } = engine()
    exchange(mount, {}, { headers: { ...fresh, ...validators, 'content-type': 'text/plain' } })
    for (const method of ['GET', 'HEAD']) {
      const reply = replyOf(ask(mount, { method, headers }))
      expect(reply.status).toBe(status)
      if (status !== 304) continue
      expect(reply.body).toBeUndefined()
      expect(field(reply, 'content-length')).toBeUndefined()
      expect(field(reply, 'content-type')).toBeUndefined()
      expect(field(reply, 'cache-control')).toBe('max-age=60')
    }
  })

  test('gets no 304 for a stored error', () => {
    const { mount } = engine()
    exchange(mount, {}, { status: 404, headers: { ...fresh, etag: '"a"' } })
    expect(replyOf(ask(mount, { headers: { 'if-none-match': '"a"' } })).status).toBe(404)
  })
})

describe('a range (RFC 9110 section 14)', () => {
  const stored = () => {
    const { mount } = engine()
    exchange(mount, {}, { headers: { ...fresh, etag: '"a"', 'last-modified': LM }, body: '0123456789' })
    return mount
  }

  test.each([
    ['bytes=0-3', 206, '0123', 'bytes 0-3/10'],
    ['bytes=4-', 206, '456789', 'bytes 4-9/10'],
    ['bytes=-3', 206, '789', 'bytes 7-9/10'],
    ['bytes=-30', 206, '0123456789', 'bytes 0-9/10'],
    ['bytes=8-30', 206, '89', 'bytes 8-9/10'],
    ['bytes=10-', 416, '', 'bytes */10'],
    ['bytes=-0', 416, '', 'bytes */10'],
    ['bytes=0-1,3-4', 200, '0123456789', undefined],
    ['bytes=3-2', 200, '0123456789', undefined],
    ['items=0-1', 200, '0123456789', undefined],
  ])('%s', async (range, status, body, contentRange) => {
    const reply = replyOf(ask(stored(), { headers: { range } }))
    expect(reply.status).toBe(status)
    expect(await content(reply)).toBe(body)
    expect(field(reply, 'content-range')).toBe(contentRange)
    expect(field(reply, 'content-length')).toBe(String(body.length))
    if (status !== 200) expect(reply.bodyIdentity).toBeUndefined()
  })

  test.each([
    ['the tag', '"a"', 206],
    ['another tag', '"b"', 200],
    ['the tag, weakly', 'W/"a"', 200],
    ['the date', LM, 206],
    ['another date', 'Sun, 30 Nov 2025 00:00:00 GMT', 200],
  ])('with If-Range of %s (RFC 9110 section 13.1.5)', (_, condition, status) => {
    expect(replyOf(ask(stored(), { headers: { range: 'bytes=0-1', 'if-range': condition } })).status).toBe(status)
  })

  test('a 416 says nothing by which others would keep it', () => {
    const reply = replyOf(ask(stored(), { headers: { range: 'bytes=10-' } }))
    expect(field(reply, 'cache-control')).toBe('no-store')
    expect(field(reply, 'etag')).toBeUndefined()
  })

  test('HEAD ignores it', () => {
    expect(replyOf(ask(stored(), { method: 'HEAD', headers: { range: 'bytes=0-1' } })).status).toBe(200)
  })

  test('a condition goes before it', () => {
    const headers = { range: 'bytes=0-1', 'if-none-match': '"a"' }
    expect(replyOf(ask(stored(), { headers })).status).toBe(304)
  })
})

describe('a stored part (RFC 9111 section 3.3)', () => {
  const part = (headers = {}, body = '2345') => {
    const made = engine()
    const response = {
      status: 206,
      headers: { ...fresh, 'content-range': 'bytes 2-5/10', 'content-length': '4', ...headers },
      body,
    }
    return { ...made, outcome: exchange(made.mount, { headers: { range: 'bytes=2-5' } }, response) }
  }

  test.each([
    ['bytes=2-5', '2345'],
    ['bytes=3-4', '34'],
    ['bytes=2-2', '2'],
    ['bytes=1-4', undefined],
    ['bytes=4-6', undefined],
    ['bytes=4-', undefined],
    ['bytes=-3', undefined],
    ['bytes=-5', undefined],
    [undefined, undefined],
    ['bytes=2-3,5-5', undefined],
  ])('answers %s only from within', async (range, body) => {
    const { mount } = part()
    const decision = ask(mount, { headers: range === undefined ? {} : { range } })
    expect(decision.kind).toBe(body === undefined ? 'miss' : 'hit')
    if (body === undefined) return
    const reply = replyOf(decision)
    expect(reply.status).toBe(206)
    expect(await content(reply)).toBe(body)
  })

  test('never takes the place of a stored whole', async () => {
    const { mount } = engine()
    exchange(mount, {}, { headers: fresh, body: '0123456789' })
    const asked = { headers: { range: 'bytes=2-5', 'cache-control': 'no-cache' } }
    const headers = { ...fresh, 'content-range': 'bytes 2-5/10', 'content-length': '4' }
    expect(exchange(mount, asked, { status: 206, headers, body: '2345' }).kind).toBe('pass')
    expect(await content(replyOf(ask(mount)))).toBe('0123456789')
  })

  test('does not answer HEAD or If-Range', () => {
    const { mount } = part({ etag: '"a"' })
    expect(fate(mount, { method: 'HEAD' })).toBe('miss')
    expect(fate(mount, { headers: { range: 'bytes=2-5', 'if-range': '"a"' } })).toBe('miss')
  })

  test.each([
    ['without Content-Range', { 'content-range': [] as string[] }],
    ['of unknown size', { 'content-range': 'bytes 2-5/*' }],
    ['of another unit', { 'content-range': 'items 2-5/10' }],
    ['of impossible bounds', { 'content-range': 'bytes 5-2/10' }],
    ['of another length than its range', { 'content-length': '3' }],
  ])('is not kept %s', (_, headers) => {
    expect(part(headers).outcome.kind).toBe('pass')
  })

  test('of undeclared length is as long as its range', async () => {
    const { mount } = part({ 'content-length': [] as string[] })
    const reply = replyOf(ask(mount, { headers: { range: 'bytes=3-4' } }))
    expect(field(reply, 'content-length')).toBe('2')
    expect(await content(reply)).toBe('34')
  })

  test.each([
    ['few', '234', '4'],
    ['many', '23456', '4'],
    ['few, and nobody said how many', '234', []],
    ['many, and nobody said how many', '23456', []],
  ])('is not kept when its bytes are too %s', (_, body, length) => {
    const { mount } = part({ 'content-length': length }, body)
    expect(fate(mount, { headers: { range: 'bytes=2-5' } })).toBe('miss')
  })
})
