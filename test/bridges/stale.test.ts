import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { type Answer, counting, type Handler, isHit, type Subject, startSubject, statusOf } from './subject.ts'
import { bridges, servers } from './subjects/index.ts'

/** Answers as told, and fails as told. */
function switchable(headers: Answer['headers'] = {}) {
  const state: { fails: false | 'throws' | number; calls: number } = { fails: false, calls: 0 }
  const handler: Handler = () => {
    state.calls++
    if (state.fails === 'throws') throw new Error('the origin is lost')
    if (state.fails !== false) return { status: state.fails, body: 'failed' }
    return { headers, body: `answer ${state.calls}` }
  }
  return { state, handler }
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !condition(); i++) await sleep(5)
}

describe.each(bridges)('$name: stale while revalidating (RFC 5861 section 3)', (bridge) => {
  const headers = { 'Cache-Control': 'max-age=10, stale-while-revalidate=30' }

  test('50 requests get the stale answer at once, and one refresh runs behind', async () => {
    let release = (): void => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    let calls = 0
    const subject = await startSubject(bridge, {}, async () => {
      const body = `answer ${++calls}`
      if (calls > 1) await held
      return { headers, body }
    })
    await subject.request('/')
    subject.clock.pass(15)
    const got = await Promise.all(Array.from({ length: 50 }, () => subject.request('/')))
    expect(new Set(got.map(({ body }) => body))).toEqual(new Set(['answer 1']))
    release()
    await until(() => subject.responses.stats().refreshes === 1)
    expect(subject.asked).toHaveLength(2)
    const after = await subject.request('/')
    expect(after.body).toBe('answer 2')
    expect(statusOf(after)).toBe('hit; ttl=10')
  })

  test('the stale answer says so by its Age and ttl', async () => {
    const subject = await startSubject(bridge, {}, counting(headers))
    await subject.request('/')
    subject.clock.pass(15)
    const stale = await subject.request('/')
    expect(stale.headers.age).toBe('15')
    expect(statusOf(stale)).toBe('hit; ttl=-5')
    await until(() => subject.responses.stats().refreshes === 1)
  })

  test('past its time nothing stale is answered', async () => {
    const subject = await startSubject(bridge, {}, counting(headers))
    await subject.request('/')
    subject.clock.pass(41)
    expect((await subject.request('/')).body).toBe('answer 2')
  })

  test('a refresh that fails leaves what is stored', async () => {
    const { state, handler } = switchable(headers)
    const subject = await startSubject(bridge, {}, handler)
    await subject.request('/')
    state.fails = 500
    subject.clock.pass(15)
    await subject.request('/')
    await until(() => subject.responses.stats().refreshes === 1)
    expect((await subject.request('/')).body).toBe('answer 1')
    await until(() => subject.responses.stats().refreshes === 2)
  })

  test('refresh: first lets one request wait for the new answer', async () => {
    const subject = await startSubject(bridge, { cache: { refresh: 'first' } }, counting(headers))
    await subject.request('/')
    subject.clock.pass(15)
    expect((await subject.request('/')).body).toBe('answer 2')
  })
})

describe.each(servers)('$name: a refresh behind', (bridge) => {
  test('carries key and Vary, never Cookie or Authorization', async () => {
    const headers = { 'Cache-Control': 'public, max-age=10, stale-while-revalidate=30', Vary: 'X-Tongue' }
    const subject = await startSubject(bridge, {}, ({ headers: asked }) => ({
      headers,
      body: String(asked['x-tongue']),
    }))
    const asking = { 'x-tongue': 'en', authorization: 'Basic eDp5', cookie: 'a=b', 'x-other': '1', host: 'a.test' }
    await subject.request('/x?y', { headers: asking })
    subject.clock.pass(15)
    await subject.request('/x?y', { headers: asking })
    await until(() => subject.responses.stats().refreshes === 1)
    const [, refresh] = subject.asked
    expect(refresh).toMatchObject({ method: 'GET', url: '/x?y' })
    expect({ ...refresh?.headers }).toEqual({ host: 'a.test', 'x-tongue': 'en' })
    expect((await subject.request('/x?y', { headers: asking })).body).toBe('en')
  })
})

describe.each(bridges)('$name: an origin that fails (RFC 5861 section 4)', (bridge) => {
  const allowed = { 'Cache-Control': 'max-age=10, stale-if-error=60' }

  test.each([500, 502, 503, 504])('%i is replaced by the stale answer within stale-if-error', async (status) => {
    const { state, handler } = switchable(allowed)
    const subject = await startSubject(bridge, {}, handler)
    await subject.request('/')
    state.fails = status
    subject.clock.pass(30)
    const got = await subject.request('/')
    expect(got).toMatchObject({ status: 200, body: 'answer 1' })
    expect(statusOf(got)).toBe(`fwd=stale; fwd-status=${status}; ttl=-20; detail=origin-failed`)
  })

  test('past stale-if-error the failure is handed on', async () => {
    const { state, handler } = switchable(allowed)
    const subject = await startSubject(bridge, {}, handler)
    await subject.request('/')
    state.fails = 503
    subject.clock.pass(71)
    expect(await subject.request('/')).toMatchObject({ status: 503, body: 'failed' })
  })

  test.each(['must-revalidate', 'no-cache'])('never against %s (RFC 9111 section 4.2.4)', async (directive) => {
    const { state, handler } = switchable({
      'Cache-Control': `max-age=10, stale-if-error=60, ${directive}`,
      ETag: '"a"',
    })
    const subject = await startSubject(bridge, {}, handler)
    await subject.request('/')
    state.fails = 503
    subject.clock.pass(30)
    expect(await subject.request('/')).toMatchObject({ status: 503 })
  })

  test('500 and 503 without stale-if-error are handed on', async () => {
    const { state, handler } = switchable({ 'Cache-Control': 'max-age=10' })
    const subject = await startSubject(bridge, {}, handler)
    await subject.request('/')
    state.fails = 503
    subject.clock.pass(30)
    expect(await subject.request('/')).toMatchObject({ status: 503 })
  })

  test('a fresh answer does not ask the origin at all', async () => {
    const { state, handler } = switchable(allowed)
    const subject = await startSubject(bridge, {}, handler)
    await subject.request('/')
    state.fails = 'throws'
    expect(await subject.request('/')).toMatchObject({ status: 200, body: 'answer 1' })
  })
})

describe.each(bridges.filter(({ seesErrors }) => seesErrors))('$name: an origin that is lost', (bridge) => {
  test('is replaced by the stale answer without stale-if-error (RFC 9111 section 4.2.4)', async () => {
    const { state, handler } = switchable({ 'Cache-Control': 'max-age=10', 'X-Own': 'kept' })
    const subject = await startSubject(bridge, {}, handler)
    await subject.request('/')
    state.fails = 'throws'
    subject.clock.pass(30)
    const got = await subject.request('/')
    expect(got).toMatchObject({ status: 200, body: 'answer 1' })
    expect(got.headers['x-own']).toBe('kept')
    expect(statusOf(got)).toBe('fwd=stale; ttl=-20; detail=origin-failed')
  })

  test('stays lost where nothing is stored', async () => {
    const { state, handler } = switchable()
    const subject = await startSubject(bridge, {}, handler)
    state.fails = 'throws'
    const got = subject.request('/')
    if (bridge.side === 'client') await expect(got).rejects.toThrow()
    else expect(await got).toMatchObject({ status: 500 })
  })

  test('stays lost against must-revalidate', async () => {
    const { state, handler } = switchable({ 'Cache-Control': 'max-age=10, must-revalidate' })
    const subject = await startSubject(bridge, {}, handler)
    await subject.request('/')
    state.fails = 'throws'
    subject.clock.pass(30)
    const got = subject.request('/')
    if (bridge.side === 'client') await expect(got).rejects.toThrow()
    else expect(await got).toMatchObject({ status: 500 })
  })
})

describe.each(bridges)('$name: validation (RFC 9111 section 4.3)', (bridge) => {
  /** Answers 304 where it is asked with its own tag; each answer counts in a field. */
  const validating = (headers: Answer['headers'] = {}): Handler => {
    let calls = 0
    return ({ headers: asked }) => {
      const fields = { 'Cache-Control': 'max-age=10', ETag: '"a"', 'X-Call': String(++calls), ...headers }
      return asked['if-none-match'] === '"a"' ? { status: 304, headers: fields } : { headers: fields, body: 'the body' }
    }
  }

  test('a 304 freshens what is stored, and its fields replace the stored ones', async () => {
    const subject = await startSubject(bridge, {}, validating())
    await subject.request('/')
    subject.clock.pass(20)
    const got = await subject.request('/')
    expect(got).toMatchObject({ status: 200, body: 'the body' })
    expect(got.headers).toMatchObject({ 'x-call': '2', 'content-length': '8', age: '0' })
    expect(statusOf(got)).toBe('fwd=stale; fwd-status=304')
    subject.clock.pass(5)
    const hit = await subject.request('/')
    expect(hit.headers).toMatchObject({ 'x-call': '2', age: '5' })
    expect(isHit(hit)).toBe(true)
    expect(subject.asked).toHaveLength(2)
  })

  test('the stored validators go along, not the client’s; the client’s are answered from the result', async () => {
    const subject = await startSubject(bridge, {}, validating())
    await subject.request('/')
    subject.clock.pass(20)
    const got = await subject.request('/', { headers: { 'if-none-match': '"b"' } })
    expect(got).toMatchObject({ status: 200, body: 'the body' })
    expect(subject.asked[1]?.headers['if-none-match']).toBe('"a"')
    subject.clock.pass(20)
    const same = await subject.request('/', { headers: { 'if-none-match': '"a"' } })
    expect(same).toMatchObject({ status: 304, body: '' })
  })

  test.each([
    ['for a client that has that one', '"b"', 304],
    ['for one that has nothing', undefined, 200],
  ])('a 304 with another tag never gives it to the stored content: %s', async (_who, tag, status) => {
    const handler: Handler = () =>
      subject.asked.length === 2
        ? { status: 304, headers: { 'Cache-Control': 'max-age=10', ETag: '"b"' } }
        : { headers: { 'Cache-Control': 'max-age=10', ETag: '"a"' }, body: `answer ${subject.asked.length}` }
    const subject: Subject = await startSubject(bridge, {}, handler)
    await subject.request('/')
    subject.clock.pass(20)
    const got = await subject.request('/', tag === undefined ? {} : { headers: { 'if-none-match': tag } })
    expect(got.status).toBe(status)
    expect(got.headers.etag).toBe(tag ?? '"a"')
    expect(got.body).toBe(tag === undefined ? 'answer 1' : '')
    expect((await subject.request('/')).body).toBe('answer 3')
  })

  test('a 200 replaces what is stored', async () => {
    let calls = 0
    const handler: Handler = () => ({
      headers: { 'Cache-Control': 'max-age=10', ETag: `"${++calls}"` },
      body: `answer ${calls}`,
    })
    const subject = await startSubject(bridge, {}, handler)
    await subject.request('/')
    subject.clock.pass(20)
    expect((await subject.request('/')).body).toBe('answer 2')
    expect((await subject.request('/')).body).toBe('answer 2')
    expect(subject.asked).toHaveLength(2)
  })

  test('no-cache is validated each time (RFC 9111 section 5.2.2.4)', async () => {
    const subject = await startSubject(bridge, {}, validating({ 'Cache-Control': 'no-cache, max-age=60' }))
    await subject.request('/')
    expect(await subject.request('/')).toMatchObject({ status: 200, body: 'the body' })
    expect(subject.asked[1]?.headers['if-none-match']).toBe('"a"')
  })

  test('a client’s own condition on nothing stored is the handler’s to answer', async () => {
    const subject = await startSubject(bridge, {}, validating())
    expect(await subject.request('/', { headers: { 'if-none-match': '"a"' } })).toMatchObject({ status: 304 })
    expect(await subject.request('/')).toMatchObject({ status: 200, body: 'the body' })
  })
})

describe.each(bridges)('$name: what requests ask for (RFC 9111 section 5.2.1)', (bridge) => {
  const fresh = { 'Cache-Control': 'max-age=60' }

  test('only-if-cached: the stored answer', async () => {
    const subject = await startSubject(bridge, {}, counting(fresh))
    await subject.request('/')
    expect((await subject.request('/', { headers: { 'cache-control': 'only-if-cached' } })).body).toBe('answer 1')
  })

  test.each(['never stored', 'stale'])('only-if-cached: 504 for what is %s, and nobody is asked', async (what) => {
    const subject = await startSubject(bridge, {}, counting(fresh))
    if (what === 'stale') await subject.request('/')
    subject.clock.pass(61)
    const asked = subject.asked.length
    const got = await subject.request('/', { headers: { 'cache-control': 'only-if-cached' } })
    expect(got).toMatchObject({ status: 504, body: '' })
    expect(statusOf(got)).toBe('detail=only-if-cached')
    expect(subject.asked).toHaveLength(asked)
  })

  const directives: [string, boolean][] = [
    ['no-cache', false],
    ['max-age=5', false],
    ['max-age=30', true],
    ['min-fresh=55', false],
    ['min-fresh=10', true],
  ]
  test.each(directives)('%s, 10 s after a fresh answer', async (directive, hits) => {
    const subject = await startSubject(bridge, {}, counting(fresh))
    await subject.request('/')
    subject.clock.pass(10)
    const got = await subject.request('/', { headers: { 'cache-control': directive } })
    expect(got.body).toBe(hits ? 'answer 1' : 'answer 2')
  })

  test('max-stale of a stranger gets nothing stale from a shared cache', async () => {
    const subject = await startSubject(bridge, {}, counting(fresh))
    await subject.request('/')
    subject.clock.pass(61)
    expect((await subject.request('/', { headers: { 'cache-control': 'max-stale=999999' } })).body).toBe('answer 2')
  })
})
