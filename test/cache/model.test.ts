import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Exchange } from '../../src/core/cache/exchange.ts'
import type { Decision } from '../../src/core/cache/mount.ts'
import { fieldsOf } from '../../src/core/http/message.ts'
import type { Store } from '../../src/core/store/store.ts'
import { type Asked, answer, content, engine, exchangeOf, farStore, lookup } from '../support/engine.ts'

const URLS = ['/a', '/b?a', 'http://other.test/a']
const LANGUAGES = [undefined, 'de', 'en']

/** What the origin gives; what is wrong with serving it to others is in the body, for the oracle to read. */
interface Origin {
  readonly control: string
  readonly varies: boolean
  readonly declared: boolean
  readonly status: number
}

type Step =
  | {
      readonly type: 'get'
      readonly url: number
      readonly language: number
      readonly origin: Origin
      readonly ends: boolean
    }
  | { readonly type: 'begin'; readonly url: number; readonly language: number; readonly origin: Origin }
  | { readonly type: 'end'; readonly which: number; readonly ends: boolean }
  | { readonly type: 'post'; readonly url: number; readonly location: number | undefined; readonly status: number }
  | { readonly type: 'purge'; readonly how: 'url' | 'group' | 'prefix' | 'all' | 'soft'; readonly url: number }
  | { readonly type: 'pass'; readonly seconds: number }

const index = (length: number) => fc.nat({ max: length - 1 })
const origin: fc.Arbitrary<Origin> = fc.record({
  control: fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom('max-age=10', 'max-age=30') },
    { weight: 1, arbitrary: fc.constantFrom('max-age=10, private', 'no-store', 'no-cache, max-age=9', 'max-age=0') },
  ),
  varies: fc.boolean(),
  declared: fc.boolean(),
  status: fc.constantFrom(200, 200, 200, 200, 200, 404, 500),
})
const get = { url: index(URLS.length), language: index(LANGUAGES.length), origin }
const mostly = fc.constantFrom(true, true, true, false)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 9, arbitrary: fc.record({ type: fc.constant('get' as const), ...get, ends: mostly }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('begin' as const), ...get }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('end' as const), which: fc.nat(), ends: mostly }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('post' as const),
      url: index(URLS.length),
      location: fc.option(index(URLS.length), { nil: undefined }),
      status: fc.constantFrom(200, 303, 400),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('purge' as const),
      how: fc.constantFrom('url' as const, 'group' as const, 'prefix' as const, 'all' as const, 'soft' as const),
      url: index(URLS.length),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('pass' as const), seconds: fc.integer({ min: 1, max: 12 }) }) },
)

/** What the origin once gave for a URL. */
interface Made {
  readonly url: string
  readonly language: string | undefined
  readonly origin: Origin
  /** When its request went out, as the number of a step; and when its head came back, in ms. */
  readonly asked: number
  readonly at: number
}

const originOf = (url: string): string => new URL(url, 'http://example.test').origin
const pathOf = (url: string): string => {
  const { pathname, search } = new URL(url, 'http://example.test')
  return pathname + search
}

/** The naive cache: it remembers all that the origin ever gave and all that made it invalid, and judges what is served. */
class Model {
  readonly made: Made[] = []
  readonly ended = new Map<string, number>()
  now = 0

  end(url: string): void {
    this.ended.set(url, ++this.now)
  }

  mayServe(body: string, url: string, language: string | undefined, time: number, asked: number): string | undefined {
    const made = this.made[Number(body.split(' ')[1])]
    if (made === undefined) return 'nobody made it'
    if (made.url !== url) return 'it is of another URL'
    if (made.origin.varies && made.language !== language) return 'it is another variant'
    if (/private|no-store/.test(made.origin.control)) return 'it is somebody’s own'
    if (made.origin.control.includes('no-cache')) return 'it needs validation'
    if (made.origin.status === 500) return 'it is an error'
    const lifetime = Number(/max-age=(\d+)/.exec(made.origin.control)?.[1]) * 1000
    if (time - made.at >= lifetime) return 'it is stale'
    const ended = this.ended.get(url) ?? 0
    // Who asked before the end may still be served what was under way then.
    if (made.asked <= ended && asked > ended) return 'it is invalid'
    return undefined
  }
}

async function run(steps: readonly Step[], store: Store | undefined, settle: () => Promise<void>): Promise<number> {
  const { mount, responses, clock } = engine({}, 'in', store)
  const model = new Model()
  const underWay: { exchange: Exchange; finish: (ends: boolean) => void }[] = []
  const waiting: Promise<void>[] = []
  let served = 0

  const judge = async (decision: Decision, url: string, language: string | undefined, asked: number) => {
    if (decision.kind !== 'hit') return
    const time = clock.now()
    const length = fieldsOf(decision.reply.lines)['content-length']
    const text = await content(decision.reply).catch(() => undefined)
    if (text === undefined) return
    served++
    expect(model.mayServe(text, url, language, time, asked)).toBeUndefined()
    expect(length).toBe(String(text.length))
  }

  const begin = (exchange: Exchange, url: string, language: string | undefined, from: Origin) => {
    const asked = model.now
    const finish = (ends: boolean) => {
      const body = `body ${model.made.length} of ${url}`
      model.made.push({ url, language, origin: from, asked: asked + 1, at: clock.now() })
      const lines = ['Cache-Control', from.control, 'Cache-Groups', '"g"']
      if (from.varies) lines.push('Vary', 'Accept-Language')
      if (from.declared) lines.push('Content-Length', String(body.length))
      const outcome = exchange.head({ status: from.status, lines })
      if (outcome.kind !== 'record') return exchange.finish()
      outcome.recording.write(Buffer.from(body.slice(0, 5)))
      if (!ends) return exchange.abandon()
      outcome.recording.write(Buffer.from(body.slice(5)))
      exchange.finish()
    }
    underWay.push({ exchange, finish })
  }

  for (const one of steps) {
    if (one.type === 'get' || one.type === 'begin') {
      const url = URLS[one.url] as string
      const language = LANGUAGES[one.language]
      const asked: Asked = { url, headers: language === undefined ? {} : { 'accept-language': language } }
      const at = model.now + 1
      const found = lookup(mount, asked)
      const handled = async (decision: Decision): Promise<void> => {
        await judge(decision, url, language, at)
        if ('exchange' in decision) {
          begin(decision.exchange, url, language, one.origin)
          if (one.type === 'get') underWay.pop()?.finish(one.ends)
        }
      }
      if (!(found instanceof Promise)) await handled(found)
      else waiting.push(found.then(handled))
    } else if (one.type === 'end' && underWay.length > 0) {
      const [flight] = underWay.splice(one.which % underWay.length, 1)
      flight?.finish(one.ends)
    } else if (one.type === 'post') {
      const url = URLS[one.url] as string
      const location = one.location === undefined ? undefined : (URLS[one.location] as string)
      if (one.status < 400) {
        model.end(url)
        if (location !== undefined && originOf(new URL(location, originOf(url)).href) === originOf(url)) {
          const target = pathOf(location)
          for (const known of URLS) if (originOf(known) === originOf(url) && pathOf(known) === target) model.end(known)
        }
      }
      const headers = location === undefined ? {} : { location }
      answer(exchangeOf(await lookup(mount, { method: 'POST', url })), { status: one.status, headers })
    } else if (one.type === 'purge') {
      const url = new URL(URLS[one.url] as string, 'http://example.test').href
      const isNear = responses.store.near
      if (one.how === 'url' || one.how === 'soft' || (!isNear && one.how !== 'all')) {
        model.end(URLS[one.url] as string)
        await responses.purge({ url, soft: one.how === 'soft' })
      } else if (one.how === 'prefix') {
        for (const known of URLS) if (new URL(known, 'http://example.test').href.startsWith(url)) model.end(known)
        await responses.purge({ prefix: url })
      } else {
        for (const known of URLS) model.end(known)
        await responses.purge(one.how === 'all' ? { all: true } : { group: 'g' })
      }
    } else if (one.type === 'pass') clock.pass(one.seconds)
    await settle()
  }
  for (let round = 0; round < 100 && (underWay.length > 0 || round < 3); round++) {
    for (const flight of underWay.splice(0)) flight.exchange.abandon()
    await settle()
    await new Promise(setImmediate)
  }
  await Promise.all(waiting)
  expect(responses.inFlight.size).toBe(0)
  return served
}

describe('whatever is asked, in whatever order, nothing is served that a naive cache would not serve', () => {
  test.each<[string, () => Store | undefined, number]>([
    ['a near store', () => undefined, 200],
    ['a far store', () => farStore(), 80],
  ])('from %s', async (_, store, runs) => {
    let served = 0
    // A far store's writes arrive before the next step: what a reader on another machine sees meanwhile is not the rule.
    const settle = async (): Promise<void> => {
      for (let i = 0; i < 3; i++) await new Promise(setImmediate)
    }
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
        served += await run(steps, store(), settle)
      }),
      { numRuns: runs },
    )
    expect(served).toBeGreaterThan(runs)
  })
})
