import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fromUpstream, memoryStore, type Sequence } from 'breakwater'
import { cache, circuitBreaker } from 'breakwater/undici'
import { Agent, type Dispatcher, request } from 'undici'
import { describe, expect, onTestFinished, test } from 'vitest'
import { frameworks, startSubject } from './subjects.ts'

const size = 7
const items = Array.from({ length: 40 }, (_, i) => ({ id: i, title: `item ${i}` }))

/** An API with pages of 7 items, which fails from page `failsFrom` on, and the pages that it was asked for. */
async function startUpstream(failsFrom = Infinity): Promise<{ readonly url: string; readonly asked: number[] }> {
  const asked: number[] = []
  const server = createServer(({ url = '' }, response) => {
    const page = Number(new URLSearchParams(url.split('?')[1]).get('page'))
    asked.push(page)
    if (page >= failsFrom) response.writeHead(503).end()
    else {
      const own = items.slice((page - 1) * size, page * size)
      const next = page * size < items.length ? page + 1 : null
      response.writeHead(200, { 'Cache-Control': 'public, max-age=60' }).end(JSON.stringify({ items: own, next }))
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close().closeAllConnections())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

/** Cached and broken as any other call of undici. */
function sequenceOf(url: string): Sequence {
  const agent = new Agent()
  onTestFinished(() => agent.close())
  const dispatcher: Dispatcher = agent.compose(
    circuitBreaker({ store: memoryStore(), consecutiveFailures: 2, openDuration: 60_000 }),
    cache({ store: memoryStore() }),
  )
  const fetchPage = async (page = 1, signal: AbortSignal) => {
    const { statusCode, body } = await request(`${url}/items?page=${page}`, { dispatcher, signal })
    const text = await body.text()
    if (statusCode !== 200) throw new Error(`The upstream answered ${statusCode}`)
    return JSON.parse(text) as { items: typeof items; next: number | null }
  }
  return fromUpstream<(typeof items)[number], number>(fetchPage, { id: 'items', prefetch: false })
}

describe.each(frameworks)('an upstream by undici in $name', (framework) => {
  test("has pages of the client's size, and each of its own is asked for once while it is fresh", async () => {
    const { url, asked } = await startUpstream()
    const { get } = await startSubject(framework, { router: { sequence: sequenceOf(url) } })
    const page = async (start: number) => JSON.parse((await get(`/terms?start=${start}&limit=10`)).body).terms
    expect(await page(0)).toEqual(items.slice(0, 10))
    expect(asked).toEqual([1, 2])
    expect(await page(10)).toEqual(items.slice(10, 20))
    expect(await page(30)).toEqual(items.slice(30))
    expect(await page(5)).toEqual(items.slice(5, 15))
    expect(asked).toEqual([1, 2, 3, 4, 5, 6])
  })

  test('is not asked any more when its circuit is open, and readers are told', async () => {
    const { url, asked } = await startUpstream(2)
    const errors: unknown[] = []
    const setting = { router: { sequence: sequenceOf(url) }, onError: (error: unknown) => errors.push(error) }
    const { get } = await startSubject(framework, setting)
    for (let i = 0; i < 4; i++) expect((await get('/terms?limit=10')).status).toBe(500)
    expect(asked).toEqual([1, 2, 2])
    expect(errors.at(-1)).toMatchObject({ name: 'CircuitOpenError', reason: 'open' })
    const lines = (await get('/terms?limit=10&format=ndjson')).body.trim().split('\n')
    expect(lines).toHaveLength(size + 1)
    expect(JSON.parse(lines.at(-1) as string).error).toMatchObject({ status: 503, reason: 'open', index: size })
    expect(asked).toEqual([1, 2, 2])
  })
})
