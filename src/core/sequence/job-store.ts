import type { GuardedStore } from '../store/guard.ts'
import type { Sequence } from './contract.ts'
import { type Ending, type Job, sizeOf, type Work } from './job.ts'
import { keptBody } from './kept-body.ts'

/** What jobs of one sequence leave in a store: the wish, how it ended, how far the computation is, and its terms. */
export class JobStore {
  readonly #store: GuardedStore
  readonly #prefix: string
  readonly #isShared: boolean
  readonly #lifetime: number

  /** `lifetime`: ms. */
  constructor({ id, version, deterministic }: Sequence, store: GuardedStore, lifetime: number) {
    this.#store = store
    this.#prefix = `sequence ${JSON.stringify([id, version])}`
    this.#isShared = deterministic
    this.#lifetime = lifetime
  }

  /** Names the computation that a job waits for: another job's may be the same, where its terms are. */
  workOf({ id, start, count, chunk }: Job): string {
    return `${this.#prefix} work ${this.#isShared ? `${start}+${count}/${chunk}` : id}`
  }

  leaseKey(job: Job): string {
    return `write ${this.workOf(job)}`
  }

  async job(id: string): Promise<Job | undefined> {
    const { start, count, chunk } = (await this.#meta(this.#jobKey(id))) as Partial<Job>
    if (!isCount(start) || !isCount(count) || !isCount(chunk) || chunk === 0) return undefined
    return { id, start, count, chunk }
  }

  /** Whether it is kept. */
  async keepJob({ id, start, count, chunk }: Job): Promise<boolean> {
    // It may wait as long as it may be worked on.
    return this.#keep(this.#jobKey(id), { start, count, chunk }, 2 * this.#lifetime)
  }

  /** Keeps one that is over for its time from now on. What belongs to it is kept for longer than itself. */
  async keepOver({ id, start, count, chunk }: Job): Promise<void> {
    await this.#keep(this.#jobKey(id), { start, count, chunk }, this.#lifetime)
  }

  async ending({ id }: Job): Promise<Ending | undefined> {
    const { status, done, updatedAt } = (await this.#meta(`${this.#jobKey(id)} end`)) as Partial<Ending>
    if ((status !== 'cancelled' && status !== 'failed') || !isCount(done) || !isTime(updatedAt)) return undefined
    return { status, done, updatedAt }
  }

  async keepEnding({ id }: Job, ending: Ending): Promise<boolean> {
    return this.#keep(`${this.#jobKey(id)} end`, ending, 2 * this.#lifetime)
  }

  async work(job: Job): Promise<Work | undefined> {
    const { status, done, rate, startedAt, updatedAt } = (await this.#meta(this.workOf(job))) as Partial<Work>
    if (status === undefined || !STATUSES.includes(status) || !isCount(done)) return undefined
    if (!isTime(rate) || !isTime(startedAt) || !isTime(updatedAt)) return undefined
    return { status, done: Math.min(done, job.count), rate, startedAt, updatedAt }
  }

  async keepWork(job: Job, work: Work): Promise<boolean> {
    return this.#keep(this.workOf(job), work, 2 * this.#lifetime)
  }

  /** The terms of chunk `n` as far as they are kept; none: undefined. */
  async chunk(job: Job, n: number): Promise<readonly string[] | undefined> {
    const key = `${this.workOf(job)} chunk ${n}`
    const size = sizeOf(job, n)
    const texts = textsOf(await keptBody(await this.#store.get(key)), size)
    // It grows until it is whole: a near tier may have it as it was.
    if (texts?.length === size || this.#store.near) return texts
    return textsOf(await keptBody(await this.#store.latest(key)), size)
  }

  async keepChunk(job: Job, n: number, texts: readonly string[]): Promise<boolean> {
    const body = Buffer.from(texts.join('\n'))
    if (body.length > this.#store.maxEntrySize) return false
    return this.#store.set(`${this.workOf(job)} chunk ${n}`, { meta: {}, body }, 2 * this.#lifetime)
  }

  #jobKey(id: string): string {
    return `${this.#prefix} job ${id}`
  }

  async #meta(key: string): Promise<object> {
    return (await this.#store.latest(key))?.meta ?? {}
  }

  async #keep(key: string, meta: object, lifetime: number): Promise<boolean> {
    return this.#store.set(key, { meta, body: EMPTY }, lifetime)
  }
}

const EMPTY = Buffer.alloc(0)

/** Undefined for what is no chunk: whoever can write to the store may have written it. */
function textsOf(body: Buffer | undefined, size: number): readonly string[] | undefined {
  if (body === undefined || body.length === 0) return undefined
  const texts = body.toString('utf8').split('\n')
  return texts.length <= size && !texts.includes('') ? texts : undefined
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** A date can be made of it; a rate is checked alike. */
function isTime(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= LATEST
}

/** The last ms that a Date has. */
const LATEST = 8.64e15
const STATUSES: readonly Work['status'][] = ['running', 'stopped', 'done']
