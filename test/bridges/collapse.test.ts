import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { startSubject, statusOf } from './subject.ts'
import { bridges } from './subjects/index.ts'

const together = <T>(count: number, run: (i: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, i) => run(i)))

describe.each(bridges)('$name: requests for the same thing', (bridge) => {
  test('200 cold ones run the handler once', async () => {
    let calls = 0
    const subject = await startSubject(bridge, {}, async () => {
      const body = `answer ${++calls}`
      await sleep(100)
      return { headers: { 'Cache-Control': 'max-age=60' }, body }
    })
    const got = await together(200, () => subject.request('/'))
    expect(new Set(got.map(({ body }) => body))).toEqual(new Set(['answer 1']))
    expect(subject.asked).toHaveLength(1)
    // Those that come after the answer was complete are plain hits.
    const statuses = got.map(statusOf)
    expect(statuses.filter((status) => status.includes('collapsed') || status.startsWith('hit'))).toHaveLength(199)
    expect(statuses).toContain('fwd=uri-miss; collapsed')
  })

  test('are each answered on their own where the answer is private', async () => {
    let calls = 0
    const subject = await startSubject(bridge, {}, async () => {
      const body = `answer ${++calls}`
      await sleep(50)
      return { headers: { 'Cache-Control': 'private' }, body }
    })
    const got = await together(20, () => subject.request('/'))
    expect(new Set(got.map(({ body }) => body)).size).toBe(20)
  })

  test('with a Cookie do not wait for a key not known to be shareable', async () => {
    const subject = await startSubject(bridge, {}, async ({ headers }) => {
      const body = `for ${String(headers.cookie)}`
      await sleep(50)
      return { headers: { 'Cache-Control': 'private' }, body }
    })
    const got = await together(20, (i) => subject.request('/', { headers: { cookie: `who=${i}` } }))
    expect(got.map(({ body }) => body)).toEqual(Array.from({ length: 20 }, (_, i) => `for who=${i}`))
  })

  test('for different variants each get their own', async () => {
    const subject = await startSubject(bridge, {}, async ({ headers }) => {
      const body = `in ${String(headers['x-tongue'])}`
      await sleep(50)
      return { headers: { 'Cache-Control': 'max-age=60', Vary: 'X-Tongue' }, body }
    })
    const got = await together(40, (i) => subject.request('/', { headers: { 'x-tongue': i % 2 ? 'en' : 'da' } }))
    expect(got.map(({ body }) => body)).toEqual(Array.from({ length: 40 }, (_, i) => (i % 2 ? 'in en' : 'in da')))
    expect(subject.asked).toHaveLength(2)
  })

  test('collapse: false sends each on', async () => {
    const subject = await startSubject(bridge, { cache: { collapse: false } }, async () => {
      await sleep(20)
      return { headers: { 'Cache-Control': 'max-age=60' }, body: 'x' }
    })
    await together(10, () => subject.request('/'))
    expect(subject.asked).toHaveLength(10)
  })
})
