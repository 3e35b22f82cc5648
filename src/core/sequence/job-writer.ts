import { StoreError } from '../store/errors.ts'
import { type Job, type Progress, placeOf, sizeOf, type Work } from './job.ts'
import { Rate } from './job-rate.ts'
import type { JobParts } from './job-terms.ts'

/** ms after which progress is told again though there is none: it says that somebody is at work. */
const HEARTBEAT = 1_000

/** Keeps the terms of one computation as they come, and tells how far it is. */
export class JobWriter {
  readonly #job: Job
  readonly #parts: JobParts
  /** The number of the chunk in work, and its terms. */
  #n = 0
  #texts: string[] = []
  /** How many terms there are for readers. */
  #done = 0
  #rate: Rate
  #startedAt: number
  /** What was told last, and when: monotonic ms. */
  #told = { done: -1, at: -Infinity }

  constructor(job: Job, parts: JobParts) {
    this.#job = job
    this.#parts = parts
    this.#rate = new Rate(parts.clock, 0)
    this.#startedAt = parts.clock.now()
  }

  get progress(): Progress {
    const { clock } = this.#parts
    return { done: this.#done, rate: this.#rate.of(this.#done), startedAt: this.#startedAt, updatedAt: clock.now() }
  }

  /** How many terms there are, with those that no reader sees yet. */
  get count(): number {
    // The last chunk may be whole with fewer.
    return Math.min(this.#n * this.#job.chunk + this.#texts.length, this.#job.count)
  }

  /** Goes on behind the terms that are kept, of which `work` was told. */
  async resume({ done, startedAt }: Pick<Work, 'done' | 'startedAt'>): Promise<void> {
    this.#startedAt = startedAt
    this.#n = placeOf(this.#job, done).n
    this.#texts = await this.#kept()
    while (this.#texts.length > 0 && this.#texts.length === sizeOf(this.#job, this.#n)) {
      this.#n++
      this.#texts = await this.#kept()
    }
    this.#done = this.count
    this.#rate = new Rate(this.#parts.clock, this.#done)
  }

  /** @throws where a chunk cannot be kept and could not be computed again. */
  async add(texts: readonly string[]): Promise<void> {
    for (const text of texts) {
      this.#texts.push(text)
      if (this.#texts.length === sizeOf(this.#job, this.#n)) await this.#keepWhole()
    }
  }

  /** Lets readers have the terms of the chunk in work, where the store takes them. */
  async flush(): Promise<void> {
    const { count } = this
    if (count > this.#done && (await this.#keep())) this.#reach(count)
  }

  /** Lets readers have all terms. @throws as `add`. */
  async end(): Promise<void> {
    if (this.#texts.length > 0) await this.#keepOrFail()
    this.#reach(this.count)
  }

  /** Tells how far it is where that is news, or nothing was told for a while. */
  async tell(): Promise<void> {
    const at = this.#parts.clock.monotonic()
    if (this.#done === this.#told.done && at - this.#told.at < HEARTBEAT) return
    this.#told = { done: this.#done, at }
    await this.leave('running')
  }

  /** Tells how far it is, and whether somebody is at work on it from now on. */
  async leave(status: Work['status']): Promise<void> {
    await this.#parts.store.keepWork(this.#job, { status, ...this.progress })
  }

  async #keepWhole(): Promise<void> {
    await this.#keepOrFail()
    this.#n++
    this.#texts = []
    this.#reach(this.count)
  }

  async #keepOrFail(): Promise<void> {
    if ((await this.#keep()) || this.#parts.isDeterministic) return
    throw new StoreError('Terms of a job could not be kept, and would not be the same again')
  }

  #keep(): Promise<boolean> {
    return this.#parts.store.keepChunk(this.#job, this.#n, [...this.#texts])
  }

  async #kept(): Promise<string[]> {
    return [...((await this.#parts.store.chunk(this.#job, this.#n)) ?? [])]
  }

  #reach(done: number): void {
    this.#done = Math.max(this.#done, done)
    this.#rate.note(this.#done)
  }
}
