import { defineSequence, type memoryStore, primes, type Sequence } from 'breakwater'
import { describe, expect, test } from 'vitest'
import { keepTerms } from '../../src/core/sequence/keep-terms.ts'
import { FaultyStore } from '../sequence/faulty-store.ts'
import { type Framework, frameworks, linksOf, startSubject } from './subjects.ts'

/** 1 ms a term, and for each before it; with `jumps` 200 ms for those. Tells how many it computes. */
function slow({ jumps = false } = {}) {
  let computed = 0
  const sequence: Sequence<number> = defineSequence<number>({
    id: 'slow',
    start: () => 0,
    next: (n) => {
      computed++
      return n + 1
    },
    ...(jumps && { jump: (n: number) => n }),
    cost: (start, count, kept) => {
      const skipped = kept !== undefined ? start - kept - 1 : jumps ? 200 : start
      return { bytes: count, time: skipped + count }
    },
  })
  return { sequence, computed: () => computed }
}

const options = { blockSize: 10, storeTimeout: 100 }
const limits = { page: { time: 100 } }
/** Where nothing is put off, what is too much is refused. */
const jobs = false as const
const block = (n: number): string => `sequence ["slow","1",10] block ${n}`

/** A store with the first 300 terms, but for the blocks that are gone. */
async function filled(gone: readonly number[] = []): Promise<FaultyStore> {
  const store = new FaultyStore()
  const source = keepTerms(slow().sequence, { store: store.client(), ...options })
  for await (const _ of source.read(0, 300, new AbortController().signal));
  for (const n of gone) (store.kept as ReturnType<typeof memoryStore>).delete(block(n))
  return store
}

const framework = frameworks[0] as Framework

describe('what is too much unless the terms before it are kept', () => {
  test.each<[string, string, readonly number[], number, number?]>([
    ['where all is kept', '/terms?start=200&limit=50', [], 200],
    ['where it goes on from what is kept', '/terms?start=300&limit=50', [], 200],
    ['in the middle of a block', '/terms?start=205&limit=50', [], 200],
    ['where the block before it is there', '/terms?start=200&limit=50', [20, 21, 22, 23, 24, 25], 200],
    ['where only its own first block is there', '/terms?start=205&limit=50', [19, 18, 17, 16, 15], 200],
    ['where the next kept one is near', '/terms?start=200&limit=50', [18, 19, 20, 21], 200],
    ['where the next kept one is too far for so many', '/terms?start=280&limit=80', [25, 26, 27, 28, 29], 422, 70],
    ['where none is near', '/terms?start=450&limit=50', [], 422, 0],
    ['where it is no use', '/terms?start=200&limit=101', [], 422, 100],
    ['in a single term', '/terms/205', [], 200],
    ['in a single term that is far', '/terms/450', [], 422, 0],
  ])('%s: %s', async (_, path, gone, status, maxLimit) => {
    const store = await filled(gone)
    const { sequence, computed } = slow()
    const { get } = await startSubject(framework, {
      router: { sequence, store: store.client(), ...options, limits, jobs },
    })
    const head = await get(path, {}, 'HEAD')
    expect([head.status, computed()]).toEqual([status, 0])
    const got = await get(path)
    expect(got.status).toBe(status)
    if (status === 422) expect([JSON.parse(got.body).maxLimit, computed()]).toEqual([maxLimit, 0])
  })

  test.each(frameworks)('page after page by its links in $name', async (own) => {
    const store = new FaultyStore()
    const { sequence } = slow()
    const { get } = await startSubject(own, { router: { sequence, store: store.client(), ...options, limits, jobs } })
    let path = '?start=0&limit=50'
    for (let page = 0; page < 8; page++) {
      const got = await get(`/terms${path}`)
      expect([got.status, JSON.parse(got.body).start, JSON.parse(got.body).count]).toEqual([200, page * 50, 50])
      path = linksOf(got).next ?? ''
    }
    expect((await get('/terms?start=1000&limit=50')).status).toBe(422)
    expect((await get('/terms', { range: 'items=400-449' })).status).toBe(206)
    expect((await get('/terms', { range: 'items=1000-1049' })).status).toBe(422)
  })

  test.each(['fails', 'hangs'] as const)('is refused in time where the store %s', async (fault) => {
    const store = await filled()
    store.faults.reads = fault
    const { sequence, computed } = slow()
    // One timeout for all that the store is asked.
    const router = { sequence, store: store.client(), ...options, storeTimeout: 300, limits, jobs }
    const { get } = await startSubject(framework, { router })
    const begun = performance.now()
    expect((await get('/terms?start=300&limit=50')).status).toBe(422)
    expect(performance.now() - begun).toBeLessThan(600)
    expect(computed()).toBe(0)
  })

  test('is 304 to who has it, though nothing is kept, and nothing is asked', async () => {
    const store = await filled()
    const { get } = await startSubject(framework, {
      router: { sequence: slow().sequence, store: store.client(), ...options, limits, jobs },
    })
    const path = '/terms?start=300&limit=50'
    const { etag = '' } = (await get(path)).headers
    const empty = new FaultyStore()
    const { sequence, computed } = slow()
    const other = await startSubject(framework, {
      router: { sequence, store: empty.client(), ...options, limits, jobs },
    })
    expect((await other.get(path, { 'if-none-match': etag })).status).toBe(304)
    expect([empty.calls.reads, computed()]).toEqual([0, 0])
    expect((await other.get(path, { 'if-none-match': '"another"' })).status).toBe(422)
    expect((await other.get(path, { 'if-none-match': '*' })).status).toBe(422)
  })

  test('what is not too much asks the store for nothing beforehand', async () => {
    const store = new FaultyStore()
    const { sequence } = slow()
    const { get } = await startSubject(framework, {
      router: { sequence, store: store.client(), ...options, limits, jobs },
    })
    expect((await get('/terms?start=0&limit=50', {}, 'HEAD')).status).toBe(200)
    expect(store.calls.reads).toBe(0)
  })

  test('where a sequence can be entered anywhere, the page behind one that was streamed', async () => {
    const { sequence } = slow({ jumps: true })
    const router = { sequence, store: new FaultyStore().client(), limits, jobs }
    const { get } = await startSubject(framework, { router })
    expect((await get('/terms?start=1000&limit=50')).status).toBe(422)
    expect((await get('/terms?start=950&limit=50&format=ndjson')).status).toBe(200)
    await expect.poll(async () => (await get('/terms?start=1000&limit=50')).status).toBe(200)
    expect((await get('/terms?start=1001&limit=50')).status).toBe(422)
  })

  test('primes far out', async () => {
    const { get } = await startSubject(framework, {
      router: { sequence: primes, jobs, limits: { page: { time: 10 } } },
    })
    expect((await get('/terms?start=100000&limit=100')).status).toBe(422)
    // By what may take longer.
    expect((await get('/terms?start=99900&limit=100&format=array')).status).toBe(200)
    const second = await get('/terms?start=100000&limit=100')
    expect([second.status, JSON.parse(second.body).terms[0]]).toEqual([200, 1_299_721])
    expect((await get('/terms?start=200000&limit=100')).status).toBe(422)
  })
})
