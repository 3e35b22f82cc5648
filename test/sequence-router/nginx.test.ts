import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { defineSequence, fibonacci, memoryStore, type Sequence } from 'breakwater'
import { compression, sequenceRouter } from 'breakwater/express'
import express from 'express'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { decode } from '../support/decode.ts'
import { type NginxServer, startNginx } from '../support/nginx.ts'
import { describeWithProgram } from '../support/servers.ts'
import { fetchFrom, type Received } from '../transparency/client.ts'

const codingOf = ({ headers }: Received): string => headers['content-encoding'] ?? 'identity'
const cacheOf = ({ headers }: Received): unknown => headers['x-cache-status']
const decoded = (answer: Received): string => decode(codingOf(answer), Buffer.from(answer.body, 'latin1')).toString()

/** 2^53 and more are strings. */
const results = (count: number): unknown[] => {
  let [current, next] = [0n, 1n]
  return Array.from({ length: count }, () => {
    const result = current <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(current) : `${current}`
    ;[current, next] = [next, current + next]
    return result
  })
}

describeWithProgram('nginx', 'a sequence behind the nginx of the example', () => {
  /** Requests that reached the app. */
  let asked = 0
  let server: Server
  let nginx: NginxServer

  beforeAll(async () => {
    const app = express()
    app.set('trust proxy', 'loopback')
    app.use((_request, _response, next) => {
      asked++
      next()
    })
    app.use(compression())
    const store = memoryStore()
    app.use('/api/fibonacci', sequenceRouter({ sequence: fibonacci, counted: 'exact', store }))
    const dice: Sequence = defineSequence({ id: 'dice', deterministic: false, start: () => 1, next: (n) => n + 1 })
    app.use('/dice', sequenceRouter({ sequence: dice }))
    server = createServer(app)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    nginx = await startNginx(fileURLToPath(new URL('../../examples/nginx', import.meta.url)), (own) => ({
      '127.0.0.1:8080': `127.0.0.1:${own}`,
      '127.0.0.1:3000': `127.0.0.1:${port}`,
    }))
  })

  afterAll(async () => {
    const complaints = nginx.complaints()
    await nginx.stop()
    server.closeAllConnections()
    server.close()
    expect(complaints).toBe('')
  })

  const twice = async (path: string, headers: Record<string, string>): Promise<[Received, Received]> => {
    asked = 0
    const ask = () => fetchFrom(`${nginx.url}${path}`, headers)
    return [await ask(), await ask()]
  }

  test.each([
    ['?count=300', undefined],
    ['?count=300', 'gzip'],
    ['?count=300', 'gzip, deflate, br, zstd'],
    ['/terms?start=1000&limit=100', undefined],
    ['/terms?start=1000&limit=100', 'gzip'],
    ['/terms?limit=90', undefined],
    ['/terms?limit=90', 'gzip'],
    ['/terms?start=0&limit=200&format=ndjson', 'gzip'],
    ['/terms/500', undefined],
  ])('the second request for %s with Accept-Encoding: %s is a HIT', async (path, accepted) => {
    const fields = accepted === undefined ? {} : { 'Accept-Encoding': accepted }
    const [first, second] = await twice(`/api/fibonacci${path}`, fields)
    expect([first, second].map(({ status }) => status)).toEqual([200, 200])
    expect([first, second].map(cacheOf)).toEqual(['MISS', 'HIT'])
    expect(asked).toBe(1)
    expect(second.body).toBe(first.body)
    const coded = accepted !== undefined && !path.startsWith('/terms/')
    expect([first, second].map((answer) => codingOf(answer) !== 'identity')).toEqual([coded, coded])
    if (path.startsWith('?')) expect(JSON.parse(decoded(second))).toEqual({ results: results(300) })
  })

  test('nginx answers 304 to who has the page, and the app is not asked', async () => {
    const path = '/api/fibonacci/terms?start=2000&limit=10'
    const [{ headers }] = await twice(path, {})
    asked = 0
    const again = await fetchFrom(`${nginx.url}${path}`, { 'If-None-Match': headers.etag ?? '' })
    expect([again.status, cacheOf(again), asked]).toEqual([304, 'HIT', 0])
  })

  test.each([
    ['a refusal', '/api/fibonacci/terms?limit=50000000', 422],
    ['work that is put off', '/api/fibonacci/terms?limit=5000', 202],
    ['terms that may be others each time', '/dice/terms?start=0&limit=5', 200],
  ])('%s is a MISS each time', async (_, path, status) => {
    const both = await twice(path, { 'Accept-Encoding': 'gzip' })
    expect(both.map((answer) => [answer.status, cacheOf(answer)])).toEqual(Array(2).fill([status, 'MISS']))
    expect(asked).toBe(2)
  })
})
