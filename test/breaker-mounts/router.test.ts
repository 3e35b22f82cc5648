import { channel } from 'node:diagnostics_channel'
import { get, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { BreakerRegistry, memoryStore } from 'breakwater'
import { breakerRouter as onExpress } from 'breakwater/express'
import { breakerRouter as onKoa } from 'breakwater/koa'
import { describe, expect, test } from 'vitest'
import { frameworks, type Subject, startSubject } from './subjects.ts'

const layers = ['router', 'breaker'] as const
const authorize = () => true
const api = '/breakers/https%3A%2F%2Fapi.test'
const key = 'https://api.test'

describe.each(frameworks)('$name: breakerRouter()', (framework) => {
  const started = async (router: object = { authorize }): Promise<Subject> => {
    const subject = await startSubject(framework, { layers, router }, () => ({ status: 500, body: 'bad' }))
    subject.registry.of(key)
    return subject
  }

  test.each([
    ['without authorize', {}],
    ['where authorize says no', { authorize: () => false }],
    ['where authorize says something else than true', { authorize: () => 'yes' }],
    ['where authorize resolves to no', { authorize: async () => false }],
  ])('%s everything is answered 403', async (_how, router) => {
    const { request, registry } = await started(router)
    for (const path of ['/breakers', '/breakers/events', api, `${api}/isolate`, '/breakers/none']) {
      for (const method of ['GET', 'POST', 'DELETE']) {
        const got = await request(path, { method })
        expect([path, method, got.status, got.headers['cache-control']]).toEqual([path, method, 403, 'no-store'])
        expect(got.body).not.toContain('api.test')
      }
    }
    expect(registry.of(key).override).toBeUndefined()
  })

  test('authorize gets the request, and what it throws is an error as any other', async () => {
    const asked: unknown[] = []
    const { request } = await started({
      authorize: (given: { url: string }) => {
        asked.push(given.url)
        if (asked.length > 1) throw Object.assign(new Error('no'), { status: 401, expose: true })
        return true
      },
    })
    expect((await request('/breakers')).status).toBe(200)
    expect((await request('/breakers')).status).toBe(401)
    expect(asked[0]).toBeTypeOf('string')
  })

  test('GET / lists the breakers as they say they are', async () => {
    const { request, registry } = await started()
    await request('/orders')
    for (const path of ['/breakers', '/breakers/', '/breakers?x=1']) {
      const { status, headers, body } = await request(path)
      expect([status, headers['content-type'], headers['cache-control']]).toEqual([200, 'application/json', 'no-store'])
      const expected = JSON.parse(JSON.stringify(registry.list().map((breaker) => breaker.status())))
      expect(JSON.parse(body)).toEqual({ breakers: expected })
      expect(expected).toMatchObject([
        { name: key, state: 'closed' },
        { name: 'orders', state: 'open' },
      ])
    }
  })

  test('GET /:key shows one, its key percent-encoded', async () => {
    const { request, registry } = await started()
    const { status, body } = await request(api)
    expect(status).toBe(200)
    expect(JSON.parse(body)).toEqual(JSON.parse(JSON.stringify(registry.of(key).status())))
    expect(await request(api, { method: 'HEAD' })).toMatchObject({ status: 200, body: '' })
  })

  test('a breaker called events is asked for by another encoding', async () => {
    const { request, registry } = await started()
    registry.of('events')
    expect(JSON.parse((await request('/breakers/%65vents')).body).name).toBe('events')
    expect((await request('/breakers/events/isolate', { method: 'POST' })).status).toBe(200)
    expect(registry.of('events').override).toBe('isolated')
  })

  test.each([
    ['isolate', 'isolated'],
    ['force', 'forced-closed'],
    ['observe', 'observe-only'],
    ['release', undefined],
    ['reset', undefined],
  ])('POST /:key/%s answers how it stands then', async (command, override) => {
    const { request, registry } = await started()
    const breaker = registry.of(key)
    if (override === undefined) breaker.isolate()
    const { status, headers, body } = await request(`${api}/${command}`, { method: 'POST' })
    expect([status, headers['cache-control'], breaker.override]).toEqual([200, 'no-store', override])
    expect(JSON.parse(body)).toEqual(JSON.parse(JSON.stringify(breaker.status())))
  })

  test('a command works at once', async () => {
    const { request, calls } = await started()
    await request('/breakers/orders', { method: 'GET' })
    await request('/x')
    expect((await request('/x')).status).toBe(503)
    await request('/breakers/orders/force', { method: 'POST' })
    expect((await request('/x')).status).toBe(500)
    expect(calls()).toBe(2)
  })

  test.each([
    ['/breakers', 'POST', 'GET, HEAD'],
    [api, 'DELETE', 'GET, HEAD'],
    ['/breakers/events', 'POST', 'GET, HEAD'],
    [`${api}/isolate`, 'GET', 'POST'],
    [`${api}/isolate`, 'PUT', 'POST'],
  ])('%s by %s is answered 405 with Allow', async (path, method, allow) => {
    const { request, registry } = await started()
    const { status, headers } = await request(path, { method })
    expect([status, headers.allow, headers['content-type']]).toEqual([405, allow, 'application/problem+json'])
    expect(registry.of(key).override).toBeUndefined()
  })

  test('an unknown key is answered 404, one that cannot be decoded 400, and none is made', async () => {
    const { request, registry } = await started()
    const unknown = await request('/breakers/none')
    expect(unknown).toMatchObject({ status: 404, headers: { 'content-type': 'application/problem+json' } })
    expect(JSON.parse(unknown.body)).toMatchObject({ type: 'about:blank', status: 404, title: 'Not Found' })
    expect((await request('/breakers/none/isolate', { method: 'POST' })).status).toBe(404)
    expect((await request('/breakers/%E0%A4%A')).status).toBe(400)
    expect(registry.size).toBe(1)
  })

  test.each(['/breakersx', '/other', `${api}/unknown`, `${api}/isolate/more`])('%s is not its own', async (path) => {
    const { request, calls } = await started()
    expect((await request(path)).status).toBe(500)
    expect(calls()).toBe(1)
  })

  test.each<[string, Record<string, string>, number]>([
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }, 415],
    ['an upload', { 'content-type': 'multipart/form-data; boundary=x' }, 415],
    ['plain text', { 'content-type': 'text/plain' }, 415],
    ['JSON', { 'content-type': 'application/json; charset=utf-8' }, 200],
    ['a page of another site', { 'sec-fetch-site': 'cross-site', origin: 'http://evil.test' }, 403],
    ['a page of a neighbouring site', { 'sec-fetch-site': 'same-site', origin: 'http://other.example.test' }, 403],
    ['a page of the same site', { 'sec-fetch-site': 'same-origin', origin: 'http://example.test' }, 200],
    ['a page of another site that hides where it is', { 'sec-fetch-site': 'cross-site' }, 403],
    [
      'a page of the same site, whose host a proxy has changed',
      { 'sec-fetch-site': 'same-origin', origin: 'http://a' },
      200,
    ],
    ['an old browser, from another site', { origin: 'http://evil.test' }, 403],
    ['an old browser, from a sandbox', { origin: 'null' }, 403],
    ['an old browser, from the same site', { origin: 'http://example.test' }, 200],
    ['no browser', {}, 200],
  ])('a command from %s', async (_from, headers, status) => {
    const { request, registry } = await started()
    expect((await request(`${api}/isolate`, { method: 'POST', headers })).status).toBe(status)
    expect(registry.of(key).override).toBe(status === 200 ? 'isolated' : undefined)
  })
})

describe.each(frameworks)('$name: the event stream', (framework) => {
  const started = (router: object = {}) =>
    startSubject(framework, { layers, router: { authorize, ...router } }, () => ({ status: 500, body: 'bad' }))

  test('tells transitions at once and refusals once a second, by name, for this registry only', async () => {
    const { port, request, breaker } = await started()
    const stream = await streamFrom(port)
    expect([stream.response.statusCode, stream.response.headers['content-type']]).toEqual([200, 'text/event-stream'])
    expect(stream.response.headers['cache-control']).toContain('no-store')
    await expect.poll(stream.text).toBe('retry: 2000\n\n')
    new BreakerRegistry().of('stranger').isolate()
    await request()
    await expect.poll(() => stream.events()).toHaveLength(1)
    for (let i = 0; i < 20; i++) await request()
    expect(stream.events()[0]).toMatchObject({
      name: 'transition',
      data: { breaker: 'orders', from: 'closed', to: 'open', reason: 'consecutive-failures', counts: { failed: 1 } },
    })
    await expect.poll(() => stream.refused(), { timeout: 20_000 }).toBe(20)
    expect(stream.events().length).toBeLessThan(6)
    expect(stream.events()[1]).toMatchObject({
      name: 'rejected',
      data: { breaker: 'orders', state: 'open', reasons: { open: expect.any(Number) } },
    })
    await request()
    breaker.isolate()
    await expect.poll(() => stream.events().at(-1)).toMatchObject({ data: { reason: 'isolated' } })
    expect(stream.events().at(-2)).toMatchObject({ name: 'rejected', data: { count: 1 } })
    stream.response.destroy()
  })

  test('says that it is alive', async () => {
    const { port } = await started({ heartbeat: 20 })
    const stream = await streamFrom(port)
    await expect.poll(() => stream.text().split('\n:\n').length).toBeGreaterThan(3)
    stream.response.destroy()
  })

  test('tells of a store that goes down, and of functions that throw, summed up each second', async () => {
    const store = memoryStore()
    const registry = new BreakerRegistry({ store, namespace: 'shop' })
    const stranger = new BreakerRegistry({ store, namespace: 'other' })
    const subject = await startSubject(
      framework,
      {
        layers,
        router: { authorize, registry },
        breaker: {
          key: () => {
            throw new Error('no such tenant')
          },
        },
      },
      () => ({ body: 'good' }),
    )
    const stream = await streamFrom(subject.port)
    await expect.poll(stream.text).toBe('retry: 2000\n\n')
    const mode = { store: 'memory', from: 'atomic', to: 'local', failures: 3, reason: 'down' } as const
    channel('breakwater:breaker:mode').publish({ ...mode, namespace: 'other' })
    channel('breakwater:breaker:mode').publish({ ...mode, namespace: 'shop' })
    for (let i = 0; i < 3; i++) await subject.request()
    const faults = () => stream.events().filter(({ name }) => name === 'fault')
    await expect
      .poll(() => faults().reduce((sum, { data }) => sum + Number(data.count), 0), { timeout: 20_000 })
      .toBe(3)
    expect(stream.events()[0]).toEqual({ name: 'mode', data: { ...mode, namespace: 'shop' } })
    expect(stream.events().filter(({ name }) => name === 'mode')).toHaveLength(1)
    expect(faults()[0]?.data).toMatchObject({ breaker: 'orders', option: 'key', error: 'no such tenant' })
    stream.response.destroy()
    await Promise.all([registry.close(), stranger.close()])
  })

  test('a HEAD gets its fields and ends', async () => {
    const { request } = await started()
    const got = await request('/breakers/events', { method: 'HEAD' })
    expect(got).toMatchObject({ status: 200, body: '', headers: { 'content-type': 'text/event-stream' } })
  })

  test('ends with its client, and nobody listens any more', async () => {
    const { port, registry } = await started()
    const listening = () =>
      ['transition', 'rejected', 'mode', 'fault'].map((name) => channel(`breakwater:breaker:${name}`).hasSubscribers)
    for (let round = 0; round < 5; round++) {
      const streams = await Promise.all(Array.from({ length: 20 }, () => streamFrom(port)))
      await expect.poll(() => streams.every(({ text }) => text() !== '')).toBe(true)
      expect(listening()).toEqual(Array(4).fill(true))
      for (const { response } of streams) response.destroy()
      registry.of('orders').isolate()
      registry.of('orders').reset()
      await expect.poll(listening).toEqual(Array(4).fill(false))
    }
  })

  test('a client that does not read has little waiting, and is told what it missed', { timeout: 30_000 }, async () => {
    const { port, breaker } = await started()
    const before = process.memoryUsage.rss()
    const socket = connect(port, '127.0.0.1', () => socket.write('GET /breakers/events HTTP/1.1\r\nHost: a\r\n\r\n'))
    let text = ''
    await new Promise((resolve) => socket.once('data', resolve))
    socket.pause()
    const rounds = 30_000
    for (let i = 0; i < rounds; i++) {
      breaker.isolate()
      breaker.reset()
      if (i % 1_000 === 0) await sleep(1)
    }
    expect(process.memoryUsage.rss() - before).toBeLessThan(100_000_000)
    socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
    socket.resume()
    await sleep(300)
    breaker.isolate()
    const count = () => {
      const missed = [...text.matchAll(/event: missed\ndata: {"count":(\d+)}/g)].map((found) => Number(found[1]))
      return { missed: missed.reduce((sum, one) => sum + one, 0), told: text.split('event: transition').length - 1 }
    }
    await expect.poll(() => count().missed + count().told).toBe(2 * rounds + 1)
    expect(count().missed).toBeGreaterThan(rounds)
    socket.destroy()
  })
})

interface Stream {
  readonly response: IncomingMessage
  readonly text: () => string
  events(): { readonly name: string; readonly data: Record<string, unknown> }[]
  refused(): number
}

/** The stream as it is read by an EventSource. */
async function streamFrom(port: number): Promise<Stream> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get({ host: '127.0.0.1', port, path: '/breakers/events', agent: false }, resolve).once('error', reject)
  })
  let received = ''
  response.on('error', () => {})
  response.setEncoding('utf8').on('data', (chunk: string) => (received += chunk))
  const events = () =>
    received
      .split('\n\n')
      .slice(0, -1)
      .flatMap((block) => {
        const [, name, data] = /^event: (.*)\ndata: (.*)$/.exec(block) ?? []
        return name === undefined ? [] : [{ name, data: JSON.parse(data as string) }]
      })
  const refused = () =>
    events()
      .filter(({ name }) => name === 'rejected')
      .reduce((sum, { data }) => sum + data.count, 0)
  return { response, text: () => received, events, refused }
}

describe('options of breakerRouter', () => {
  const registry = new BreakerRegistry()
  const mounts = [onExpress, onKoa] as unknown as readonly ((options: never) => unknown)[]
  test.each<[unknown, string]>([
    [undefined, 'registry must be a BreakerRegistry, not undefined'],
    [{ registry: [] }, 'registry must be a BreakerRegistry, not []'],
    [{ registry, authorise: () => true }, "no option 'authorise'"],
    [{ registry, authorize: true }, 'authorize must be a function, not true'],
    [{ registry, prefix: 'breakers' }, "prefix must be a path such as '/breakers', or '', not 'breakers'"],
    [{ registry, prefix: '/breakers/' }, 'prefix must be a path'],
    [{ registry, heartbeat: 0 }, 'heartbeat must be milliseconds above 0'],
  ])('%j is refused', (options, message) => {
    for (const mount of mounts) expect(() => mount(options as never)).toThrow(message)
  })

  test('in Koa prefix has to be given', () => {
    expect(() => onKoa({ registry })).toThrow("prefix must be given in Koa, such as '/breakers'")
    expect(onKoa({ registry, prefix: '' })).toBeTypeOf('function')
  })
})
