import { setTimeout as pause } from 'node:timers/promises'
import type { StoreCapabilities } from '../store/capabilities.ts'
import { withDeadline } from '../store/guard.ts'
import type { Lease } from '../store/lease.ts'
import { orAborted } from '../store/or-aborted.ts'
import type { Ending, Job, Progress } from './job.ts'
import { leaseOf } from './job-lease.ts'
import type { JobParts } from './job-terms.ts'
import { JobWriter } from './job-writer.ts'
import { TermPoolError } from './term-pool.ts'

/** What computations in the background need. */
export interface RunParts extends JobParts {
  readonly capabilities: StoreCapabilities
  /** ms for one call of the store. */
  readonly timeout: number
  /** ms that a computation may take. */
  readonly lifetime: number
  /** Told of what a sequence throws, and of which term. */
  readonly onFailure: (error: unknown, index: number) => void
}

/** ms between two looks at who still wants it; progress is told as often at most. */
const TICK = 250
/** ms after which workers that were all busy are asked again. */
const RETRY_AFTER = 1_000

/** How a computation ended. `left`: no job waits for it any more; `lost`: another process may be at it. */
type Outcome =
  | { readonly type: 'done' | 'left' | 'lost' }
  /** No term came, or not in time. */
  | { readonly type: 'failed'; readonly error: unknown }

/** One computation, for all jobs of this process that wait for it. */
export class JobRun {
  readonly #parts: RunParts
  readonly #job: Job
  readonly #wishes = new Map<string, Job>()
  readonly #giving = new AbortController()
  readonly #writer: JobWriter
  /** Set where it is given up. */
  #outcome: Outcome | undefined
  #status: 'waiting' | 'asking' | 'running' | 'over' = 'waiting'

  constructor(job: Job, parts: RunParts) {
    this.#job = job
    this.#parts = parts
    this.#writer = new JobWriter(job, parts)
  }

  get isWaiting(): boolean {
    return this.#status === 'waiting'
  }

  /** How many jobs wait for it. */
  get size(): number {
    return this.#wishes.size
  }

  /** How far it is; undefined where it is not at work here. */
  get progress(): Progress | undefined {
    return this.#status === 'running' ? this.#writer.progress : undefined
  }

  find(id: string): Job | undefined {
    return this.#wishes.get(id)
  }

  add(job: Job): void {
    this.#wishes.set(job.id, job)
  }

  /** A job does not wait for it any more. It stops when none does. */
  withdraw(id: string): void {
    this.#wishes.delete(id)
    if (this.#wishes.size === 0) this.#giveUp({ type: 'left' })
  }

  /** Computes, unless that is done or another process is at it. Never rejects. */
  async work(): Promise<void> {
    this.#status = 'asking'
    await this.#withdrawEnded()
    if (this.#wishes.size > 0) {
      const { capabilities, store, timeout } = this.#parts
      const lease = await leaseOf(capabilities, store.leaseKey(this.#job), timeout)
      if (lease !== undefined) await this.#workAlone(lease)
    }
    this.#status = 'over'
  }

  async #workAlone(lease: Lease): Promise<void> {
    const { store } = this.#parts
    const known = await store.work(this.#job)
    // For the job that did not have to wait, too, it is kept for its time.
    if (known?.status === 'done') await store.keepWork(this.#job, known)
    else {
      if (known !== undefined) await this.#writer.resume(known)
      this.#status = 'running'
      const stopLooking = this.#look(lease)
      const outcome = await this.#compute()
      await stopLooking()
      await this.#finish(outcome)
    }
    // Whether or not that arrives: the lease ends by itself.
    await withDeadline(() => lease.release(), this.#parts.timeout, true)
  }

  async #compute(): Promise<Outcome> {
    try {
      while (!(await this.#readOn(this.#giving.signal)));
      await this.#writer.end()
      return this.#outcome ?? { type: 'done' }
    } catch (error) {
      return this.#outcome ?? { type: 'failed', error }
    }
  }

  /** Reads what is missing. Gives false where it has to be tried again: nobody waits for a job as for an answer. */
  async #readOn(signal: AbortSignal): Promise<boolean> {
    const { count } = this.#writer
    const missing = this.#job.count - count
    if (missing === 0) return true
    try {
      for await (const { texts } of this.#parts.reader.read(
        { start: this.#job.start + count, count: missing },
        { signal },
      )) {
        await this.#writer.add(texts)
        signal.throwIfAborted()
      }
      return true
    } catch (error) {
      if (!(error instanceof TermPoolError && error.reason === 'full')) throw error
      await orAborted(pause(error.retryAfter ?? RETRY_AFTER), signal)
      return false
    }
  }

  #giveUp(outcome: Outcome): void {
    this.#outcome ??= outcome
    this.#giving.abort(new Error('The computation is given up'))
  }

  /** Looks now and then at who still wants it, and tells how far it is. Gives what ends that. */
  #look(lease: Lease): () => Promise<void> {
    const { clock, lifetime } = this.#parts
    const since = clock.monotonic()
    let looking: Promise<void> | undefined
    const tick = setInterval(() => {
      if (lease.isLost) this.#giveUp({ type: 'lost' })
      else if (clock.monotonic() - since > lifetime) this.#giveUp(tooLate(lifetime))
      else
        looking ??= this.#lookOnce().finally(() => {
          looking = undefined
        })
    }, TICK).unref()
    return async () => {
      clearInterval(tick)
      await looking
    }
  }

  async #lookOnce(): Promise<void> {
    await this.#withdrawEnded()
    await this.#writer.flush()
    await this.#writer.tell()
  }

  /** Jobs may have been cancelled through other processes. */
  async #withdrawEnded(): Promise<void> {
    for (const job of [...this.#wishes.values()]) {
      if ((await this.#parts.store.ending(job)) !== undefined) this.withdraw(job.id)
    }
  }

  async #finish(outcome: Outcome): Promise<void> {
    switch (outcome.type) {
      case 'done':
        return this.#tellDone()
      case 'left':
        await this.#writer.flush()
        return this.#writer.leave('stopped')
      case 'lost':
        return
      case 'failed':
        await this.#writer.flush()
        return this.#tellFailed(outcome.error)
    }
  }

  async #tellDone(): Promise<void> {
    await this.#writer.leave('done')
    for (const job of this.#wishes.values()) await this.#parts.store.keepOver(job)
  }

  async #tellFailed(error: unknown): Promise<void> {
    const { done, updatedAt } = this.#writer.progress
    const ending: Ending = { status: 'failed', done, updatedAt }
    for (const job of this.#wishes.values()) await this.#parts.store.keepEnding(job, ending)
    await this.#writer.leave('stopped')
    this.#parts.onFailure(error, this.#job.start + this.#writer.count)
  }
}

function tooLate(lifetime: number): Outcome {
  return { type: 'failed', error: new Error(`A job took more than ${lifetime} ms`) }
}
