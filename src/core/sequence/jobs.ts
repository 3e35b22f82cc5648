import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { type Clock, systemClock } from '../clock.ts'
import { eventChannel } from '../events.ts'
import { clockOption, duration, knownOptions, positiveInteger } from '../options.ts'
import { asStore } from '../store/as-store.ts'
import { guardStore } from '../store/guard.ts'
import type { KeyvLike } from '../store/keyv.ts'
import { capabilitiesOf } from '../store/local-capabilities.ts'
import { orAborted } from '../store/or-aborted.ts'
import type { Store } from '../store/store.ts'
import type { Sequence } from './contract.ts'
import { chunkOf, isLeft, isOver, type Job, type JobState, type JobView, stateOf } from './job.ts'
import { JobRun, type RunParts } from './job-run.ts'
import { JobStore } from './job-store.ts'
import { keptTerms } from './job-terms.ts'
import type { TermReader, TermSpan, Terms } from './term-reader.ts'

/** How much is computed in the background. */
export interface JobOptions {
  /** Computations at the same time in this process. Default 2. */
  readonly running?: number | undefined
  /** Jobs of this process that are not over, at most: more are refused until some are. Default 100. */
  readonly waiting?: number | undefined
  /** ms that a computation may take, and that a job is kept when it is over. Default an hour. */
  readonly lifetime?: number | undefined
  /** Default: the machine's own. */
  readonly clock?: Clock | undefined
}

/** Where jobs are kept, and what they compute with. */
export interface JobsParts {
  readonly reader: TermReader
  readonly store?: Store | KeyvLike | undefined
  readonly storeTimeout?: number | undefined
}

/** What became of a wish. `full`: too many are waiting; `unkept`: the store did not take it. */
export type JobAnswer =
  | { readonly type: 'job'; readonly view: JobView }
  | { readonly type: 'full' }
  | { readonly type: 'unkept' }

/** A job that was cancelled or has failed has no more terms. */
export class JobEndedError extends Error {
  override readonly name = 'JobEndedError'
  readonly code = 'ERR_BREAKWATER_JOB_ENDED'
  readonly status: 'cancelled' | 'failed'

  constructor(status: 'cancelled' | 'failed') {
    super(status === 'cancelled' ? 'The job was cancelled' : 'A term of the job could not be had')
    this.status = status
  }
}

const HOUR = 60 * 60_000
/** Between two looks at what there is, ms. */
const FIRST_PAUSE = 10
const LONGEST_PAUSE = 250
const ID = /^[A-Za-z0-9_-]{22}$/
const broken = eventChannel('breakwater:sequence:broken')
const storeEvents = eventChannel('breakwater:store')

/**
 * Computes terms behind the back of those who want them, and keeps them. Any process that shares the store answers for
 * any job, and goes on with one that its process has left as soon as it is asked about it.
 */
export class Jobs {
  readonly #parts: RunParts
  readonly #running: number
  readonly #waiting: number
  /** By what they compute, in the order in which they came. */
  readonly #runs = new Map<string, JobRun>()

  /** @throws TypeError or RangeError with the value quoted. */
  constructor(sequence: Sequence, { reader, store, storeTimeout }: JobsParts, options: JobOptions = {}) {
    knownOptions('jobs', options, ['running', 'waiting', 'lifetime', 'clock'])
    const clock = clockOption('jobs.clock', options.clock, systemClock)
    const lifetime = duration('jobs.lifetime', options.lifetime, HOUR)
    const timeout = duration('storeTimeout', storeTimeout, 100)
    this.#running = positiveInteger('jobs.running', options.running, 2)
    this.#waiting = positiveInteger('jobs.waiting', options.waiting, 100)
    const given = asStore(store)
    const guarded = guardStore(given, { storeTimeout: timeout, clock, onEvent: (event) => storeEvents.publish(event) })
    this.#parts = {
      reader,
      store: new JobStore(sequence, guarded, lifetime),
      isDeterministic: sequence.deterministic,
      capabilities: capabilitiesOf(given, clock),
      clock,
      timeout,
      lifetime,
      onFailure: (error, index) => broken.publish({ sequence: sequence.id, index, format: 'job', error }),
    }
  }

  /** Takes a job on. It is known to all processes when this resolves. */
  async create({ start, count }: TermSpan): Promise<JobAnswer> {
    if (this.#isFull) return { type: 'full' }
    const id = randomBytes(16).toString('base64url')
    const job: Job = { id, start, count, chunk: chunkOf(this.#parts.reader, { start, count }) }
    this.#enqueue(job)
    if (await this.#parts.store.keepJob(job)) return { type: 'job', view: await this.#view(job) }
    this.#withdraw(job)
    return { type: 'unkept' }
  }

  /** Undefined for an id that is none, or whose job was let go of. */
  async find(id: string): Promise<JobView | undefined> {
    const job = await this.#job(id)
    return job && this.#view(job)
  }

  /** Whether the job is over now; false where the store did not take that, undefined where there is no such job. */
  async cancel(id: string): Promise<boolean | undefined> {
    const job = await this.#job(id)
    if (job === undefined) return undefined
    const state = await this.#state(job)
    if (isOver(state)) return true
    const ending = { status: 'cancelled', done: state.done, updatedAt: this.#parts.clock.now() } as const
    if (!(await this.#parts.store.keepEnding(job, ending))) return false
    this.#withdraw(job)
    return true
  }

  /**
   * The terms of a job from index `start` on: those that there are, and the others as they come.
   *
   * @throws JobEndedError after the terms of one that was cancelled or has failed; as `keptTerms`.
   */
  async *follow(job: Job, start: number, signal: AbortSignal): AsyncGenerator<Terms, void> {
    let patience = FIRST_PAUSE
    for (let index = start; ; ) {
      const { state } = await this.#view(job)
      signal.throwIfAborted()
      const count = job.start + state.done - index
      if (count > 0) {
        yield* keptTerms(job, { start: index, count }, this.#parts, signal)
        index += count
        patience = FIRST_PAUSE
      } else if (state.status === 'cancelled' || state.status === 'failed') throw new JobEndedError(state.status)
      else if (state.status === 'done') return
      else {
        await orAborted(pause(patience), signal)
        patience = Math.min(patience * 1.5, LONGEST_PAUSE)
      }
    }
  }

  /** Terms that a job has got that may be anybody's; undefined where there are none, or not all of them. */
  async finished({ start, count }: TermSpan): Promise<Pick<TermReader, 'read'> | undefined> {
    const { reader, store, isDeterministic } = this.#parts
    if (!isDeterministic) return undefined
    const job: Job = { id: '', start, count, chunk: chunkOf(reader, { start, count }) }
    const work = await store.work(job)
    if (work?.status !== 'done') return undefined
    return { read: (span, { signal }) => this.#finishedTerms(job, work.done, span, signal) }
  }

  #finishedTerms(job: Job, done: number, { start, count }: TermSpan, signal: AbortSignal): AsyncGenerator<Terms, void> {
    const existing = Math.max(0, Math.min(count, job.start + done - start))
    return keptTerms(job, { start, count: existing }, this.#parts, signal)
  }

  /** Looks how a job stands, and sees to it that somebody is at work on it. */
  async #view(job: Job): Promise<JobView> {
    const state = await this.#state(job)
    if (isLeft(state, this.#parts.clock.now()) && !this.#isFull) this.#enqueue(job)
    return { job, state }
  }

  async #state(job: Job): Promise<JobState> {
    const { store } = this.#parts
    const run = this.#runs.get(store.workOf(job))
    const progress = run?.find(job.id) && run.progress
    if (progress !== undefined) return { status: 'running', ...progress }
    const [ending, work] = await Promise.all([store.ending(job), store.work(job)])
    return stateOf(ending, work)
  }

  async #job(id: string): Promise<Job | undefined> {
    if (!ID.test(id)) return undefined
    for (const run of this.#runs.values()) {
      const job = run.find(id)
      if (job !== undefined) return job
    }
    return this.#parts.store.job(id)
  }

  get #isFull(): boolean {
    let size = 0
    for (const run of this.#runs.values()) size += run.size
    return size >= this.#waiting
  }

  #enqueue(job: Job): void {
    const work = this.#parts.store.workOf(job)
    const run = this.#runs.get(work) ?? new JobRun(job, this.#parts)
    run.add(job)
    this.#runs.set(work, run)
    this.#next()
  }

  #withdraw(job: Job): void {
    const work = this.#parts.store.workOf(job)
    const run = this.#runs.get(work)
    run?.withdraw(job.id)
    if (run?.isWaiting && run.size === 0) this.#runs.delete(work)
  }

  /** Begins with those that wait, as many as may run. */
  #next(): void {
    const all = [...this.#runs]
    const free = this.#running - all.filter(([, run]) => !run.isWaiting).length
    const waiting = all.filter(([, run]) => run.isWaiting)
    for (const [work, run] of waiting.slice(0, Math.max(free, 0))) {
      const end = (): void => {
        this.#runs.delete(work)
        this.#next()
      }
      void run.work().then(end, end)
    }
  }
}
