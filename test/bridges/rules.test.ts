import { describe, expect, test } from 'vitest'
import { counting, type Handler, isHit, startSubject, statusOf } from './subject.ts'
import { frameworks, servers } from './subjects/index.ts'

describe.each(servers)('$name: rules of a mount', (bridge) => {
  test('ttl is the freshness of answers that state none, and adds no field', async () => {
    const subject = await startSubject(bridge, { cache: { ttl: 5_000 } }, counting())
    await subject.request('/')
    const hit = await subject.request('/')
    expect(statusOf(hit)).toBe('hit; ttl=5')
    expect(hit.headers).not.toHaveProperty('cache-control')
    subject.clock.pass(6)
    expect((await subject.request('/')).body).toBe('answer 2')
  })

  test('what the answer states wins over ttl', async () => {
    const subject = await startSubject(bridge, { cache: { ttl: 5_000 } }, counting({ 'Cache-Control': 'max-age=60' }))
    await subject.request('/')
    subject.clock.pass(6)
    expect((await subject.request('/')).body).toBe('answer 1')
  })

  test('force lets ttl win', async () => {
    const options = { cache: { ttl: 5_000, force: true } }
    const subject = await startSubject(bridge, options, counting({ 'Cache-Control': 'max-age=60' }))
    await subject.request('/')
    subject.clock.pass(6)
    expect((await subject.request('/')).body).toBe('answer 2')
  })

  test.each([
    { 'Cache-Control': 'no-store' },
    { 'Cache-Control': 'private' },
    { 'Set-Cookie': 'a=b' },
    { 'Cache-Control': 'no-cache' },
  ])('force never over %o', async (headers) => {
    const subject = await startSubject(bridge, { cache: { ttl: 5_000, force: true } }, counting(headers))
    await subject.request('/')
    expect((await subject.request('/')).body).toBe('answer 2')
  })

  test('groups name the answers, and may look at the request', async () => {
    const groups = ({ url }: { url: string }): string[] => [`of ${url}`, 'all']
    const subject = await startSubject(bridge, { cache: { ttl: 5_000, groups } as never }, counting())
    await subject.request('/a')
    await subject.request('/b')
    await subject.responses.purge({ group: 'of /a' })
    expect(isHit(await subject.request('/b'))).toBe(true)
    expect(isHit(await subject.request('/a'))).toBe(false)
    await subject.responses.purge({ group: 'all' })
    expect(isHit(await subject.request('/b'))).toBe(false)
  })

  test('shouldCache has the last word', async () => {
    const shouldCache = (_request: unknown, { status }: { status: number }): boolean => status !== 404
    const subject = await startSubject(bridge, { cache: { ttl: 5_000, shouldCache } }, counting({}, { status: 404 }))
    expect(statusOf(await subject.request('/'))).toBe('fwd=uri-miss; detail=should-cache')
    expect((await subject.request('/')).body).toBe('answer 2')
  })

  test('an inner mount adds its rule to the outer one, and looks nothing up', async () => {
    const options = { cache: { ttl: 5_000, groups: ['outer'] }, inner: { ttl: 60_000, groups: ['inner'] } }
    const subject = await startSubject(bridge, options, counting())
    expect((await subject.request('/')).headers['cache-status']).toBe('Breakwater; fwd=uri-miss; stored')
    subject.clock.pass(30)
    const hit = await subject.request('/')
    expect(hit.headers['cache-status']).toBe('Breakwater; hit; ttl=30')
    await subject.responses.purge({ group: 'inner' })
    expect(isHit(await subject.request('/'))).toBe(false)
    await subject.responses.purge({ group: 'outer' })
    expect(isHit(await subject.request('/'))).toBe(false)
  })

  test.each([{ key: () => 'x' }, { vary: ['x-tongue'] }])('an inner mount with %o is refused', async (inner) => {
    const subject = await startSubject(bridge, { inner }, counting({ 'Cache-Control': 'max-age=60' }))
    expect(await subject.request('/')).toMatchObject({ status: 500 })
    expect(subject.asked).toHaveLength(0)
  })

  test('a name other than ours in Cache-Status, or no such field', async () => {
    const named = await startSubject(bridge, { cache: { ttl: 5_000, cacheStatus: 'edge' } }, counting())
    expect((await named.request('/')).headers['cache-status']).toBe('edge; fwd=uri-miss; stored')
    expect((await named.request('/')).headers['cache-status']).toBe('edge; hit; ttl=5')
    const silent = await startSubject(bridge, { cache: { ttl: 5_000, cacheStatus: false } }, counting())
    expect((await silent.request('/')).headers).not.toHaveProperty('cache-status')
    expect((await silent.request('/')).headers).not.toHaveProperty('cache-status')
    expect(silent.asked).toHaveLength(1)
  })

  test('a Cache-Status of the handler’s own is added to (RFC 9211 section 2)', async () => {
    const subject = await startSubject(bridge, { cache: { ttl: 5_000 } }, counting({ 'Cache-Status': 'origin; hit' }))
    expect((await subject.request('/')).headers['cache-status']).toBe('origin; hit, Breakwater; fwd=uri-miss; stored')
  })
})

describe.each(frameworks)('$name: setCachePolicy', (bridge) => {
  test('says for one answer how it is cached, over the mount', async () => {
    const subject = await startSubject(bridge, { cache: { ttl: 5_000 } }, counting({}, { rule: { ttl: 60_000 } }))
    await subject.request('/')
    expect(statusOf(await subject.request('/'))).toBe('hit; ttl=60')
  })

  test('its groups add up with those of the mount', async () => {
    const options = { cache: { ttl: 5_000, groups: ['mount'] } }
    for (const group of ['mount', 'answer']) {
      const subject = await startSubject(bridge, options, counting({}, { rule: { groups: ['answer'] } }))
      await subject.request('/')
      await subject.responses.purge({ group })
      expect((await subject.request('/')).body).toBe('answer 2')
    }
  })

  test('a rule that it cannot use is an error of the handler', async () => {
    const subject = await startSubject(bridge, {}, counting({}, { rule: { ttl: -1 } }))
    expect(await subject.request('/')).toMatchObject({ status: 500 })
  })
})

describe.each(frameworks)('$name: purgeHandler', (bridge) => {
  const fresh = { 'Cache-Control': 'max-age=60' }
  const purging = { method: 'PURGE' }

  test('is closed without authorize', async () => {
    const subject = await startSubject(bridge, { purge: {} }, counting(fresh))
    await subject.request('/')
    expect(await subject.request('/', purging)).toMatchObject({ status: 403 })
    expect((await subject.request('/')).body).toBe('answer 1')
  })

  test('is closed to those it does not authorize', async () => {
    const subject = await startSubject(bridge, { purge: { authorize: () => false } }, counting(fresh))
    await subject.request('/')
    expect(await subject.request('/', purging)).toMatchObject({ status: 403 })
    expect((await subject.request('/')).body).toBe('answer 1')
  })

  test('ends the URL it is asked for, on the host it is asked on', async () => {
    const subject = await startSubject(bridge, { purge: { authorize: () => true } }, counting(fresh))
    const on = (host: string) => ({ headers: { host } })
    await subject.request('/x', on('a.test'))
    await subject.request('/x', on('b.test'))
    await subject.request('/y', on('a.test'))
    expect(await subject.request('/x', { ...purging, ...on('a.test') })).toMatchObject({ status: 200 })
    expect((await subject.request('/x', on('b.test'))).body).toBe('answer 2')
    expect((await subject.request('/y', on('a.test'))).body).toBe('answer 3')
    expect((await subject.request('/x', on('a.test'))).body).toBe('answer 4')
  })

  test('lets other methods pass', async () => {
    const subject = await startSubject(bridge, { purge: { authorize: () => true } }, counting(fresh))
    expect(await subject.request('/', { method: 'POST' })).toMatchObject({ status: 200, body: 'answer 1' })
  })
})

describe.each(frameworks)('$name: behind a proxy', (bridge) => {
  const fresh = { 'Cache-Control': 'max-age=60' }
  const from = (field: string, value: string) => ({ headers: { [field]: value } })

  test.each([
    ['X-Forwarded-Host', 'evil.test', 'good.test'],
    ['X-Forwarded-Proto', 'https', 'http'],
  ])('%s is in the key under trust', async (field, one, other) => {
    const subject = await startSubject(bridge, { trustProxy: true }, counting(fresh))
    await subject.request('/', from(field, one))
    expect((await subject.request('/', from(field, other))).body).toBe('answer 2')
    expect((await subject.request('/', from(field, one))).body).toBe('answer 1')
  })

  test.each(['X-Forwarded-Host', 'X-Forwarded-Proto'])('%s is nothing without trust', async (field) => {
    const subject = await startSubject(bridge, {}, counting(fresh))
    await subject.request('/', from(field, 'one'))
    expect((await subject.request('/', from(field, 'other'))).body).toBe('answer 1')
    expect((await subject.request('/')).body).toBe('answer 1')
  })

  test('what is stored for a host is purged by the URL its clients use', async () => {
    const subject = await startSubject(bridge, { trustProxy: true }, counting(fresh))
    const asking = { headers: { 'x-forwarded-host': 'public.test', 'x-forwarded-proto': 'https' } }
    await subject.request('/x', asking)
    await subject.responses.purge({ url: 'https://public.test/x' })
    expect((await subject.request('/x', asking)).body).toBe('answer 2')
  })

  test('what is selected by Host as well is not refreshed behind, where it cannot be sent', async () => {
    const headers = { 'Cache-Control': 'max-age=10, stale-while-revalidate=30' }
    const handler: Handler = ({ headers: read }) => ({ headers, body: `by ${read.host}` })
    const subject = await startSubject(bridge, { trustProxy: true }, handler)
    const asking = { headers: { host: 'internal.test', 'x-forwarded-host': 'public.test' } }
    expect((await subject.request('/', asking)).body).toBe('by internal.test')
    subject.clock.pass(15)
    expect(isHit(await subject.request('/', asking))).toBe(false)
    expect((await subject.request('/', asking)).body).toBe('by internal.test')
    expect(subject.responses.stats().refreshes).toBe(0)
  })

  test('a refresh behind is made for the host that was asked', async () => {
    const headers = { 'Cache-Control': 'max-age=10, stale-while-revalidate=30' }
    const subject = await startSubject(bridge, { trustProxy: true }, counting(headers))
    const asking = { headers: { 'x-forwarded-host': 'public.test' } }
    await subject.request('/', asking)
    subject.clock.pass(15)
    await subject.request('/', asking)
    await expect.poll(() => subject.responses.stats().refreshes).toBe(1)
    expect(subject.asked[1]?.headers.host).toBe('public.test')
    expect((await subject.request('/', asking)).body).toBe('answer 2')
  })
})
