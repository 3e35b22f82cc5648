/** The fields as they came, which show nobody what of them was read. */
import type { IncomingMessage } from 'node:http'
import { type CacheOptions, memoryStore, ResponseCache } from 'breakwater'
import { cache as expressCache } from 'breakwater/express'
import { cache as koaCache } from 'breakwater/koa'
import { shield } from 'breakwater/node'
import { afterEach, describe, expect, test } from 'vitest'
import { frameworkOf, releases } from './stacks.ts'
import { isHit, statusOf } from './subject.ts'
import { type KoaRelease, newKoa } from './subjects/koa.ts'
import { ask, type Listener, type Listening, listen } from './wire.ts'

// biome-ignore lint/suspicious/noExplicitAny: each bridge has a request type of its own
type Options = CacheOptions<any>
/** Makes a page of a request. */
type Page = (request: IncomingMessage) => string
type Make = (options: Options, page: Page) => Listener

const makers: (readonly [name: string, make: Make])[] = [
  ...releases.map((release): [string, Make] => [
    release,
    (options, page) => {
      const app = frameworkOf(release)()
      app.use(expressCache(options))
      app.get('/', (request, response) => void response.send(page(request)))
      return app
    },
  ]),
  ...(['koa2', 'koa'] as const satisfies KoaRelease[]).map((release): [string, Make] => [
    release,
    (options, page) => {
      const app = newKoa(release)
      app.use(koaCache(options))
      app.use((ctx) => {
        ctx.body = page(ctx.req)
      })
      return app.callback()
    },
  ]),
  ['shield', (options, page) => shield((request, response) => void response.end(page(request)), { cache: options })],
]

/** As adapters do that make a Request of the web of it. */
const ofRaw: Page = ({ rawHeaders }) => {
  const headers = new Headers()
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    headers.append(rawHeaders[i] as string, rawHeaders[i + 1] as string)
  }
  return `cookie ${headers.get('cookie')}, authorization ${headers.get('authorization')}`
}
const ofDistinct: Page = ({ headersDistinct: { cookie, authorization } }) =>
  `cookie ${cookie?.[0] ?? null}, authorization ${authorization?.[0] ?? null}`

const running: Listening[] = []

afterEach(async () => {
  await Promise.all(running.splice(0).map(({ close }) => close()))
})

describe.each(makers)('%s', (_name, make) => {
  const start = async (page: Page, options: Options = {}) => {
    const cache = new ResponseCache({ store: memoryStore() })
    const listening = await listen(make({ cache, ttl: 60_000, ...options }, page))
    running.push(listening)
    return (headers: Record<string, string> = {}) => ask(listening.port, '/', { headers })
  }

  describe.each([
    ['rawHeaders', ofRaw],
    ['headersDistinct', ofDistinct],
  ])('a page made of %s', (_way, page) => {
    test('with credentials in them is not shared', async () => {
      const request = await start(page)
      for (const who of ['ann', 'bob']) {
        const cookie = { cookie: `user=${who}` }
        expect((await request(cookie)).body).toBe(`cookie user=${who}, authorization null`)
        const authorization = { authorization: `Basic ${who}` }
        expect((await request(authorization)).body).toBe(`cookie null, authorization Basic ${who}`)
      }
      const got = await request({ cookie: 'user=ann' })
      expect(statusOf(got)).toContain('credentials-read')
    })

    test('without them is for those who have none', async () => {
      const request = await start(page)
      const first = await request()
      expect((await request({ cookie: 'user=ann' })).body).toBe('cookie user=ann, authorization null')
      const again = await request()
      expect([again.body, isHit(again)]).toEqual([first.body, true])
    })

    test('is refused by the strict guard', async () => {
      const request = await start(page, { guard: { mode: 'strict' } })
      await request()
      expect(isHit(await request())).toBe(false)
    })
  })

  test('who sets them anew reads what was set', async () => {
    const request = await start((own) => {
      own.rawHeaders = ['X-Own', '1']
      return own.rawHeaders.join()
    })
    expect((await request()).body).toBe('X-Own,1')
  })
})
