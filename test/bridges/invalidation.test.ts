import { describe, expect, test } from 'vitest'
import { type Answer, type Handler, startSubject } from './subject.ts'
import { bridges } from './subjects/index.ts'

/** GET answers count up, everything else answers as told. */
function resource(change: Answer, headers: Answer['headers'] = {}): Handler {
  let calls = 0
  return ({ method }) =>
    method === 'GET'
      ? { headers: { 'Cache-Control': 'max-age=60', ...headers }, body: `answer ${++calls}` }
      : { body: 'changed', ...change }
}

describe.each(bridges)('$name: invalidation (RFC 9111 section 4.4)', (bridge) => {
  test.each(['POST', 'PUT', 'DELETE', 'PATCH'])('%s ends what is stored for its target', async (method) => {
    const subject = await startSubject(bridge, {}, resource({}))
    await subject.request('/thing')
    await subject.request('/thing', { method })
    expect((await subject.request('/thing')).body).toBe('answer 2')
  })

  test.each(['OPTIONS', 'HEAD'])('%s ends nothing', async (method) => {
    const subject = await startSubject(bridge, {}, resource({ headers: { 'Cache-Control': 'max-age=60' } }))
    await subject.request('/thing')
    await subject.request('/thing', { method })
    expect((await subject.request('/thing')).body).toBe('answer 1')
  })

  test.each([400, 404, 500])('a POST that is answered %i ends nothing', async (status) => {
    const subject = await startSubject(bridge, {}, resource({ status }))
    await subject.request('/thing')
    await subject.request('/thing', { method: 'POST' })
    expect((await subject.request('/thing')).body).toBe('answer 1')
  })

  test.each([200, 201, 204, 303])('a POST that is answered %i ends it', async (status) => {
    const subject = await startSubject(bridge, {}, resource({ status }))
    await subject.request('/thing')
    await subject.request('/thing', { method: 'POST' })
    expect((await subject.request('/thing')).body).toBe('answer 2')
  })

  test.each(['Location', 'Content-Location'])('%s on the same origin is ended too', async (field) => {
    const subject = await startSubject(bridge, {}, resource({ status: 201, headers: { [field]: '/things/1' } }))
    await subject.request('/things/1')
    await subject.request('/things/2')
    await subject.request('/things', { method: 'POST' })
    expect((await subject.request('/things/1')).body).toBe('answer 3')
    expect((await subject.request('/things/2')).body).toBe('answer 2')
  })

  test('Location on another origin is not', async () => {
    const subject = await startSubject(
      bridge,
      {},
      resource({ status: 201, headers: { Location: 'http://other.test/thing' } }),
    )
    await subject.request('/thing')
    await subject.request('/', { method: 'POST' })
    expect((await subject.request('/thing')).body).toBe('answer 1')
  })

  test('a group named by Cache-Group-Invalidation is ended (RFC 9875 section 3)', async () => {
    const change = { headers: { 'Cache-Group-Invalidation': '"things"' } }
    const subject = await startSubject(bridge, {}, resource(change, { 'Cache-Groups': '"things"' }))
    await subject.request('/a')
    await subject.request('/b')
    await subject.request('/elsewhere', { method: 'POST' })
    expect((await subject.request('/a')).body).toBe('answer 3')
    expect((await subject.request('/b')).body).toBe('answer 4')
  })
})

describe.each(bridges)('$name: purge', (bridge) => {
  const filled = async (headers: Answer['headers'] = {}) => {
    const subject = await startSubject(bridge, {}, resource({}, headers))
    await subject.request('/a')
    await subject.request('/a/b?c')
    await subject.request('/d')
    return subject
  }
  const bodies = async ({ request }: { request: (path: string) => Promise<{ body: string }> }): Promise<string[]> => [
    (await request('/a')).body,
    (await request('/a/b?c')).body,
    (await request('/d')).body,
  ]

  test('by path ends that path alone', async () => {
    const subject = await filled()
    await subject.responses.purge({ url: '/a' })
    expect(await bodies(subject)).toEqual(['answer 4', 'answer 2', 'answer 3'])
  })

  test('by path has its query', async () => {
    const subject = await filled()
    await subject.responses.purge({ url: '/a/b?c' })
    expect(await bodies(subject)).toEqual(['answer 1', 'answer 4', 'answer 3'])
  })

  test('by prefix ends all below', async () => {
    const subject = await filled()
    await subject.responses.purge({ prefix: '/a' })
    expect(await bodies(subject)).toEqual(['answer 4', 'answer 5', 'answer 3'])
  })

  test.each([
    ['Cache-Groups', '"things", "others"'],
    ['Surrogate-Key', 'others things'],
    ['Cache-Tag', 'things,others'],
  ])('by group as named in %s', async (field, value) => {
    const subject = await filled({ [field]: value })
    await subject.responses.purge({ group: 'nothing' })
    expect(await bodies(subject)).toEqual(['answer 1', 'answer 2', 'answer 3'])
    await subject.responses.purge({ group: 'things' })
    expect(await bodies(subject)).toEqual(['answer 4', 'answer 5', 'answer 6'])
  })

  test('of all', async () => {
    const subject = await filled()
    await subject.responses.purge({ all: true })
    expect(await bodies(subject)).toEqual(['answer 4', 'answer 5', 'answer 6'])
  })

  test('softly leaves it to be validated', async () => {
    const subject = await startSubject(bridge, {}, ({ headers }) =>
      headers['if-none-match'] === '"a"'
        ? { status: 304, headers: { 'Cache-Control': 'max-age=60', ETag: '"a"' } }
        : { headers: { 'Cache-Control': 'max-age=60', ETag: '"a"' }, body: 'the body' },
    )
    await subject.request('/')
    await subject.responses.purge({ url: '/', soft: true })
    expect(await subject.request('/')).toMatchObject({ status: 200, body: 'the body' })
    expect(subject.asked[1]?.headers['if-none-match']).toBe('"a"')
  })
})
