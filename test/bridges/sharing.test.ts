import { describe, expect, test } from 'vitest'
import { type Asking, counting, isHit, startSubject, statusOf } from './subject.ts'
import { bridges } from './subjects/index.ts'

/** Who keeps what: `both`, only the `client` by its policy `rfc9111`, or `neither`. */
type Keeper = 'both' | 'client' | 'neither'

const credentials: Asking = { headers: { authorization: 'Basic eDp5' } }
const answers: [clause: string, headers: Record<string, string>, keeper: Keeper, asking?: Asking][] = [
  ['RFC 9111 5.2.2.1: max-age', { 'Cache-Control': 'max-age=60' }, 'both'],
  ['RFC 9111 5.2.2.10: s-maxage', { 'Cache-Control': 's-maxage=60' }, 'both'],
  ['RFC 9111 5.3: Expires', { Expires: 'Fri, 02 Jan 2026 00:00:00 GMT' }, 'both'],
  ['RFC 9111 5.3: Expires in the past', { Expires: 'Thu, 01 Jan 2015 00:00:00 GMT' }, 'neither'],
  ['RFC 9111 5.3: Expires that is no date', { Expires: '0' }, 'neither'],
  ['RFC 9111 4.2.2: no word of freshness', {}, 'neither'],
  ['RFC 9111 4.2.2: heuristics', { 'Last-Modified': 'Thu, 01 Jan 2015 00:00:00 GMT' }, 'client'],
  ['RFC 9111 5.2.2.5: no-store', { 'Cache-Control': 'no-store, max-age=60' }, 'neither'],
  ['RFC 9111 5.2: directives in capitals', { 'Cache-Control': 'NO-STORE, max-age=60' }, 'neither'],
  ['RFC 9111 5.2.2.7: private', { 'Cache-Control': 'private, max-age=60' }, 'neither'],
  ['RFC 9111 5.2.2.7: private with an empty list', { 'Cache-Control': 'private="", max-age=60' }, 'neither'],
  ['RFC 9111 5.2.2.4: no-cache', { 'Cache-Control': 'no-cache, max-age=60' }, 'neither'],
  ['RFC 9111 4.2: max-age=0', { 'Cache-Control': 'max-age=0' }, 'neither'],
  ['RFC 9111 4.1: Vary: *', { 'Cache-Control': 'max-age=60', Vary: '*' }, 'neither'],
  ['RFC 9111 7.3: Set-Cookie', { 'Cache-Control': 'max-age=60', 'Set-Cookie': 'a=b' }, 'client'],
  ['RFC 9111 3.5: Authorization', { 'Cache-Control': 'max-age=60' }, 'neither', credentials],
  ['RFC 9111 3.5: Authorization and public', { 'Cache-Control': 'public, max-age=60' }, 'both', credentials],
  [
    'RFC 9111 5.2.1.5: a request with no-store',
    { 'Cache-Control': 'max-age=60' },
    'neither',
    { headers: { 'cache-control': 'no-store' } },
  ],
  [
    'RFC 9213: CDN-Cache-Control over Cache-Control',
    { 'CDN-Cache-Control': 'max-age=60', 'Cache-Control': 'no-store' },
    'both',
  ],
  [
    'RFC 9213: no-store in CDN-Cache-Control',
    { 'CDN-Cache-Control': 'no-store', 'Cache-Control': 'max-age=60' },
    'neither',
  ],
]

describe.each(bridges)('$name: what everybody may have', (bridge) => {
  test.each(answers)('%s', async (_clause, headers, keeper, asking) => {
    const subject = await startSubject(bridge, {}, counting(headers))
    await subject.request('/', asking)
    const second = await subject.request('/', asking)
    const kept = keeper === 'both' || (keeper === 'client' && bridge.side === 'client')
    expect(second.body).toBe(kept ? 'answer 1' : 'answer 2')
    expect(isHit(second)).toBe(kept)
  })

  const statuses = bridge.side === 'server' ? [400, 401, 403, 405, 429, 500, 502, 503] : []
  test.each([206, 304, 412, 416, ...statuses])('an answer with status %i is not kept', async (status) => {
    const subject = await startSubject(bridge, {}, counting({ 'Cache-Control': 'max-age=60' }, { status }))
    await subject.request('/')
    await subject.request('/')
    expect(subject.asked).toHaveLength(2)
  })

  test('an answer that is not stored says why (RFC 9211 section 2.8)', async () => {
    const subject = await startSubject(bridge, {}, counting({ 'Cache-Control': 'private' }))
    expect(statusOf(await subject.request('/'))).toBe('fwd=uri-miss; detail=private')
  })

  test('a GET with content passes by (RFC 9110 section 9.3.1)', async () => {
    const subject = await startSubject(bridge, {}, counting({ 'Cache-Control': 'max-age=60' }))
    await subject.request('/', { method: 'GET', body: 'fat', headers: { 'content-length': '3' } })
    const plain = await subject.request('/')
    expect(plain.body).toBe('answer 2')
    await subject.request('/', { method: 'GET', body: 'fat', headers: { 'content-length': '3' } })
    expect(subject.asked).toHaveLength(3)
  })
})

describe.each(bridges)('$name: variants (RFC 9111 section 4.1)', (bridge) => {
  const byLanguage = { 'Cache-Control': 'max-age=60', Vary: 'X-Tongue' }
  const tongue = (value?: string): Asking => (value === undefined ? {} : { headers: { 'x-tongue': value } })

  test('each value has its own answer, and so has its absence', async () => {
    const subject = await startSubject(bridge, {}, counting(byLanguage))
    const values = ['en', 'da', undefined, 'en', 'da', undefined]
    const got = []
    for (const value of values) got.push((await subject.request('/', tongue(value))).body)
    expect(got).toEqual(['answer 1', 'answer 2', 'answer 3', 'answer 1', 'answer 2', 'answer 3'])
  })

  test('a request for another variant says so', async () => {
    const subject = await startSubject(bridge, {}, counting(byLanguage))
    await subject.request('/', tongue('en'))
    expect(statusOf(await subject.request('/', tongue('da')))).toBe('fwd=vary-miss; stored')
  })

  test('the mount’s own vary counts where the answer names none', async () => {
    const subject = await startSubject(
      bridge,
      { cache: { vary: ['X-Tongue'] } },
      counting({ 'Cache-Control': 'max-age=60' }),
    )
    await subject.request('/', tongue('en'))
    expect((await subject.request('/', tongue('da'))).body).toBe('answer 2')
    expect((await subject.request('/', tongue('en'))).body).toBe('answer 1')
  })
})

describe.each(bridges)('$name: a person’s part of the cache', (bridge) => {
  test('type private with a partition keeps private answers, each for its own', async () => {
    const partition = (request: { headers: Record<string, string> }): string => String(request.headers['x-who'] ?? '')
    const options = { type: 'private', partition } as never
    const subject = await startSubject(bridge, { cache: options }, counting({ 'Cache-Control': 'private, max-age=60' }))
    const who = (name: string): Asking => ({ headers: { 'x-who': name } })
    await subject.request('/', who('ann'))
    expect((await subject.request('/', who('bob'))).body).toBe('answer 2')
    expect((await subject.request('/', who('ann'))).body).toBe('answer 1')
  })
})
