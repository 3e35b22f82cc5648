import { primes } from 'breakwater'
import { afterEach, describe, expect, test } from 'vitest'
import { naive } from '../sequence-router/subjects.ts'
import { describeWithProgram, startRedis } from '../support/servers.ts'
import { ask, type Program, patience, start } from './program.ts'

let program: Program | undefined

afterEach(async () => {
  await program?.stop()
  program = undefined
})

function example(name: string, environment?: NodeJS.ProcessEnv): Program {
  program = start(`examples/${name}.ts`, [], environment)
  return program
}

describe('the small examples', { timeout: patience }, () => {
  /** The second of two answers came from memory. */
  const isKept = async (address: string): Promise<void> => {
    const [first, second] = [await ask(address), await ask(address)]
    expect(first.cache).toBe('Breakwater; fwd=uri-miss; stored')
    expect(second.cache).toMatch(/^Breakwater; hit; ttl=-?\d+$/)
    expect(second.text).toBe(first.text)
  }

  test('express keeps a product until a change purges its group', async () => {
    const address = await example('express').address()
    await isKept(address)
    expect((await ask(address, { method: 'PUT' })).status).toBe(204)
    await isKept(address)
  })

  test('koa keeps its answers, each by a rule of its own', async () => {
    const address = await example('koa').address()
    await isKept(address)
    await isKept(`${address}/now`)
    expect((await ask(address)).cache).toMatch(/ttl=\d\d$/)
    expect((await ask(`${address}/now`)).cache).toMatch(/ttl=(-?\d)$/)
  })

  test('node-shield keeps an answer for each language', async () => {
    const address = await example('node-shield').address()
    await isKept(address)
    const german = await ask(address, { headers: { 'accept-language': 'de' } })
    expect(german.cache).toBe('Breakwater; fwd=vary-miss; stored')
    expect(german.text).toContain('Guten Tag')
  })

  test('sequence-websocket reads primes ten at a time', async () => {
    const reading = example('sequence-websocket')
    expect(await reading.ended()).toBe(0)
    const terms = (await naive(primes, 1000, 25)).join(' ')
    expect(reading.lines()).toEqual([`${terms} and that was all`])
  })

  test('undici-fetch: the second fetch does not reach the service', async () => {
    const fetching = example('undici-fetch')
    expect(await fetching.ended()).toBe(0)
    const [first, second] = fetching.lines()
    expect(first).toMatch(/^Breakwater; fwd=uri-miss; stored Made at/)
    expect(second).toMatch(/^Breakwater; hit; ttl=\d+ Made at/)
    expect(second?.split('Made')[1]).toBe(first?.split('Made')[1])
  })

  test('breaker-express answers from memory while its circuit is open', async () => {
    const address = await example('breaker-express').address()
    expect((await ask(`${address}/prices/7`)).text).toContain('42')
    await ask(`${address}/works/no`, { method: 'PUT' })
    for (let i = 0; i < 3; i++) expect((await ask(`${address}/prices/8`)).status).toBe(500)
    const refused = await ask(`${address}/prices/8`)
    expect(refused.status).toBe(503)
    expect(refused.headers.get('retry-after')).toMatch(/^[3-5]$/)
    const status = async () => (await ask(`${address}/prices/7`)).cache
    await expect.poll(status, { timeout: 10_000 }).toContain('detail=origin-failed')
    expect((await ask(`${address}/breakers/prices`)).text).toContain('"name":"prices"')
    await ask(`${address}/works/yes`, { method: 'PUT' })
    expect((await ask(`${address}/breakers/prices/reset`, { method: 'POST' })).text).toContain('"closed"')
    expect((await ask(`${address}/prices/8`)).status).toBe(200)
  })

  test('breaker-koa keeps the circuits of tenants apart', async () => {
    const address = await example('breaker-koa').address()
    for (let i = 0; i < 3; i++) expect((await ask(`${address}/broken`)).status).toBe(500)
    expect((await ask(`${address}/broken`)).text).toContain('try again in')
    expect((await ask(`${address}/works`)).text).toBe('{"orders":[1,2,3]}')
    const { breakers } = JSON.parse((await ask(`${address}/breakers`)).text)
    expect(breakers.map(({ name, state }: { name: string; state: string }) => [name, state])).toEqual([
      ['broken', 'open'],
      ['works', 'closed'],
    ])
  })

  test('undici-breaker: a service that fails is left alone until it is well', async () => {
    const breaking = example('undici-breaker')
    expect(await breaking.ended()).toBe(0)
    expect(breaking.lines()).toEqual([
      ...[1, 2, 3].map((times) => `sorry (asked ${times} times)`),
      ...[3, 3].map((times) => `a default (asked ${times} times)`),
      'well again (asked 4 times)',
    ])
  })

  test('fibonacci: a page is made once, and kept', async () => {
    const page = await example('fibonacci').address()
    await isKept(page)
    expect(JSON.parse((await ask(page)).text).terms[0]).toMatch(/^4346655768\d{199}$/)
    const { origin } = new URL(page)
    expect((await ask(`${origin}/api/fibonacci?count=5`)).text).toBe('{"results":[0,1,1,2,3]}')
    expect(JSON.parse((await ask(`${origin}/primes/terms?limit=4`)).text).terms).toEqual([2, 3, 5, 7])
  })

  test('redis: without a Redis it answers all the same', async () => {
    const address = await example('redis', { REDIS_URL: 'redis://127.0.0.1:9' }).address()
    expect((await ask(address)).status).toBe(200)
    expect((await ask(address)).cache).toContain('hit')
  })
})

describeWithProgram('redis-server', 'the example on Redis', () => {
  test('two processes share one cache, and a purge of a group', { timeout: patience }, async () => {
    const redis = await startRedis()
    const other = start('examples/redis.ts', [], { REDIS_URL: redis.url })
    try {
      const [here, there] = await Promise.all([example('redis', { REDIS_URL: redis.url }).address(), other.address()])
      // The host is in the key: both are asked under the same one.
      const shared = { headers: { host: 'shop.example' } }
      await expect.poll(async () => (await ask(here, shared)).cache).toMatch(/^Breakwater; hit/)
      await expect.poll(async () => (await ask(there, shared)).cache).toMatch(/^Breakwater; hit/)
      expect((await ask(there, shared)).text).toBe((await ask(here, shared)).text)
      expect((await ask(there, { ...shared, method: 'DELETE' })).status).toBe(204)
      await expect.poll(async () => (await ask(here, shared)).cache).toContain('fwd=uri-miss')
    } finally {
      await other.stop()
      await redis.stop()
    }
  })
})
