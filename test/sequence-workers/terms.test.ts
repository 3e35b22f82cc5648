import { fibonacci, lucas, memoryStore, primes, type Sequence, walk } from 'breakwater'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { keepTerms } from '../../src/core/sequence/keep-terms.ts'
import { frameworks, startSubject } from '../sequence-router/subjects.ts'
import { cubes, sequence as squares, threads, ticks } from './modules/squares.ts'
import { startPool } from './pools.ts'

const never = new AbortController().signal
const subjects: readonly Sequence[] = [fibonacci, lucas, primes, squares, cubes, ticks] as Sequence[]

async function naive(sequence: Sequence, start: number, end: number): Promise<string[]> {
  const texts: string[] = []
  for await (const batch of walk(sequence, { start, count: end - start })) texts.push(...batch.texts)
  return texts
}

describe.each(subjects.map((sequence) => [sequence.id, sequence] as const))('%s in workers', (_, sequence) => {
  test('has the same terms in all ranges, whatever is kept of it', { timeout: 30_000 }, async () => {
    const pool = startPool({ threshold: 0, maxThreads: 2 })
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 300 }),
        fc.array(fc.tuple(fc.nat(13_000), fc.nat(1_500)), { minLength: 1, maxLength: 4 }),
        async (blockSize, ranges) => {
          const source = keepTerms(sequence, { store: memoryStore(), blockSize, pool })
          for (const [start, count] of ranges) {
            const texts: string[] = []
            for await (const terms of source.read(start, start + count, never)) {
              expect(terms.index).toBe(start + texts.length)
              texts.push(...terms.texts)
            }
            expect(texts).toEqual(await naive(sequence, start, start + count))
          }
        },
      ),
      { numRuns: 12 },
    )
    expect(pool.status().threads).toBeGreaterThan(0)
  })
})

test('more than a slice of short terms comes in order', async () => {
  const source = keepTerms(squares, { store: memoryStore(), pool: startPool() })
  let next = 0
  for await (const { index, texts } of source.read(0, 35_000, never)) {
    expect(index).toBe(next)
    expect(texts.map(Number)).toEqual(texts.map((__, i) => (index + i) ** 2))
    next += texts.length
  }
  expect(next).toBe(35_000)
})

test('what one has computed in a worker, another goes on from on the event loop, and the other way round', async () => {
  const store = memoryStore()
  const pool = startPool({ threshold: 0 })
  for (const [start, own] of [
    [100_000, pool],
    [100_010, undefined],
    [100_020, pool],
  ] as const) {
    const terms: string[] = []
    const source = keepTerms(fibonacci, { store, pool: own })
    for await (const { texts } of source.read(start, start + 10, never)) terms.push(...texts)
    expect(terms).toEqual(await naive(fibonacci as Sequence, start, start + 10))
  }
})

describe.each(frameworks.map((framework) => [framework.name, framework] as const))('behind %s', (_, framework) => {
  test.each([
    ['fibonacci', fibonacci, '/terms?start=100000&limit=20'],
    ['primes', primes, '/terms?start=20000&limit=900'],
    ['squares', squares, '/terms?start=1000&limit=700'],
    ['cubes', cubes, '/terms?start=11900&limit=300'],
  ] as const)('every format of %s is the same as without workers', async (__, sequence, path) => {
    const pool = startPool({ threshold: 0 })
    const beside = await startSubject(framework, { router: { sequence: sequence as Sequence, workers: pool } })
    const here = await startSubject(framework, { router: { sequence: sequence as Sequence, workers: false } })
    for (const format of ['json', 'array', 'ndjson', 'sse']) {
      const [one, other] = [await beside.get(`${path}&format=${format}`), await here.get(`${path}&format=${format}`)]
      expect(one.status).toBe(200)
      expect(one.body).toBe(other.body)
      const { date: _1, ...fields } = one.headers
      const { date: _2, ...expected } = other.headers
      expect(fields).toEqual(expected)
    }
    expect((await beside.get('/terms/10')).body).toBe((await here.get('/terms/10')).body)
    const range = { range: 'items=10-19' }
    expect((await beside.get('/terms', range)).body).toBe((await here.get('/terms', range)).body)
    expect(pool.status().threads).toBe(1)
  })

  test('many clients who want the same page at once wait for one computation', async () => {
    const workers = startPool({ maxQueue: 0 })
    const { get } = await startSubject(framework, { router: { sequence: fibonacci, workers } })
    const answers = await Promise.all(Array.from({ length: 50 }, () => get('/terms?start=300000&limit=2')))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    expect(new Set(answers.map(({ body }) => body)).size).toBe(1)
  })

  test('only what is predicted to take more than the threshold goes to a worker', async () => {
    const workers = startPool({ threshold: 20 })
    const { get } = await startSubject(framework, { router: { sequence: threads as Sequence, workers } })
    const placesOf = async (path: string) => [...new Set(JSON.parse((await get(path)).body).terms)]
    expect(await placesOf('/terms?start=0&limit=400')).toEqual(['server'])
    expect(workers.status().threads).toBe(0)
    expect(await placesOf('/terms?start=0&limit=401')).toEqual(['worker'])
    expect(await placesOf('/terms?start=900&limit=1')).toEqual(['worker'])
  })
})

test('without options, and with workers: false, it is the pool of the process, and none', async () => {
  const [framework] = frameworks
  const placesWith = async (options: { workers?: false }) => {
    const router = { sequence: threads as Sequence, ...options }
    const { get } = await startSubject(framework as (typeof frameworks)[number], { router })
    return JSON.parse((await get('/terms?limit=500')).body).terms[0]
  }
  expect(await placesWith({})).toBe('worker')
  expect(await placesWith({ workers: false })).toBe('server')
})

test('a changed copy of a sequence is never taken for what its module exports', async () => {
  const [framework] = frameworks
  const sequence = { ...threads, text: () => '"changed"' } as Sequence
  const workers = startPool({ threshold: 0 })
  const { get } = await startSubject(framework as (typeof frameworks)[number], { router: { sequence, workers } })
  expect(JSON.parse((await get('/terms?limit=2')).body).terms).toEqual(['changed', 'changed'])
  expect(workers.status().threads).toBe(0)
})
