/** A plain GET stays stored and shared whatever usual middleware stands outside or inside the cache. */
import { memoryStore, ResponseCache } from 'breakwater'
import { cache } from 'breakwater/express'
import { afterEach, describe, expect, test } from 'vitest'
import { frameworkOf, middleware, releases } from './stacks.ts'
import { type Got, isHit } from './subject.ts'
import { ask, type Listening, listen } from './wire.ts'

const running: Listening[] = []

afterEach(async () => {
  await Promise.all(running.splice(0).map(({ close }) => close()))
})

/** Two clients that have nothing in common. */
const ann = {
  'user-agent': 'Mozilla/5.0 (X11)',
  accept: 'text/html,*/*;q=0.8',
  'accept-language': 'en',
  referer: 'http://example.test/from',
  'x-forwarded-for': '203.0.113.1',
  'x-request-id': 'one',
}
const bob = {
  'user-agent': 'curl/8',
  accept: '*/*',
  'accept-language': 'da',
  'x-forwarded-for': '203.0.113.2',
  'x-request-id': 'two',
}

describe.each(releases)('%s', (release) => {
  const framework = frameworkOf(release)

  const start = async (where: 'outside' | 'inside', mount: ReturnType<typeof middleware>[number][1]) => {
    const app = framework()
    if (where === 'outside') mount(app, framework)
    app.use(cache({ cache: new ResponseCache({ store: memoryStore() }), ttl: 60_000 }))
    if (where === 'inside') mount(app, framework)
    let calls = 0
    app.get('/', (_request, response) => void response.type('text').send(`answer ${++calls} `.repeat(200)))
    const listening = await listen(app)
    running.push(listening)
    return (headers: Record<string, string>): Promise<Got> => ask(listening.port, '/', { headers })
  }

  for (const where of ['outside', 'inside'] as const) {
    test.each(middleware(where))(`%s ${where} the cache`, async (_name, mount) => {
      const request = await start(where, mount)
      const first = await request(ann)
      expect(first.status).toBe(200)
      const second = await request(bob)
      expect(second.body).toBe(first.body)
      expect(isHit(second)).toBe(true)
    })
  }

  test('the answers of a stack outside are what they are without a cache, but for our two fields', async () => {
    const [, all] = middleware('outside').at(-1) as ReturnType<typeof middleware>[number]
    const request = await start('outside', all)
    const miss = await request(ann)
    const hit = await request(ann)
    const names = (got: Got): string[] =>
      Object.keys(got.headers)
        .filter((name) => name !== 'age')
        .sort()
    expect(names(hit)).toEqual(names(miss))
    expect(hit.body).toBe(miss.body)
  })

  test('compression outside compresses answers from the cache, for those who take it', async () => {
    const [, mount] = middleware('outside').find(([name]) => name === 'compression') as ReturnType<
      typeof middleware
    >[number]
    const request = await start('outside', mount)
    const plain = await request({})
    const packed = await request({ 'accept-encoding': 'gzip' })
    expect(isHit(packed)).toBe(true)
    expect(packed.headers['content-encoding']).toBe('gzip')
    expect(packed.headers.vary).toContain('Accept-Encoding')
    expect(await request({})).toMatchObject({ body: plain.body })
  })
})

describe.each(releases)('%s: persons', (release) => {
  const framework = frameworkOf(release)

  const start = async (
    outside: (request: Record<string, unknown>) => void,
    read: (request: Record<string, unknown>) => unknown,
  ) => {
    const app = framework()
    app.use((request, _response, next) => {
      outside(request as never)
      next()
    })
    app.use(cache({ cache: new ResponseCache({ store: memoryStore() }), ttl: 60_000 }))
    app.get('/', (request, response) => void response.send(`for ${String(read(request as never))}`))
    const listening = await listen(app)
    running.push(listening)
    return (headers: Record<string, string> = {}): Promise<Got> => ask(listening.port, '/', { headers })
  }

  test.each(['user', 'session', 'auth', 'cookies'])(
    'request.%s that is read makes the answer unshared',
    async (name) => {
      let who = 0
      const request = await start(
        (own) => {
          own[name] = `person ${++who}`
        },
        (own) => own[name],
      )
      expect((await request()).body).toBe('for person 1')
      expect((await request()).body).toBe('for person 2')
    },
  )

  test.each(['user', 'session', 'auth', 'cookies'])('request.%s that is not read does not', async (name) => {
    const request = await start(
      (own) => {
        own[name] = 'a person'
      },
      () => 'everybody',
    )
    await request()
    expect(isHit(await request())).toBe(true)
  })

  test('cookies parsed inside are shared until one is read', async () => {
    const app = framework()
    app.use(cache({ cache: new ResponseCache({ store: memoryStore() }), ttl: 60_000 }))
    const [, parser] = middleware('inside').find(([name]) => name === 'cookie-parser') as [
      string,
      (app: never, f: never) => void,
    ]
    parser(app as never, framework as never)
    app.get('/unread', (_request, response) => void response.send('x'))
    app.get('/read', (request, response) => void response.send(`hello ${request.cookies.who}`))
    const listening = await listen(app)
    running.push(listening)
    const as = (path: string, who: string): Promise<Got> =>
      ask(listening.port, path, { headers: { cookie: `who=${who}` } })
    await as('/unread', 'ann')
    expect(isHit(await as('/unread', 'bob'))).toBe(true)
    await as('/read', 'ann')
    expect((await as('/read', 'bob')).body).toBe('hello bob')
  })

  test('strict refuses an answer whose handler asked for the client’s address', async () => {
    const app = framework()
    app.use(cache({ cache: new ResponseCache({ store: memoryStore() }), ttl: 60_000, guard: { mode: 'strict' } }))
    app.get('/', (request, response) => void response.send(String(request.ip)))
    const listening = await listen(app)
    running.push(listening)
    expect((await ask(listening.port, '/')).headers['cache-status']).toContain('detail=client-address')
  })
})
