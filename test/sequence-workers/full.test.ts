import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { type Events, type Sequence, type TermPool, TermPoolError } from 'breakwater'
import { describe, expect, test } from 'vitest'
import { keepTerms } from '../../src/core/sequence/keep-terms.ts'
import { frameworks, startSubject } from '../sequence-router/subjects.ts'
import { hanging, slow } from './modules/misbehaving.ts'
import { ticks } from './modules/squares.ts'
import { asking, startPool } from './pools.ts'

describe.each(frameworks.map((framework) => [framework.name, framework] as const))('behind %s', (_, framework) => {
  test('503 with Retry-After where too many wait; whoever leaves makes room', async () => {
    const workers = startPool({ maxQueue: 1, threshold: 0 })
    const busy = await startSubject(framework, { router: { sequence: hanging as Sequence, workers } })
    const other = await startSubject(framework, { router: { sequence: ticks as Sequence, workers } })
    const first = asking(busy.port, '/terms?limit=100')
    await expect.poll(() => workers.status(), { interval: 2 }).toMatchObject({ busy: 1, waiting: 0 })
    const second = asking(other.port, '/terms?limit=2')
    await expect.poll(() => workers.status(), { interval: 2 }).toMatchObject({ busy: 1, waiting: 1 })

    const refused = await other.get('/terms?limit=2')
    expect(refused.status).toBe(503)
    expect(refused.headers).toMatchObject({
      'content-type': 'application/problem+json',
      'retry-after': '1',
      'cache-control': 'no-store',
    })
    expect(refused.headers.etag).toBeUndefined()
    expect(JSON.parse(refused.body)).toMatchObject({ status: 503, retryAfter: 1 })

    second.destroy()
    await expect.poll(() => workers.status(), { interval: 2 }).toMatchObject({ waiting: 0 })
    const third = other.get('/terms?limit=2')
    await expect.poll(() => workers.status(), { interval: 2 }).toMatchObject({ waiting: 1 })
    first.destroy()
    expect((await third).status).toBe(200)
  })
})

/** How long a worker may take until it has loaded all that it needs, from its sources. */
const started = { timeout: 10_000 }
const [framework] = frameworks as [(typeof frameworks)[number]]

test('503 with Retry-After after the deadline, at work or in the queue; the worker is ended, and there is another', async () => {
  const workers = startPool({ deadline: 1_500, threshold: 0 })
  const busy = await startSubject(framework, { router: { sequence: hanging as Sequence, workers } })
  const other = await startSubject(framework, { router: { sequence: ticks as Sequence, workers } })
  await expect.poll(() => other.get('/terms?limit=2'), started).toMatchObject({ status: 200 })
  const answers = await Promise.all([busy.get('/terms?limit=9'), other.get('/terms?limit=2')])
  for (const { status, headers } of answers) {
    expect(status).toBe(503)
    expect(headers).toMatchObject({ 'content-type': 'application/problem+json', 'retry-after': '2' })
  }
  expect(workers.status().waiting).toBe(0)
  await expect.poll(() => workers.status(), { interval: 2 }).toMatchObject({ busy: 0, threads: 0 })
  await expect.poll(() => other.get('/terms?limit=2'), started).toMatchObject({ status: 200 })
})

test('a walk that has begun is not refused for others who wait', async () => {
  const pool = startPool({ maxQueue: 0, threshold: 0 })
  const reading = keepTerms(ticks as Sequence, { pool }).read(0, 20_000, new AbortController().signal)
  const { value } = await reading.next()
  let count = value?.texts.length ?? 0
  // It has nothing in work now, and another takes the only worker.
  const others = keepTerms(slow as Sequence, { pool }).read(0, 12, new AbortController().signal)
  const taken = others.next()
  await expect.poll(() => pool.status().busy, { interval: 1 }).toBe(1)
  await expect(
    keepTerms(ticks as Sequence, { pool })
      .read(0, 2, new AbortController().signal)
      .next(),
  ).rejects.toThrow(TermPoolError)
  for await (const { texts } of reading) count += texts.length
  expect(count).toBe(20_000)
  await taken
  await others.return()
})

describe('a pool that fails in the middle of a stream', () => {
  /** One slice of two terms, then an error. */
  const failing: TermPool = {
    threshold: 0,
    run: async ({ isContinued }) => {
      if (isContinued) throw new TermPoolError('late', 'It took too long', { retryAfter: 1_500 })
      return { parts: [{ count: 2, lines: '0\n1', last: { index: 1, state: Buffer.from('1') } }], isEnd: false }
    },
  }
  const router = { sequence: ticks as Sequence, workers: failing }

  test('is told to the reader as its format has it', async () => {
    const { get } = await startSubject(framework, { router })
    const { body } = await get('/terms?format=ndjson&limit=100')
    const [, , last = ''] = body.split('\n')
    expect(JSON.parse(last).error).toMatchObject({ status: 503, retryAfter: 2, index: 2 })
  })

  test('is told to whoever listens', async () => {
    const events: Events['breakwater:sequence:pool'][] = []
    const listen = (event: unknown) => void events.push(event as Events['breakwater:sequence:pool'])
    subscribe('breakwater:sequence:pool', listen)
    const { get } = await startSubject(framework, { router })
    await get('/terms?limit=100').finally(() => unsubscribe('breakwater:sequence:pool', listen))
    expect(events).toEqual([{ sequence: 'ticks', reason: 'late', error: expect.any(TermPoolError) }])
  })
})
