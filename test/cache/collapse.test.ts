import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Decision } from '../../src/core/cache/mount.ts'
import type { CacheOptions } from '../../src/core/cache/options.ts'
import { ReadLog } from '../../src/core/cache/read-log.ts'
import {
  type Answer,
  type Asked,
  answer,
  ask,
  content,
  engine,
  exchange,
  exchangeOf,
  fate,
  field,
  lookup,
  replyOf,
  responseHead,
  waitingFor,
} from '../support/engine.ts'

const fresh = { 'cache-control': 'max-age=60' }
const sized = { ...fresh, 'content-length': '4' }

let made: ReturnType<typeof engine>
const mountWith = (options: CacheOptions = {}, direction: 'in' | 'out' = 'in') => {
  made = engine(options, direction)
  return made.mount
}
beforeEach(() => void mountWith())
afterEach(() => {
  vi.useRealTimers()
  expect(made.responses.inFlight.size).toBe(0)
  expect(
    (made.store as unknown as { release(n: number): void; reserve(n: number): boolean }).reserve(16 * 1024 * 1024),
  ).toBe(true)
})

/** Runs every request at once, answering those that go forward after all have asked. */
async function run(asked: readonly Asked[], respond: (asked: Asked) => Answer) {
  let sent = 0
  const replies = asked.map(async (one) => {
    let decision = lookup(made.mount, one)
    if (decision instanceof Promise) decision = await decision
    else await new Promise(setImmediate)
    if (decision.kind === 'hit') return content(decision.reply)
    sent++
    const response = respond(one)
    answer(exchangeOf(decision), response)
    return response.body
  })
  const bodies = await Promise.all(replies)
  return { sent, bodies }
}

describe('requests for the same thing', () => {
  test.each([
    ['declared', sized],
    ['undeclared', fresh],
  ])('200 cold ones are one exchange (length %s)', async (_, headers) => {
    const { sent, bodies } = await run(
      Array.from({ length: 200 }, () => ({})),
      () => ({ headers, body: 'body' }),
    )
    expect(sent).toBe(1)
    expect(new Set(bodies)).toEqual(new Set(['body']))
    expect(made.responses.stats()).toMatchObject({ misses: 1, collapsed: 199, stored: 1 })
  })

  test('are one exchange for each language: 3 languages, 150 requests', async () => {
    const asked = Array.from({ length: 150 }, (_, i) => ({ headers: { 'accept-language': ['de', 'en', 'fr'][i % 3] } }))
    const { sent, bodies } = await run(asked, ({ headers }) => ({
      headers: { ...fresh, vary: 'accept-language' },
      body: `in ${String(headers?.['accept-language'])}`,
    }))
    expect(sent).toBe(3)
    bodies.forEach((body, i) => expect(body).toBe(`in ${['de', 'en', 'fr'][i % 3]}`))
    for (const language of ['de', 'en', 'fr'])
      expect(fate(made.mount, { headers: { 'accept-language': language } })).toBe('hit')
  })

  test('go each its own way where collapse is off', async () => {
    mountWith({ collapse: false })
    expect((await run([{}, {}, {}], () => ({ headers: fresh }))).sent).toBe(3)
  })

  test('say so in Cache-Status', async () => {
    const leader = exchangeOf(ask(made.mount))
    const waiting = waitingFor(made.mount)
    answer(leader, { headers: fresh })
    expect(field(replyOf(await waiting), 'cache-status')).toBe('Breakwater; fwd=uri-miss; collapsed')
  })

  test.each([
    ['HEAD', { method: 'HEAD' }, 200, ''],
    ['a range', { headers: { range: 'bytes=1-2' } }, 206, 'od'],
    ['a condition', { headers: { 'if-none-match': '"a"' } }, 304, ''],
  ])('may follow as %s', async (_, asked, status, body) => {
    const leader = exchangeOf(ask(made.mount))
    const waiting = waitingFor(made.mount, asked)
    answer(leader, { headers: { ...sized, etag: '"a"' } })
    const reply = replyOf(await waiting)
    expect(reply.status).toBe(status)
    expect(await content(reply)).toBe(body)
  })

  test.each([
    ['HEAD', { method: 'HEAD' }],
    ['a range', { headers: { range: 'bytes=1-2' } }],
    ['a condition', { headers: { 'if-none-match': '"a"' } }],
  ])('are not led by %s', (_, asked) => {
    const first = exchangeOf(ask(made.mount, asked))
    const second = exchangeOf(ask(made.mount))
    first.abandon()
    second.abandon()
  })
})

describe('a follower of a recording in flight', () => {
  test('gets the bytes in order while they arrive', async () => {
    const leader = exchangeOf(ask(made.mount))
    const early = waitingFor(made.mount)
    const outcome = leader.head(responseHead({ headers: { ...fresh, 'content-length': '6' } }))
    if (outcome.kind !== 'record') throw new Error(outcome.kind)
    const late = waitingFor(made.mount)
    const texts = Promise.all([early, late].map(async (waiting) => content(replyOf(await waiting))))
    const chunk = Buffer.from('ab')
    for (const text of ['ab', 'cd', 'ef']) {
      chunk.write(text)
      outcome.recording.write(chunk)
      chunk.fill(0)
      await new Promise(setImmediate)
    }
    leader.finish()
    expect(await texts).toEqual(['abcdef', 'abcdef'])
  })

  test('is cut where the leader is', async () => {
    const leader = exchangeOf(ask(made.mount))
    const waiting = waitingFor(made.mount)
    const outcome = leader.head(responseHead({ headers: sized }))
    if (outcome.kind !== 'record') throw new Error(outcome.kind)
    const text = content(replyOf(await waiting))
    outcome.recording.write(Buffer.from('bo'))
    leader.abandon()
    await expect(text).rejects.toMatchObject({ code: 'ERR_BREAKWATER_RECORDING_LOST' })
    expect(fate(made.mount)).toBe('miss')
  })

  test('waits for all of it where its length is not declared', async () => {
    const leader = exchangeOf(ask(made.mount))
    const waiting = waitingFor(made.mount)
    let settled = false
    void waiting.then(() => (settled = true))
    const outcome = leader.head(responseHead({ headers: fresh }))
    if (outcome.kind !== 'record') throw new Error(outcome.kind)
    outcome.recording.write(Buffer.from('body'))
    await new Promise(setImmediate)
    expect(settled).toBe(false)
    leader.finish()
    const reply = replyOf(await waiting)
    expect(reply.follows).toBeUndefined()
    expect(await content(reply)).toBe('body')
    expect(field(reply, 'content-length')).toBe('4')
  })

  test('does not take an answer that is stale on arrival', async () => {
    const leader = exchangeOf(ask(made.mount))
    const waiting = waitingFor(made.mount)
    answer(leader, { headers: { ...fresh, age: '60' } })
    exchangeOf(await waiting).abandon()
  })

  test('does not take a part', async () => {
    const leader = exchangeOf(ask(made.mount))
    const waiting = waitingFor(made.mount)
    answer(leader, { status: 206, headers: { ...sized, 'content-range': 'bytes 0-3/8' } })
    exchangeOf(await waiting).abandon()
  })
})

describe('an answer that may not be shared', () => {
  test.each(['no-store', 'private, max-age=60', 'max-age=x'])('%s releases those who wait', async (control) => {
    const leader = exchangeOf(ask(made.mount))
    const waiting = [waitingFor(made.mount), waitingFor(made.mount)]
    leader.head(responseHead({ headers: { 'cache-control': control } }))
    leader.finish()
    for (const decision of await Promise.all(waiting)) exchangeOf(decision).abandon()
  })

  test.each([
    ['that is not stored', {}],
    ['that is stored only to be validated', { 'cache-control': 'no-cache, max-age=60', etag: '"a"' }],
  ])('%s is not waited for during 120 s, then again', (_, headers) => {
    exchange(made.mount, {}, { headers })
    const both = (): boolean => {
      const first = exchangeOf(ask(made.mount))
      const second = lookup(made.mount)
      const waits = second instanceof Promise
      first.head(responseHead({ headers: { 'cache-control': 'no-store' } }))
      if (!waits) exchangeOf(second).abandon()
      else void second.then((decision) => exchangeOf(decision).abandon())
      return waits
    }
    expect(both()).toBe(false)
    made.clock.pass(121)
    expect(both()).toBe(true)
    return new Promise<void>((resolve) => void setImmediate(resolve))
  })

  test('is not remembered for a passing fault', async () => {
    exchange(made.mount, {}, { status: 500 })
    const leader = exchangeOf(ask(made.mount))
    const waiting = waitingFor(made.mount)
    leader.abandon()
    exchangeOf(await waiting).abandon()
  })
})

describe('a request with credentials', () => {
  test.each(['cookie', 'authorization'])('%s does not wait for an unknown key', (name) => {
    const leader = exchangeOf(ask(made.mount))
    const own = exchangeOf(ask(made.mount, { headers: { [name]: 'x' } }))
    leader.abandon()
    own.abandon()
  })

  test.each(['cookie', 'authorization'])('%s is not waited for on an unknown key, nor makes it unshared', (name) => {
    const own = exchangeOf(ask(made.mount, { headers: { [name]: 'x' } }))
    const leader = exchangeOf(ask(made.mount))
    answer(own, { headers: { 'cache-control': 'private' } })
    const waiting = waitingFor(made.mount)
    answer(leader, { headers: fresh })
    return expect(waiting).resolves.toMatchObject({ kind: 'hit' })
  })

  test.each(['cookie', 'authorization'])('%s waits for a key known to be shareable', async (name) => {
    exchange(made.mount, {}, { headers: fresh })
    made.clock.pass(61)
    const leader = exchangeOf(ask(made.mount))
    const waiting = waitingFor(made.mount, { headers: { [name]: 'x' } })
    answer(leader, { headers: fresh, body: 'new' })
    expect(await content(replyOf(await waiting))).toBe('new')
  })
})

describe('waiting', () => {
  test('ends after 5 s; then the request goes its own way', async () => {
    vi.useFakeTimers()
    const leader = exchangeOf(ask(made.mount))
    const waiting = waitingFor(made.mount)
    let decision: Decision | undefined
    void waiting.then((settled) => (decision = settled))
    await vi.advanceTimersByTimeAsync(4_999)
    expect(decision).toBeUndefined()
    await vi.advanceTimersByTimeAsync(1)
    expect(decision?.kind).toBe('miss')
    answer(exchangeOf(decision!), { headers: fresh })
    leader.abandon()
  })

  test('ends after 5 s altogether, however often it begins anew', async () => {
    vi.useFakeTimers()
    const [en, de] = [{ headers: { 'accept-language': 'en' } }, { headers: { 'accept-language': 'de' } }]
    const first = exchangeOf(ask(made.mount, en))
    const waiting = [waitingFor(made.mount, de), waitingFor(made.mount, de)]
    let ended = 0
    for (const one of waiting) void one.then(() => ended++)
    made.clock.pass(4)
    await vi.advanceTimersByTimeAsync(4_000)
    answer(first, { headers: { ...fresh, vary: 'accept-language' } })
    await vi.advanceTimersByTimeAsync(0)
    expect(ended).toBe(1)
    made.clock.pass(1)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(ended).toBe(2)
    for (const one of waiting) exchangeOf(await one).abandon()
  })

  test('ends with the reason of the signal, and leaves nothing behind', async () => {
    vi.useFakeTimers()
    const controller = new AbortController()
    const leader = exchangeOf(ask(made.mount))
    const waiting = waitingFor(made.mount, { signal: controller.signal })
    const reason = new Error('gone')
    controller.abort(reason)
    await expect(waiting).rejects.toBe(reason)
    expect(vi.getTimerCount()).toBe(0)
    leader.abandon()
  })

  test('does not begin for a request that is gone already', async () => {
    const leader = exchangeOf(ask(made.mount))
    await expect(waitingFor(made.mount, { signal: AbortSignal.abort('gone') })).rejects.toBe('gone')
    leader.abandon()
  })

  test('of a request that was answered leaves no timer behind', async () => {
    vi.useFakeTimers()
    const leader = exchangeOf(ask(made.mount))
    const waiting = waitingFor(made.mount, { signal: new AbortController().signal })
    answer(leader, { headers: fresh })
    await waiting
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('a leader that leaves', () => {
  test('is followed by exactly one other', async () => {
    const leader = exchangeOf(ask(made.mount))
    const waiting = Array.from({ length: 10 }, () => waitingFor(made.mount))
    leader.abandon()
    const next = await Promise.race(waiting)
    await new Promise(setImmediate)
    answer(exchangeOf(next), { headers: fresh, body: 'second' })
    const kinds = (await Promise.all(waiting)).map(({ kind }) => kind)
    expect(kinds.filter((kind) => kind === 'miss')).toHaveLength(1)
    expect(kinds.filter((kind) => kind === 'hit')).toHaveLength(9)
  })

  test('is followed by one that can lead', async () => {
    const leader = exchangeOf(ask(made.mount))
    const head = waitingFor(made.mount, { method: 'HEAD' })
    const gets = [waitingFor(made.mount), waitingFor(made.mount)]
    leader.abandon()
    exchangeOf(await head).abandon()
    answer(exchangeOf(await gets[0]!), { headers: fresh })
    expect((await gets[1]!).kind).toBe('hit')
  })

  test('while it is recorded leaves nothing stored', async () => {
    const leader = exchangeOf(ask(made.mount))
    const waiting = waitingFor(made.mount)
    const outcome = leader.head(responseHead({ headers: fresh }))
    if (outcome.kind !== 'record') throw new Error(outcome.kind)
    outcome.recording.write(Buffer.from('bo'))
    leader.abandon()
    exchangeOf(await waiting).abandon()
    expect(fate(made.mount)).toBe('miss')
  })

  test('for want of an origin lets all have the stale answer', async () => {
    exchange(made.mount, {}, { headers: fresh, body: 'old' })
    made.clock.pass(61)
    const leader = exchangeOf(ask(made.mount))
    const waiting = [waitingFor(made.mount), waitingFor(made.mount)]
    const strict = waitingFor(made.mount, { headers: { 'cache-control': 'no-cache' } })
    expect(leader.lost()).toBeDefined()
    for (const decision of await Promise.all(waiting)) {
      expect(decision.kind).toBe('stale')
      expect(await content(replyOf(decision))).toBe('old')
    }
    exchangeOf(await strict).abandon()
  })
})

describe('an answer under way during an invalidation', () => {
  const invalidations: [string, () => unknown, Asked][] = [
    ['POST', () => exchange(made.mount, { method: 'POST' }), {}],
    ['POST, another variant', () => exchange(made.mount, { method: 'POST' }), { headers: { 'accept-language': 'de' } }],
    [
      'POST after a purge of something else',
      () => {
        void made.responses.purge({ url: '/other' })
        exchange(made.mount, { method: 'POST' })
      },
      {},
    ],
    ['purge of the URL', () => made.responses.purge({ url: 'http://example.test/' }), {}],
    ['purge of all', () => made.responses.purge({ all: true }), {}],
    ['purge of its group', () => made.responses.purge({ group: 'g' }), {}],
  ]

  test.each(invalidations)('%s: is not stored', (_, invalidate, asked) => {
    const vary = asked.headers === undefined ? {} : { vary: 'accept-language' }
    const response = { headers: { ...fresh, 'cache-groups': '"g"', ...vary } }
    if (asked.headers !== undefined) {
      exchange(made.mount, { headers: { 'accept-language': 'en' } }, response)
    }
    const leader = exchangeOf(ask(made.mount, asked))
    void invalidate()
    answer(leader, response)
    expect(fate(made.mount, asked)).toBe('miss')
  })

  test.each(invalidations)('%s: is not waited for by those who ask after it', async (_, invalidate) => {
    const leader = exchangeOf(ask(made.mount))
    const before = waitingFor(made.mount)
    void invalidate()
    const second = exchangeOf(ask(made.mount))
    const after = waitingFor(made.mount)
    answer(leader, { headers: fresh, body: 'old' })
    answer(second, { headers: fresh, body: 'new' })
    expect(await content(replyOf(await before))).toBe('old')
    expect(await content(replyOf(await after))).toBe('new')
    expect(await content(replyOf(ask(made.mount)))).toBe('new')
  })

  test('those who waited for a leader that leaves after it follow the new one', async () => {
    const leader = exchangeOf(ask(made.mount))
    const before = [waitingFor(made.mount), waitingFor(made.mount)]
    void made.responses.purge({ url: 'http://example.test/' })
    leader.abandon()
    const first = exchangeOf(await before[0]!)
    answer(first, { headers: fresh, body: 'new' })
    expect(await content(replyOf(await before[1]!))).toBe('new')
  })
})

describe('what the leader’s handler reads', () => {
  const watched = (fields: Record<string, string> = {}) => {
    const leader = exchangeOf(ask(made.mount, { headers: fields }))
    leader.reads = new ReadLog()
    return { leader, seen: leader.reads.watch({ ...leader.request.fields }) }
  }

  test('becomes an implied Vary, on which followers must agree', async () => {
    const { leader, seen } = watched({ 'x-color': 'red' })
    const same = waitingFor(made.mount, { headers: { 'x-color': 'red' } })
    const other = waitingFor(made.mount, { headers: { 'x-color': 'blue' } })
    expect(seen['x-color']).toBe('red')
    answer(leader, { headers: sized, body: 'red!' })
    expect(await content(replyOf(await same))).toBe('red!')
    const next = exchangeOf(await other)
    answer(next, { headers: { ...fresh, vary: 'x-color' }, body: 'blue' })
    expect(await content(replyOf(ask(made.mount, { headers: { 'x-color': 'red' } })))).toBe('red!')
    expect(await content(replyOf(ask(made.mount, { headers: { 'x-color': 'blue' } })))).toBe('blue')
    expect(fate(made.mount)).toBe('miss')
  })

  test('late and with nobody reading along still becomes an implied Vary', async () => {
    const { leader, seen } = watched({ 'x-color': 'red' })
    const outcome = leader.head(responseHead({ headers: sized }))
    if (outcome.kind !== 'record') throw new Error(outcome.kind)
    expect(seen['x-color']).toBe('red')
    const other = lookup(made.mount, { headers: { 'x-color': 'blue' } })
    outcome.recording.write(Buffer.from('body'))
    leader.finish()
    exchangeOf(await other).abandon()
    expect(fate(made.mount, { headers: { 'x-color': 'red' } })).toBe('hit')
    expect(fate(made.mount, { headers: { 'x-color': 'blue' } })).toBe('miss')
  })

  test('late cuts those who were told to read along, though they have read nothing yet', async () => {
    const { leader, seen } = watched()
    const waiting = waitingFor(made.mount, { headers: { 'x-color': 'blue' } })
    leader.head(responseHead({ headers: sized }))
    expect(seen['x-color']).toBeUndefined()
    await expect(content(replyOf(await waiting))).rejects.toMatchObject({ code: 'ERR_BREAKWATER_RECORDING_LOST' })
    leader.finish()
    expect(fate(made.mount)).toBe('miss')
  })

  test('late cuts nobody who agrees with the leader', async () => {
    const { leader, seen } = watched({ 'x-color': 'red' })
    const waiting = ['red', 'blue', 'red'].map((color) => waitingFor(made.mount, { headers: { 'x-color': color } }))
    const outcome = leader.head(responseHead({ headers: sized }))
    if (outcome.kind !== 'record') throw new Error(outcome.kind)
    const texts = waiting.map(async (decision) => content(replyOf(await decision)))
    outcome.recording.write(Buffer.from('re'))
    await new Promise(setImmediate)
    expect(seen['x-color']).toBe('red')
    outcome.recording.write(Buffer.from('d!'))
    leader.finish()
    expect(await Promise.allSettled(texts)).toMatchObject([
      { value: 'red!' },
      { reason: { code: 'ERR_BREAKWATER_RECORDING_LOST' } },
      { value: 'red!' },
    ])
    expect(fate(made.mount, { headers: { 'x-color': 'red' } })).toBe('hit')
    expect(fate(made.mount, { headers: { 'x-color': 'blue' } })).toBe('miss')
  })

  test('after the last byte cuts nobody', async () => {
    const { leader, seen } = watched({ 'x-color': 'red' })
    const waiting = waitingFor(made.mount, { headers: { 'x-color': 'blue' } })
    const outcome = leader.head(responseHead({ headers: sized }))
    if (outcome.kind !== 'record') throw new Error(outcome.kind)
    outcome.recording.write(Buffer.from('body'))
    expect(seen['x-color']).toBe('red')
    leader.finish()
    expect(await content(replyOf(await waiting))).toBe('body')
    expect(fate(made.mount, { headers: { 'x-color': 'blue' } })).toBe('miss')
  })

  test.each(['before', 'after'])('of its credentials %s the head leaves nothing stored', async (when) => {
    const { leader } = watched()
    const waiting = waitingFor(made.mount)
    if (when === 'before') leader.reads?.readProperty('user')
    const outcome = leader.head(responseHead({ headers: fresh }))
    expect(outcome.kind).toBe(when === 'before' ? 'pass' : 'record')
    if (when === 'after') leader.reads?.readProperty('user')
    leader.finish()
    exchangeOf(await waiting).abandon()
    expect(fate(made.mount)).toBe('miss')
    expect(made.responses.lastRefusal(made.mount.keyOf(leader.request, undefined))).toBe('credentials-read')
  })

  test('where it has no credentials varies on their absence', () => {
    const { leader, seen } = watched()
    expect(seen.cookie).toBeUndefined()
    answer(leader, { headers: fresh })
    expect(fate(made.mount)).toBe('hit')
    expect(fate(made.mount, { headers: { cookie: 'a=b' } })).toBe('miss')
  })

  test.each([
    ['enumeration', 'vary', true],
    ['enumeration', 'strict', false],
    ['the client’s address', 'vary', true],
    ['the client’s address', 'strict', false],
  ] as const)('%s, mode %s: stored %s', (what, mode, stored) => {
    mountWith({ guard: { mode } })
    const { leader, seen } = watched({ 'x-forwarded-for': '1.2.3.4' })
    if (what === 'enumeration') Object.keys(seen)
    else expect(seen['x-forwarded-for']).toBe('1.2.3.4')
    answer(leader, { headers: fresh })
    expect(fate(made.mount)).toBe(stored ? 'hit' : 'miss')
  })
})

describe('a head that is judged again before it is sent', () => {
  test('counts as it is the last time', async () => {
    const leader = exchangeOf(ask(made.mount))
    const waiting = waitingFor(made.mount)
    expect(leader.head(responseHead({ headers: fresh })).kind).toBe('record')
    expect(leader.head(responseHead({ status: 500 })).kind).toBe('pass')
    leader.finish()
    exchangeOf(await waiting).abandon()
    expect(fate(made.mount)).toBe('miss')
  })
})
