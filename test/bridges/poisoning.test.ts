/**
 * Attackers' requests, then a clean one: it must get what it would get from an empty cache, and nothing that belongs
 * to somebody else.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { keyvStore, memoryStore } from 'breakwater'
import Keyv from 'keyv'
import { describe, expect, test } from 'vitest'
import {
  type Asking,
  type Bridge,
  type Got,
  type Handler,
  type Question,
  type Subject,
  type SubjectOptions,
  startSubject,
} from './subject.ts'
import { frameworks, servers } from './subjects/index.ts'
import { askRaw } from './wire.ts'

const EVIL = 'evil-marker'
const fresh = { 'Cache-Control': 'public, max-age=60' }

interface Attack {
  readonly bridge: Bridge
  readonly handler: Handler
  readonly attack: (subject: Subject) => Promise<unknown>
  readonly victim?: readonly [path: string, asking?: Asking]
  readonly options?: SubjectOptions
}

/** What a client can tell answers by. */
function seen({ status, headers, body }: Got) {
  const {
    date: _date,
    age: _age,
    'cache-status': _status,
    'keep-alive': _,
    'content-length': length,
    ...rest
  } = headers
  const { 'transfer-encoding': _encoding, connection: _connection, ...fields } = rest
  return { status, fields, body, length: length ?? String(body.length) }
}

async function expectClean({ bridge, handler, attack, victim = ['/'], options = {} }: Attack): Promise<void> {
  const untouched = await startSubject(bridge, options, handler)
  const cold = await untouched.request(...victim)
  const attacked = await startSubject(bridge, options, handler)
  await attack(attacked)
  for (const time of ['first', 'second']) {
    const got = await attacked.request(...victim)
    expect(seen(got), time).toEqual(seen(cold))
    expect(JSON.stringify(got)).not.toContain(EVIL)
  }
}

/** A page that makes links, redirects and markup of whatever it reads. */
const gullible =
  (read: (question: Question) => unknown): Handler =>
  (question) => {
    const value = String(read(question))
    return { headers: { ...fresh, 'X-Echo': encodeURIComponent(value) }, body: `<a href="${value}">` }
  }

describe.each(servers)('$name', (bridge) => {
  test.each([
    'x-forwarded-host',
    'x-forwarded-proto',
    'x-forwarded-scheme',
    'x-forwarded-port',
    'x-forwarded-prefix',
    'x-original-url',
    'x-rewrite-url',
    'x-host',
    'x-http-method-override',
    'forwarded',
    'origin',
    'referer',
    'user-agent',
    'accept',
    'accept-language',
    'accept-encoding',
    'x-any-other',
  ])('unkeyed field %s', async (field) => {
    await expectClean({
      bridge,
      handler: gullible(({ headers }) => headers[field]),
      attack: ({ request }) => request('/', { headers: { [field]: EVIL } }),
    })
  })

  test('unkeyed field found by enumeration and then read by name', async () => {
    await expectClean({
      bridge,
      handler: gullible(({ headers }) => Object.keys(headers).length > 0 && headers['x-shop']),
      attack: ({ request }) => request('/', { headers: { 'x-shop': EVIL } }),
    })
  })

  test('unkeyed field read after the head was sent for', async () => {
    await expectClean({
      bridge,
      handler: async ({ headers }) => {
        await sleep(5)
        return { headers: fresh, body: `late ${headers['x-shop']}` }
      },
      attack: ({ request }) => request('/', { headers: { 'x-shop': EVIL } }),
    })
  })

  test.each([`${EVIL}.test`, `${EVIL}@example.test`, 'EXAMPLE.test', `example.test:${'8'.repeat(4)}`])(
    'Host %s',
    async (host) => {
      await expectClean({
        bridge,
        handler: gullible(({ headers }) => headers.host),
        attack: ({ request }) => request('/', { headers: { host } }),
      })
    },
  )

  test('an absolute-form target', async () => {
    await expectClean({
      bridge,
      handler: gullible(({ url, headers }) => url + headers.host),
      attack: ({ port = 0 }) =>
        askRaw(port, `GET http://${EVIL}/ HTTP/1.1\r\nHost: example.test\r\nConnection: close\r\n\r\n`),
    })
  })

  test('two Host fields', async () => {
    await expectClean({
      bridge,
      handler: gullible(({ headers }) => headers.host),
      attack: ({ port = 0 }) =>
        askRaw(port, `GET / HTTP/1.1\r\nHost: example.test\r\nHost: ${EVIL}\r\nConnection: close\r\n\r\n`),
    })
  })

  test.each([
    `//${EVIL}/x`,
    `/./x?${EVIL}`,
    `/x/..%2f${EVIL}`,
    `/x%2f${EVIL}`,
    `/x%252f${EVIL}`,
    `/x\\${EVIL}`,
    `/x;${EVIL}`,
    `/x%00${EVIL}`,
    `/x%0a${EVIL}`,
    `/x#${EVIL}`,
    `/x?a=1;b=${EVIL}`,
    `/x?a=1&a=${EVIL}`,
    `/x?a[]=${EVIL}`,
    `/x?a=1&&${EVIL}`,
    `/x?utm_source=${EVIL}`,
  ])('target %s for /x', async (path) => {
    await expectClean({
      bridge,
      handler: gullible(({ url }) => url),
      attack: ({ port = 0 }) => askRaw(port, `GET ${path} HTTP/1.1\r\nHost: example.test\r\nConnection: close\r\n\r\n`),
      victim: ['/x'],
    })
  })

  test.each([
    ['the delimiters of JSON', { 'x-a': `1","x-b":"${EVIL}` }],
    ['a value that runs into the next name', { 'x-a': `1\tx-b:${EVIL}` }],
    ['a value in the other field', { 'x-b': `1,${EVIL}` }],
    ['lists', { 'x-a': `1, ${EVIL}` }],
  ])('a variant whose key is made with %s', async (_what, headers) => {
    const handler: Handler = ({ headers: read }) => ({
      headers: { ...fresh, Vary: 'X-A, X-B' },
      body: `a=${read['x-a']} b=${read['x-b']}`,
    })
    for (const clean of [{}, { 'x-a': '1' }, { 'x-b': '1' }, { 'x-a': '1', 'x-b': '1' }]) {
      const attack = ({ request }: Subject) => request('/', { headers: headers as Record<string, string> })
      await expectClean({ bridge, handler, attack, victim: ['/', { headers: clean as Record<string, string> }] })
    }
  })

  test.each([
    [400, { 'x-long': EVIL.repeat(200) }],
    [431, { 'x-long': EVIL.repeat(200) }],
    [400, { 'x-meta': `${EVIL}\u00ff` }],
    [406, { accept: `application/${EVIL}` }],
    [412, { 'if-match': `"${EVIL}"` }],
    [416, { range: 'bytes=999-' }],
    [417, { 'x-expect': EVIL }],
    [405, { 'x-http-method': EVIL }],
    [403, { 'x-waf': EVIL }],
    [500, { 'x-crash': EVIL }],
  ])('an error %i that one request caused, marked as fresh', async (status, headers) => {
    const [[field, value]] = Object.entries(headers) as [[string, string]]
    const handler: Handler = (question) =>
      question.headers[field] === value ? { status, headers: fresh, body: EVIL } : { headers: fresh, body: 'fine' }
    await expectClean({ bridge, handler, attack: ({ request }) => request('/', { headers: { [field]: value } }) })
  })

  test('a 416 whose cause the guard does not count', async () => {
    const handler: Handler = ({ headers }) =>
      headers.range === undefined ? { headers: fresh, body: 'fine' } : { status: 416, headers: fresh, body: EVIL }
    await expectClean({ bridge, handler, attack: ({ request }) => request('/', { headers: { range: 'bytes=9-' } }) })
  })

  test('a 304 to a condition of the attacker’s', async () => {
    const handler: Handler = ({ headers }) =>
      headers['if-none-match'] === undefined ? { headers: fresh, body: 'fine' } : { status: 304, headers: fresh }
    await expectClean({ bridge, handler, attack: ({ request }) => request('/', { headers: { 'if-none-match': '*' } }) })
  })

  test('a GET with content', async () => {
    await expectClean({
      bridge,
      handler: gullible(({ headers }) => headers['content-length'] ?? headers['transfer-encoding']),
      attack: async ({ request }) => {
        await request('/', { headers: { 'content-length': '3' }, body: 'fat' })
        await request('/', { headers: { 'transfer-encoding': 'chunked' }, body: 'fat' })
      },
    })
  })

  test('HEAD, then GET', async () => {
    const handler: Handler = ({ method }) => ({ headers: { ...fresh, 'X-Method': method }, body: 'the body' })
    await expectClean({ bridge, handler, attack: ({ request }) => request('/', { method: 'HEAD' }) })
  })

  test.each(['POST', 'PUT', 'OPTIONS', 'TRACE', 'PROPFIND'])('%s, then GET', async (method) => {
    const handler: Handler = ({ method: asked }) => ({
      headers: fresh,
      body: asked === 'GET' ? 'the body' : EVIL,
    })
    await expectClean({ bridge, handler, attack: ({ request }) => request('/', { method }) })
  })

  test.each([
    'max-stale=999999',
    'max-stale',
    'only-if-cached',
    'no-cache',
    'no-store',
    'max-age=0',
    'stale-if-error=99999',
  ])('the request directive %s as a weapon', async (directive) => {
    const handler: Handler = () => ({ headers: fresh, body: 'the body' })
    const attack = async ({ request }: Subject): Promise<void> => {
      for (let i = 0; i < 20; i++) await request('/', { headers: { 'cache-control': directive } })
    }
    await expectClean({ bridge, handler, attack })
  })

  test('a flood of variants', async () => {
    const handler: Handler = ({ headers }) => ({
      headers: { ...fresh, Vary: 'X-Tongue' },
      body: `in ${headers['x-tongue']}`,
    })
    const attack = async ({ request }: Subject): Promise<void> => {
      for (let i = 0; i < 150; i++) await request('/', { headers: { 'x-tongue': `${EVIL}${i}` } })
    }
    await expectClean({ bridge, handler, attack })
  })
})

describe.each(servers)('$name: the store', (bridge) => {
  test('a flood of keys leaves the others right, and memory bounded', async () => {
    const handler: Handler = ({ url }) => ({ headers: fresh, body: `at ${url} `.repeat(100) })
    const store = memoryStore({ maxBytes: 256 * 1024 })
    const subject = await startSubject(bridge, { store }, handler)
    for (let i = 0; i < 600; i++) await subject.request(`/?${EVIL}=${i}`)
    expect(store.size).toBeLessThanOrEqual(256 * 1024)
    expect((await subject.request('/')).body).toBe('at / '.repeat(100))
    expect((await subject.request('/')).body).toBe('at / '.repeat(100))
  })

  test.each<[string, (text: string) => string]>([
    ['truncated', (text) => text.slice(0, text.length / 2)],
    ['emptied', () => ''],
    ['of somebody else', () => JSON.stringify({ value: EVIL })],
    ['with a flipped bit', (text) => flipped(text, 0.9)],
    ['with a flipped bit in its head', (text) => flipped(text, 0.3)],
  ])('what is stored comes back %s: a miss', async (_how, tamper) => {
    const kept = new Map<string, string>()
    const handler: Handler = () => ({ headers: fresh, body: 'the body '.repeat(50) })
    const subject = await startSubject(bridge, { store: keyvStore(new Keyv({ store: kept })) }, handler)
    const cold = await subject.request('/')
    await expect.poll(() => kept.size).toBeGreaterThan(0)
    for (const [key, text] of kept) kept.set(key, tamper(String(text)))
    const got = await subject.request('/')
    expect(seen(got)).toEqual(seen(cold))
    expect(subject.asked).toHaveLength(2)
  })
})

function flipped(text: string, where: number): string {
  const at = Math.floor(text.length * where)
  return text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1)
}

/** Whoever comes with a cookie or a password gets a page with the name in it. */
const personal =
  (field: 'cookie' | 'authorization', headers: Record<string, string>): Handler =>
  ({ headers: read }) => ({ headers, body: `hello ${read[field] ?? 'stranger'}` })

describe.each(servers)('$name: what is somebody’s own', (bridge) => {
  const directives = ['public, max-age=60', 'max-age=60', 's-maxage=60', 'max-age=60, must-revalidate']

  for (const field of ['cookie', 'authorization'] as const) {
    test.each(directives)(`${field} without Vary, marked as "%s"`, async (directive) => {
      await expectClean({
        bridge,
        handler: personal(field, { 'Cache-Control': directive }),
        attack: ({ request }) => request('/account', { headers: { [field]: EVIL } }),
        victim: ['/account'],
      })
    })

    test(`${field} under a rule that forces storing`, async () => {
      await expectClean({
        bridge,
        options: { cache: { ttl: 60_000, force: true } },
        handler: personal(field, {}),
        attack: ({ request }) => request('/account', { headers: { [field]: EVIL } }),
        victim: ['/account', { headers: { [field]: 'somebody else' } }],
      })
    })
  }

  test.each([
    '/account/x.css',
    '/account%0ax.css',
    '/account;x.css',
    '/account?x.css',
    '/account%2fx.css',
    '/account/.css',
  ])('deception by %s: the one who is lured leaves nothing behind', async (path) => {
    await expectClean({
      bridge,
      options: { cache: { ttl: 60_000 } },
      handler: personal('cookie', {}),
      attack: ({ request }) => request(path, { headers: { cookie: EVIL } }),
      victim: [path],
    })
  })

  test.each([
    'private=""',
    'private="',
    'PRIVATE',
    'Private, max-age=60',
    'max-age=60,private',
    'no-store=""',
    'max-age=60, , No-Store',
    'max-age=60;private',
  ])('the malformed or unusual directive %s', async (directive) => {
    // Read where the guard cannot see it: only the directive protects this answer.
    const handler: Handler = ({ url }) => ({
      headers: { 'Cache-Control': directive },
      body: `${url} ${secrets.shift() ?? 'nobody'}`,
    })
    const secrets: string[] = []
    await expectClean({
      bridge,
      handler,
      attack: async ({ request }) => {
        secrets.push(EVIL)
        await request('/')
      },
    })
  })

  test('Set-Cookie is not handed to others', async () => {
    let calls = 0
    const handler: Handler = () => ({ headers: { ...fresh, 'Set-Cookie': `session=${++calls}` }, body: 'x' })
    const subject = await startSubject(bridge, { cache: { ttl: 60_000, force: true } }, handler)
    await subject.request('/')
    expect((await subject.request('/')).headers['set-cookie']).toBe('session=2')
  })

  test('waiting for the same thing does not hand a private answer to a second principal', async () => {
    const handler: Handler = async ({ headers }) => {
      await sleep(30)
      return { headers: fresh, body: `hello ${headers.cookie ?? 'stranger'}` }
    }
    const subject = await startSubject(bridge, {}, handler)
    const askers = ['ann', undefined, 'bob', undefined, 'eve']
    const got = await Promise.all(
      askers.map((cookie) => subject.request('/', cookie === undefined ? {} : { headers: { cookie } })),
    )
    expect(got.map(({ body }) => body)).toEqual(askers.map((cookie) => `hello ${cookie ?? 'stranger'}`))
  })
})

describe.each(frameworks)('$name: behind a trusted proxy', (bridge) => {
  const options = { trustProxy: true }

  test.each(['x-forwarded-host', 'x-forwarded-proto', 'host'])('%s of an attacker', async (field) => {
    await expectClean({
      bridge,
      options,
      handler: gullible(({ headers }) => headers[field]),
      attack: ({ request }) => request('/', { headers: { [field]: EVIL } }),
    })
  })

  test.each([
    ['host', 'EXAMPLE.test'],
    ['x-forwarded-host', 'EXAMPLE.test'],
    ['x-forwarded-proto', 'hTTp'],
  ])('an unusual spelling in %s', async (field, value) => {
    await expectClean({
      bridge,
      options,
      handler: gullible(({ resolved }) => JSON.stringify(resolved?.())),
      attack: ({ request }) => request('/', { headers: { [field]: value } }),
    })
  })

  test('Host, where another field tells the authority', async () => {
    await expectClean({
      bridge,
      options,
      handler: gullible(({ headers }) => headers.host),
      attack: ({ request }) => request('/', { headers: { host: EVIL, 'x-forwarded-host': 'public.test' } }),
      victim: ['/', { headers: { host: 'internal.test', 'x-forwarded-host': 'public.test' } }],
    })
  })
})
