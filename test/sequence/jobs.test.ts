import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Job, JobView } from '../../src/core/sequence/job.ts'
import { type JobOptions, Jobs } from '../../src/core/sequence/jobs.ts'
import { keptReader } from '../../src/core/sequence/kept-reader.ts'
import { TermPoolError } from '../../src/core/sequence/term-pool.ts'
import type { TermReader } from '../../src/core/sequence/term-reader.ts'
import {
  type Clock,
  defineSequence,
  type Events,
  memoryStore,
  type Sequence,
  type Store,
  type StoreItem,
} from '../../src/index.ts'
import { FaultyStore } from './faulty-store.ts'

class HandClock implements Clock {
  ms = 1_000_000
  now(): number {
    return this.ms
  }
  monotonic(): number {
    return this.ms
  }
}

/** Squares that come as the test lets them. */
class Tap {
  computed: number[] = []
  #allowed = 0
  #next = Promise.withResolvers<void>()
  readonly sequence: Sequence

  constructor(given: { length?: number; deterministic?: boolean; failsAt?: number; salt?: string } = {}) {
    const { failsAt, salt = '', ...definition } = given
    this.sequence = defineSequence<number, string>({
      id: 'tap',
      ...definition,
      states: (after, signal) => this.#states(after === undefined ? 0 : after + 1, given.length, failsAt, signal),
      term: (n) => `${salt}${n * n}`,
    })
  }

  /** `count` more of them. */
  give(count: number): void {
    this.#allowed += count
    this.#next.resolve()
    this.#next = Promise.withResolvers()
  }

  async *#states(first: number, length = Infinity, failsAt: number | undefined, signal: AbortSignal) {
    for (let n = first; n < length; n++) {
      while (this.#allowed === 0) await Promise.race([this.#next.promise, aborted(signal)])
      if (signal.aborted) return
      if (n === failsAt) throw new Error('a secret of the inside')
      this.#allowed--
      this.computed.push(n)
      yield n
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

interface Given {
  readonly store?: Store
  readonly options?: JobOptions
}

function jobsOf(sequence: Sequence, { store = memoryStore(), options = {} }: Given = {}): Jobs {
  return new Jobs(sequence, { reader: keptReader(sequence, { store, blockSize: 10 }), store }, options)
}

async function created(jobs: Jobs, start: number, count: number): Promise<Job> {
  const answer = await jobs.create({ start, count })
  if (answer.type !== 'job') throw new Error(`The answer is ${answer.type}`)
  return answer.view.job
}

const never = new AbortController().signal

async function all(jobs: Jobs, job: Job, start = job.start): Promise<string[]> {
  const texts: string[] = []
  for await (const terms of jobs.follow(job, start, never)) {
    expect(terms.index).toBe(start + texts.length)
    texts.push(...terms.texts)
  }
  return texts
}

const squares = (start: number, end: number, salt = '') =>
  Array.from({ length: end - start }, (_, i) => `"${salt}${(start + i) ** 2}"`)

async function reaches(jobs: Jobs, { id }: Job, state: Partial<JobView['state']>): Promise<JobView> {
  return vi.waitFor(
    async () => {
      const view = await jobs.find(id)
      expect(view?.state).toMatchObject(state)
      return view as JobView
    },
    { timeout: 20_000, interval: 10 },
  )
}

/** A memory store that does not take, or loses, what a test says. */
function faulty(): { store: Store; refuses: (key: string) => boolean; lose(part: string): void } {
  const inner = memoryStore()
  const keys = new Set<string>()
  const given = {
    refuses: (_key: string): boolean => false,
    lose: (part: string) => {
      for (const key of keys) if (key.includes(part)) inner.delete(key)
    },
    store: {
      name: 'faulty',
      near: true,
      maxEntrySize: inner.maxEntrySize,
      get: (key: string) => inner.get(key),
      set: (key: string, item: StoreItem, lifetime: number) => {
        if (given.refuses(key)) throw new Error('no room')
        keys.add(key)
        inner.set(key, item, lifetime)
      },
      delete: (key: string) => inner.delete(key),
      clear: () => inner.clear(),
      reserve: (bytes: number) => inner.reserve(bytes),
      release: (bytes: number) => inner.release(bytes),
    } satisfies Store,
  }
  return given
}

describe('a job', () => {
  test('is computed while nobody looks, and its terms are those of the sequence', async () => {
    const tap = new Tap()
    const jobs = jobsOf(tap.sequence)
    tap.give(1e9)
    const job = await created(jobs, 5, 2_500)
    await reaches(jobs, job, { status: 'done', done: 2_500 })
    expect(await all(jobs, job)).toEqual(squares(5, 2_505))
    expect(await all(jobs, job, 1_700)).toEqual(squares(1_700, 2_505))
  })

  test('is followed while it is computed: each term comes when it is there', async () => {
    const tap = new Tap()
    const jobs = jobsOf(tap.sequence)
    const job = await created(jobs, 0, 30)
    const following = jobs.follow(job, 0, never)
    const first = following.next()
    tap.give(10)
    expect((await first).value).toEqual({ index: 0, texts: squares(0, 10) })
    const second = following.next()
    tap.give(20)
    expect((await second).value?.index).toBe(10)
    for await (const _ of following);
    expect(tap.computed).toHaveLength(30)
  })

  test('goes on when its last reader leaves', async () => {
    const tap = new Tap()
    const jobs = jobsOf(tap.sequence)
    const job = await created(jobs, 0, 30)
    const leaving = new AbortController()
    const following = jobs.follow(job, 0, leaving.signal)
    const first = following.next()
    tap.give(10)
    await first
    const waiting = following.next()
    leaving.abort(new Error('left'))
    await expect(waiting).rejects.toThrow('left')
    tap.give(20)
    await reaches(jobs, job, { status: 'done' })
  })

  test('ends with the sequence', async () => {
    const tap = new Tap({ length: 12 })
    const jobs = jobsOf({ ...tap.sequence, length: undefined })
    tap.give(1e9)
    const job = await created(jobs, 0, 30)
    await reaches(jobs, job, { status: 'done', done: 12 })
    expect(await all(jobs, job)).toEqual(squares(0, 12))
  })

  test('fails where a term does: the others are there, and an event tells why', async () => {
    const told: unknown[] = []
    const listener = (message: unknown): void => void told.push(message)
    subscribe('breakwater:sequence:broken', listener)
    onTestFinished(() => void unsubscribe('breakwater:sequence:broken', listener))
    const tap = new Tap({ failsAt: 7 })
    const jobs = jobsOf(tap.sequence)
    tap.give(1e9)
    const job = await created(jobs, 0, 30)
    await reaches(jobs, job, { status: 'failed', done: 7 })
    const seen: string[] = []
    const reading = async () => {
      for await (const { texts } of jobs.follow(job, 0, never)) seen.push(...texts)
    }
    await expect(reading()).rejects.toMatchObject({ status: 'failed' })
    expect(seen).toEqual(squares(0, 7))
    expect(told).toEqual<Events['breakwater:sequence:broken'][]>([
      { sequence: 'tap', index: 7, format: 'job', error: expect.objectContaining({ message: expect.any(String) }) },
    ])
  })

  test('is kept for its lifetime when it is over, with all that belongs to it', async () => {
    const clock = new HandClock()
    const tap = new Tap()
    const store = memoryStore({ clock })
    const jobs = jobsOf({ ...tap.sequence, deterministic: false }, { store, options: { clock, lifetime: 1_000 } })
    const job = await created(jobs, 0, 2_500)
    await reaches(jobs, job, { status: 'running' })
    clock.ms += 500
    tap.give(1e9)
    await reaches(jobs, job, { status: 'done' })
    clock.ms += 999
    expect(await all(jobs, job)).toEqual(squares(0, 2_500))
    clock.ms += 2
    expect(await jobs.find(job.id)).toBeUndefined()
  })

  test('that takes too long fails', async () => {
    const clock = new HandClock()
    const tap = new Tap()
    const jobs = jobsOf(tap.sequence, { options: { clock, lifetime: 1_000 } })
    const job = await created(jobs, 0, 30)
    await reaches(jobs, job, { status: 'running' })
    clock.ms += 1_001
    await vi.waitFor(async () => expect((await jobs.find(job.id))?.state.status).toBe('failed'))
    tap.give(1e9)
    expect(tap.computed).toEqual([])
  })
})

describe('the state of a job', () => {
  test('says how far it is, how fast, and since when', async () => {
    const clock = new HandClock()
    const tap = new Tap()
    const jobs = jobsOf(tap.sequence, { options: { clock } })
    const job = await created(jobs, 0, 100)
    await reaches(jobs, job, { status: 'running', done: 0, rate: 0, startedAt: 1_000_000 })
    clock.ms += 2_000
    tap.give(40)
    const { state } = await reaches(jobs, job, { status: 'running', done: 40 })
    expect(state).toEqual({ status: 'running', done: 40, rate: 20, startedAt: 1_000_000, updatedAt: 1_002_000 })
    clock.ms += 2_000
    tap.give(60)
    const over = await reaches(jobs, job, { status: 'done' })
    expect(over.state).toMatchObject({ done: 100, rate: 25, startedAt: 1_000_000, updatedAt: 1_004_000 })
  })

  test('is told by another process that shares the store, which computes nothing of what is under way', async () => {
    const store = memoryStore()
    const [one, two] = [new Tap(), new Tap()]
    const [a, b] = [jobsOf(one.sequence, { store }), jobsOf(two.sequence, { store })]
    two.give(1e9)
    const job = await created(a, 0, 20)
    await reaches(a, job, { status: 'running' })
    one.give(10)
    await reaches(b, job, { status: 'running', done: 10 })
    one.give(10)
    expect(await all(b, job)).toEqual(squares(0, 20))
    expect(two.computed).toEqual([])
  })

  test('is not written more than a few times per second', async () => {
    const { store, ...given } = faulty()
    let writes = 0
    const counting: Store = {
      ...store,
      set: (key, item, lifetime) => {
        if (key.includes(' work ') && !key.includes(' chunk ')) writes++
        return store.set(key, item, lifetime)
      },
    }
    expect(given.refuses('')).toBe(false)
    const tap = new Tap()
    const jobs = jobsOf(tap.sequence, { store: counting })
    const job = await created(jobs, 0, 1_000)
    const end = performance.now() + 1_000
    while (performance.now() < end) {
      tap.give(1)
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    expect(writes).toBeGreaterThan(1)
    expect(writes).toBeLessThanOrEqual(6)
    await jobs.cancel(job.id)
  })
})

describe('cancelling', () => {
  test('stops the work, and what there is stays', async () => {
    const tap = new Tap()
    const jobs = jobsOf(tap.sequence)
    const job = await created(jobs, 0, 30)
    tap.give(10)
    await reaches(jobs, job, { status: 'running', done: 10 })
    expect(await jobs.cancel(job.id)).toBe(true)
    tap.give(1e9)
    expect((await jobs.find(job.id))?.state).toMatchObject({ status: 'cancelled', done: 10 })
    const seen: string[] = []
    const reading = async () => {
      for await (const { texts } of jobs.follow(job, 0, never)) seen.push(...texts)
    }
    await expect(reading()).rejects.toMatchObject({ status: 'cancelled' })
    expect(seen).toEqual(squares(0, 10))
    expect(await jobs.cancel(job.id)).toBe(true)
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(tap.computed).toHaveLength(10)
  })

  test('through another process stops it, too', async () => {
    const store = memoryStore()
    const tap = new Tap()
    const [a, b] = [jobsOf(tap.sequence, { store }), jobsOf(new Tap().sequence, { store })]
    const job = await created(a, 0, 30)
    await reaches(a, job, { status: 'running' })
    expect(await b.cancel(job.id)).toBe(true)
    await vi.waitFor(async () => expect((await a.find(job.id))?.state.status).toBe('cancelled'))
    tap.give(1e9)
    expect(tap.computed).toEqual([])
  })

  test('of one that waits keeps it from beginning', async () => {
    const tap = new Tap()
    const jobs = jobsOf(tap.sequence, { options: { running: 1 } })
    const first = await created(jobs, 0, 10)
    const second = await created(jobs, 100, 10)
    await reaches(jobs, first, { status: 'running' })
    await jobs.cancel(second.id)
    tap.give(1e9)
    await reaches(jobs, first, { status: 'done' })
    expect((await jobs.find(second.id))?.state).toMatchObject({ status: 'cancelled', done: 0 })
    expect(tap.computed).toHaveLength(10)
  })

  test('one job leaves another that wants the same alone', async () => {
    const store = memoryStore()
    const tap = new Tap()
    const [a, b] = [jobsOf(tap.sequence, { store }), jobsOf(tap.sequence, { store })]
    const [mine, yours] = [await created(a, 0, 30), await created(b, 0, 30)]
    const ours = await created(a, 0, 30)
    expect(new Set([mine.id, yours.id, ours.id]).size).toBe(3)
    await reaches(a, mine, { status: 'running' })
    await a.cancel(mine.id)
    tap.give(10)
    await reaches(a, ours, { status: 'running', done: 10 })
    await a.cancel(ours.id)
    await reaches(b, yours, { status: 'running', done: 10 })
    tap.give(20)
    await reaches(b, yours, { status: 'done', done: 30 })
    expect(tap.computed).toHaveLength(30)
  })

  test('one that is done changes nothing', async () => {
    const tap = new Tap()
    const jobs = jobsOf(tap.sequence)
    tap.give(1e9)
    const job = await created(jobs, 0, 10)
    await reaches(jobs, job, { status: 'done' })
    expect(await jobs.cancel(job.id)).toBe(true)
    expect((await jobs.find(job.id))?.state.status).toBe('done')
  })

  test('says when the store did not take it, and the job goes on', async () => {
    const given = faulty()
    const tap = new Tap()
    const jobs = jobsOf(tap.sequence, given)
    const job = await created(jobs, 0, 10)
    given.refuses = () => true
    expect(await jobs.cancel(job.id)).toBe(false)
    given.refuses = () => false
    tap.give(1e9)
    await reaches(jobs, job, { status: 'done' })
  })
})

describe('work', () => {
  test('that two jobs want is done once, and not again for a third', async () => {
    const tap = new Tap()
    const jobs = jobsOf({ ...tap.sequence, jump: async (n) => n })
    const [one, two] = [await created(jobs, 50, 30), await created(jobs, 50, 30)]
    tap.give(1e9)
    await reaches(jobs, one, { status: 'done' })
    await reaches(jobs, two, { status: 'done' })
    const three = await created(jobs, 50, 30)
    await reaches(jobs, three, { status: 'done' })
    expect(await all(jobs, three)).toEqual(squares(50, 80))
    // The jump gives the first.
    expect(tap.computed).toHaveLength(29)
  })

  test('is over though the store never says that the lease was given back', async () => {
    const tap = new Tap()
    const faults = new FaultyStore()
    const jobs = jobsOf(tap.sequence, { store: faults.client(), options: { running: 1 } })
    const job = await created(jobs, 0, 30)
    tap.give(20)
    await reaches(jobs, job, { status: 'running', done: 20 })
    faults.faults.leases = 'hangs'
    tap.give(1e9)
    await reaches(jobs, job, { status: 'done' })
    delete faults.faults.leases
    await reaches(jobs, await created(jobs, 100, 10), { status: 'done' })
  })

  test("of a sequence that is not deterministic is each job's own", async () => {
    const store = memoryStore()
    const [one, two] = [new Tap({ deterministic: false, salt: 'a' }), new Tap({ deterministic: false, salt: 'b' })]
    const [a, b] = [jobsOf(one.sequence, { store }), jobsOf(two.sequence, { store })]
    one.give(1e9)
    two.give(1e9)
    const [first, second] = [await created(a, 0, 10), await created(b, 0, 10)]
    await reaches(a, first, { status: 'done' })
    await reaches(b, second, { status: 'done' })
    expect(await all(b, first)).toEqual(squares(0, 10, 'a'))
    expect(await all(a, second)).toEqual(squares(0, 10, 'b'))
    expect(await a.finished({ start: 0, count: 10 })).toBeUndefined()
  })

  test('is done for so many jobs at a time, and others wait; more than that are not taken on', async () => {
    const tap = new Tap()
    const jobs = jobsOf(tap.sequence, { options: { running: 1, waiting: 2 } })
    const first = await created(jobs, 0, 10)
    const second = await created(jobs, 100, 10)
    expect(await jobs.create({ start: 200, count: 10 })).toEqual({ type: 'full' })
    await reaches(jobs, first, { status: 'running' })
    expect((await jobs.find(second.id))?.state).toEqual({ status: 'queued', done: 0 })
    tap.give(1e9)
    await reaches(jobs, second, { status: 'done' })
    expect(await jobs.create({ start: 200, count: 10 })).toMatchObject({ type: 'job' })
  })

  test('that was evicted is computed again for those who read it', async () => {
    const given = faulty()
    const tap = new Tap()
    const jobs = jobsOf(tap.sequence, given)
    tap.give(1e9)
    const job = await created(jobs, 0, 2_500)
    await reaches(jobs, job, { status: 'done' })
    given.lose(' chunk 1')
    given.lose(' block ')
    const before = tap.computed.length
    expect(await all(jobs, job)).toEqual(squares(0, 2_500))
    expect(tap.computed.length).toBeGreaterThan(before)
  })

  test('that was evicted and would not be the same again is lost', async () => {
    const given = faulty()
    const tap = new Tap({ deterministic: false })
    const jobs = jobsOf(tap.sequence, given)
    tap.give(1e9)
    const job = await created(jobs, 0, 2_500)
    await reaches(jobs, job, { status: 'done' })
    given.lose(' chunk 1')
    await expect(all(jobs, job)).rejects.toMatchObject({ code: 'ERR_BREAKWATER_TERMS_LOST' })
  })

  test('goes on without a store that takes no terms, unless they would not be the same again', async () => {
    const given = faulty()
    given.refuses = (key) => key.includes(' chunk ') || key.includes(' block ')
    const [tap, random] = [new Tap(), new Tap({ deterministic: false })]
    const jobs = jobsOf(tap.sequence, given)
    tap.give(1e9)
    const job = await created(jobs, 0, 2_500)
    await reaches(jobs, job, { status: 'done' })
    expect(await all(jobs, job)).toEqual(squares(0, 2_500))
    random.give(1e9)
    const other = jobsOf(random.sequence, given)
    await reaches(other, await created(other, 0, 2_500), { status: 'failed', done: 0 })
  })
})

describe('workers that are all busy', () => {
  test('are asked again until they are not', async () => {
    const { sequence } = new Tap()
    const reader = keptReader(sequence, { store: memoryStore() })
    let refusals = 0
    const busy: TermReader = {
      ...reader,
      async *read({ start }) {
        yield { index: start, texts: squares(start, start + 10) }
        if (++refusals < 3) throw new TermPoolError('full', 'Too many wait', { retryAfter: 1 })
      },
    }
    const jobs = new Jobs(sequence, { reader: busy, store: memoryStore() })
    const job = await created(jobs, 0, 30)
    await reaches(jobs, job, { status: 'done', done: 30 })
    expect(await all(jobs, job)).toEqual(squares(0, 30))
  })
})

describe('a job whose process has died', () => {
  /** A process that stands still: it computes no more, and its lease and its signs of life end. */
  async function dead(store: Store, clock: HandClock, given: ConstructorParameters<typeof Tap>[0] = {}) {
    const tap = new Tap(given)
    const jobs = jobsOf(tap.sequence, { store, options: { clock } })
    const job = await created(jobs, 0, 30)
    tap.give(20)
    await reaches(jobs, job, { status: 'running', done: 20 })
    return job
  }

  test('is gone on with by whoever is asked about it, from the last term that is kept', async () => {
    const { store } = faulty()
    const clock = new HandClock()
    const job = await dead(store, clock)
    // Another store object, so that the lease of the first is not seen.
    const tap = new Tap()
    const jobs = jobsOf(tap.sequence, { store: { ...store }, options: { clock } })
    tap.give(1e9)
    await jobs.find(job.id)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(tap.computed).toEqual([])
    clock.ms += 3_000
    expect(await all(jobs, job)).toEqual(squares(0, 30))
    expect(tap.computed).toHaveLength(10)
  })

  test('keeps the terms it has where they would not be the same again', async () => {
    const { store } = faulty()
    const clock = new HandClock()
    const job = await dead(store, clock, { deterministic: false, salt: 'a' })
    const tap = new Tap({ deterministic: false, salt: 'b' })
    const jobs = jobsOf(tap.sequence, { store: { ...store }, options: { clock } })
    tap.give(1e9)
    clock.ms += 3_000
    const both = [...squares(0, 20, 'a'), ...squares(20, 30, 'b')]
    expect(await all(jobs, job)).toEqual(both)
    await reaches(jobs, job, { status: 'done' })
    expect(await all(jobs, job)).toEqual(both)
  })
})

describe('ids', () => {
  test.each(['', 'x', '../1', 'a'.repeat(22), `${'a'.repeat(21)}%`, 'a'.repeat(60), '__proto__'])(
    '%s is none',
    async (id) => {
      const jobs = jobsOf(new Tap().sequence)
      expect(await jobs.find(id)).toBeUndefined()
      expect(await jobs.cancel(id)).toBeUndefined()
    },
  )

  test('are not those of another sequence', async () => {
    const store = memoryStore()
    const tap = new Tap()
    const jobs = jobsOf(tap.sequence, { store })
    const job = await created(jobs, 0, 10)
    expect(await jobsOf({ ...tap.sequence, version: '2' }, { store }).find(job.id)).toBeUndefined()
    expect(await jobsOf(tap.sequence, { store }).find(job.id)).toBeDefined()
    await jobs.cancel(job.id)
  })

  test('are not given where the store did not take the job, and nothing is computed', async () => {
    const given = faulty()
    given.refuses = () => true
    const tap = new Tap()
    tap.give(1e9)
    expect(await jobsOf(tap.sequence, given).create({ start: 0, count: 1e6 })).toEqual({ type: 'unkept' })
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(tap.computed.length).toBeLessThan(1_000)
  })
})
