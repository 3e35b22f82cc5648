import { describe, expect, test } from 'vitest'
import { type Asking, type Handler, isHit, type Question, startSubject, statusOf } from './subject.ts'
import { servers } from './subjects/index.ts'

const fresh = { 'Cache-Control': 'max-age=60' }

/** Answers with what it reads. */
const reading =
  (read: (headers: Question['headers']) => unknown): Handler =>
  ({ headers }) => ({ headers: fresh, body: `read ${String(read(headers))}` })

const with_ = (headers: Record<string, string>): Asking => ({ headers })

describe.each(servers)('$name: what the handler reads', (bridge) => {
  test('by name is an implied Vary, on the value', async () => {
    const subject = await startSubject(
      bridge,
      {},
      reading((headers) => headers['x-shop']),
    )
    await subject.request('/', with_({ 'x-shop': 'a' }))
    expect(await subject.request('/', with_({ 'x-shop': 'b' }))).toMatchObject({ body: 'read b' })
    const hit = await subject.request('/', with_({ 'x-shop': 'a' }))
    expect(hit).toMatchObject({ body: 'read a' })
    expect(isHit(hit)).toBe(true)
    expect(hit.headers).not.toHaveProperty('vary')
  })

  test('by name is an implied Vary, on the absence', async () => {
    const subject = await startSubject(
      bridge,
      {},
      reading((headers) => headers['x-shop']),
    )
    await subject.request('/')
    expect(await subject.request('/', with_({ 'x-shop': 'evil' }))).toMatchObject({ body: 'read evil' })
    const hit = await subject.request('/')
    expect(hit).toMatchObject({ body: 'read undefined' })
    expect(isHit(hit)).toBe(true)
  })

  test.each([
    ['in', (headers: Question['headers']) => 'x-shop' in headers],
    ['Object.hasOwn', (headers: Question['headers']) => Object.hasOwn(headers, 'x-shop')],
    ['destructuring', ({ 'x-shop': shop }: Question['headers']) => shop],
  ])('by %s counts as well', async (_way, read) => {
    const subject = await startSubject(bridge, {}, reading(read))
    const cold = await subject.request('/')
    await subject.request('/', with_({ 'x-shop': 'evil' }))
    const hit = await subject.request('/')
    expect(hit.body).toBe(cold.body)
    expect(isHit(hit)).toBe(true)
    expect(subject.asked).toHaveLength(2)
  })

  test('for a HEAD does not get into what is stored for everybody', async () => {
    const handler: Handler = ({ method, headers }) =>
      method === 'HEAD'
        ? { headers: { ...fresh, ETag: '"a"', 'X-User': String(headers.cookie) } }
        : { headers: { ...fresh, ETag: '"a"' }, body: 'for everybody' }
    const subject = await startSubject(bridge, {}, handler)
    await subject.request('/')
    await subject.request('/', { method: 'HEAD', headers: { cookie: 'user=ann', 'cache-control': 'no-cache' } })
    const hit = await subject.request('/')
    expect(isHit(hit)).toBe(true)
    expect(hit.headers).not.toHaveProperty('x-user')
  })

  test('and what it does not read selects nothing', async () => {
    const subject = await startSubject(
      bridge,
      {},
      reading(() => 'nothing'),
    )
    await subject.request('/', with_({ 'x-shop': 'a', 'user-agent': 'a', 'accept-language': 'en', cookie: 'a=b' }))
    expect(isHit(await subject.request('/', with_({ 'x-shop': 'b', cookie: 'c=d' })))).toBe(true)
  })

  test.each(['cookie', 'authorization'])('%s, where there is one: unshared', async (field) => {
    const handler: Handler = ({ headers }) => ({
      headers: { 'Cache-Control': 'public, max-age=60' },
      body: `for ${headers[field]}`,
    })
    const subject = await startSubject(bridge, {}, handler)
    const got = await subject.request('/', with_({ [field]: 'ann' }))
    expect(statusOf(got)).toContain('detail=credentials-read')
    expect(await subject.request('/', with_({ [field]: 'bob' }))).toMatchObject({ body: 'for bob' })
    expect(await subject.request('/')).toMatchObject({ body: 'for undefined' })
  })

  test.each(['cookie', 'authorization'])('%s, where there is none: shared by those without', async (field) => {
    const handler: Handler = ({ headers }) => ({
      headers: { 'Cache-Control': 'public, max-age=60' },
      body: `for ${headers[field]}`,
    })
    const subject = await startSubject(bridge, {}, handler)
    await subject.request('/')
    expect(isHit(await subject.request('/'))).toBe(true)
    expect(await subject.request('/', with_({ [field]: 'bob' }))).toMatchObject({ body: 'for bob' })
    expect(await subject.request('/')).toMatchObject({ body: 'for undefined' })
  })

  test.each(['if-none-match', 'range', 'cache-control', 'traceparent', 'host', 'content-length', 'x-forwarded-for'])(
    '%s selects nothing',
    async (field) => {
      const subject = await startSubject(bridge, {}, ({ headers }) => {
        void headers[field]
        return { headers: fresh, body: 'the same' }
      })
      await subject.request('/')
      expect(isHit(await subject.request('/'))).toBe(true)
      const [inspection] = await subject.responses.inspect({ url: 'http://example.test/' })
      expect(inspection).toMatchObject({ stored: true, vary: [] })
    },
  )

  test('an answer that echoes a tracing id belongs to its request', async () => {
    const subject = await startSubject(bridge, {}, ({ headers }) => ({
      headers: { ...fresh, 'X-Request-Id': String(headers['x-request-id']) },
      body: 'x',
    }))
    await subject.request('/', with_({ 'x-request-id': 'abcdefgh-1' }))
    const got = await subject.request('/', with_({ 'x-request-id': 'abcdefgh-2' }))
    expect(got.headers['x-request-id']).toBe('abcdefgh-2')
  })

  test('and so does one that has it in its content', async () => {
    const subject = await startSubject(
      bridge,
      {},
      reading((headers) => headers['x-request-id']),
    )
    await subject.request('/', with_({ 'x-request-id': '<b>abcdefgh' }))
    expect(await subject.request('/')).toMatchObject({ body: 'read undefined' })
  })

  test('all fields at once, to log them: shared and marked, and refused by strict', async () => {
    const handler = reading((headers) => Object.keys({ ...headers }).length > 0)
    const subject = await startSubject(bridge, {}, handler)
    await subject.request('/')
    expect(isHit(await subject.request('/', with_({ 'user-agent': 'other' })))).toBe(true)
    const [inspection] = await subject.responses.inspect({ url: 'http://example.test/' })
    expect(inspection).toMatchObject({ headersCopied: true })
    const strict = await startSubject(bridge, { cache: { guard: { mode: 'strict' } } }, handler)
    expect(statusOf(await strict.request('/'))).toContain('detail=headers-copied')
  })

  test('ignored names select nothing', async () => {
    const options = { cache: { guard: { ignore: ['X-Shop'] } } }
    const subject = await startSubject(
      bridge,
      options,
      reading((headers) => headers['x-shop'] === undefined),
    )
    await subject.request('/')
    expect(isHit(await subject.request('/', with_({ 'x-shop': 'a' })))).toBe(true)
  })

  test('nothing is watched with mode off', async () => {
    const subject = await startSubject(
      bridge,
      { cache: { guard: { mode: 'off' } } },
      reading((headers) => headers['x-shop']),
    )
    await subject.request('/')
    expect(isHit(await subject.request('/', with_({ 'x-shop': 'a' })))).toBe(true)
  })
})
