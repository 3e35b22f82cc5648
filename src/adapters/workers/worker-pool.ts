import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { extname } from 'node:path'
import { MessageChannel } from 'node:worker_threads'
import type { Piscina } from 'piscina'
import { duration, knownOptions, numberBetween, positiveInteger, quote } from '../../core/options.ts'
import {
  type Slice,
  type SliceTask,
  type TermPool,
  TermPoolError,
  WORTH_A_WORKER,
} from '../../core/sequence/term-pool.ts'
import { orAborted } from '../../core/store/or-aborted.ts'
import type { SliceAnswer, SliceRequest } from './messages.ts'
import { Turns } from './turns.ts'

export interface WorkerPoolOptions {
  /** Worker threads at most; they are started when there is work. Default: one less than the machine runs at a time. */
  readonly maxThreads?: number | undefined
  /** Walks that may wait for a worker before they have begun; more are refused. 0: none may. Default 64. */
  readonly maxQueue?: number | undefined
  /** ms for one slice of a walk, what it waits for a worker included. A worker that is at it is ended. Default 30,000. */
  readonly deadline?: number | undefined
  /** ms after which a worker that has nothing to do is ended. Default 30,000. */
  readonly idleTimeout?: number | undefined
  /** ms of predicted time of a walk, above which it is given to the pool. Default 20. */
  readonly threshold?: number | undefined
}

/** What a pool is doing. */
export interface WorkerPoolStatus {
  /** Worker threads that there are. */
  readonly threads: number
  /** How many of them are at work. */
  readonly busy: number
  /** Slices that wait for one. */
  readonly waiting: number
}

export interface WorkerPool extends TermPool {
  status(): WorkerPoolStatus
  /** Ends all workers. What they were at, and whatever comes later, is computed on the event loop. */
  close(): Promise<void>
}

/** ms that a worker has to stop by itself when nobody wants its work any more, before it is ended. */
const STOPPING = 50
/** ms after which a client is told to try again, where too many wait. */
const RETRY_FULL = 1_000

/**
 * Worker threads that compute terms of sequences, by Piscina, which is loaded when there is something to compute. Without
 * it, and in bundles that leave out the worker's file, everything is computed on the event loop, with a warning.
 *
 * @throws TypeError or RangeError with the value quoted.
 */
export function workerPool(options: WorkerPoolOptions = {}): WorkerPool {
  knownOptions('workerPool', options, ['maxThreads', 'maxQueue', 'deadline', 'idleTimeout', 'threshold'])
  return new PiscinaPool({
    maxThreads: positiveInteger('maxThreads', options.maxThreads, Math.max(availableParallelism() - 1, 1)),
    maxQueue: queueOption(options.maxQueue),
    deadline: duration('deadline', options.deadline, 30_000),
    idleTimeout: duration('idleTimeout', options.idleTimeout, 30_000),
    threshold: numberBetween('threshold', options.threshold, 0, Number.MAX_VALUE, WORTH_A_WORKER),
  })
}

function queueOption(value: number | undefined): number {
  if (value === undefined) return 64
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw new RangeError(`maxQueue must be a whole number of at least 0, not ${quote(value)}`)
}

type Settings = { readonly [Name in keyof WorkerPoolOptions]-?: number }

class PiscinaPool implements WorkerPool {
  readonly threshold: number
  readonly #settings: Settings
  readonly #turns: Turns
  #loading: Promise<Piscina> | undefined
  #piscina: Piscina | undefined
  #isClosed = false

  constructor(settings: Settings) {
    this.threshold = settings.threshold
    this.#settings = settings
    this.#turns = new Turns(settings.maxThreads)
  }

  status(): WorkerPoolStatus {
    const threads = this.#piscina?.threads.length ?? 0
    return { threads, busy: this.#turns.taken, waiting: this.#turns.waiting }
  }

  async run(task: SliceTask, signal: AbortSignal): Promise<Slice> {
    const { maxQueue, deadline } = this.#settings
    if (!task.isContinued && this.#turns.areTaken && this.#turns.waiting >= maxQueue) {
      throw new TermPoolError('full', `${maxQueue} wait for a worker already`, { retryAfter: RETRY_FULL })
    }
    const limited = withDeadline(signal, deadline)
    try {
      await this.#turns.enter(limited.signal)
      const work = this.#work(task, limited.signal).finally(() => this.#turns.leave())
      return await orAborted(work, limited.signal)
    } finally {
      limited.clear()
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const piscina = await this.#loading?.catch(() => undefined)
    await piscina?.destroy()
  }

  async #work(task: SliceTask, signal: AbortSignal): Promise<Slice> {
    const piscina = await this.#load()
    signal.throwIfAborted()
    const answer = await this.#ask(piscina, task, signal)
    switch (answer.type) {
      case 'slice':
        return answer.slice
      case 'unloadable':
        throw new TermPoolError('lost', 'A worker could not load the sequence', { cause: answer.error })
      case 'stopped':
        throw signal.reason
    }
  }

  async #ask(piscina: Piscina, task: SliceTask, signal: AbortSignal): Promise<SliceAnswer> {
    const { port1, port2 } = new MessageChannel()
    const ending = new AbortController()
    let patience: NodeJS.Timeout | undefined
    const stop = (): void => {
      port1.postMessage('stop')
      patience = setTimeout(() => ending.abort(), STOPPING)
    }
    signal.addEventListener('abort', stop, { once: true })
    const request: SliceRequest = { task: compact(task), stop: port2 }
    try {
      return await piscina.run(request, { signal: ending.signal, transferList: [port2] })
    } catch (cause) {
      if (this.#isClosed) throw closed()
      throw new TermPoolError('lost', 'The worker that computed this has ended', { cause })
    } finally {
      signal.removeEventListener('abort', stop)
      clearTimeout(patience)
      port1.close()
    }
  }

  #load(): Promise<Piscina> {
    if (this.#isClosed) throw closed()
    this.#loading ??= start(this.#settings).then((piscina) => {
      this.#piscina = piscina
      return piscina
    })
    return this.#loading
  }
}

function closed(): TermPoolError {
  return new TermPoolError('unavailable', 'The pool of workers is closed')
}

/** Aborted with `signal`, or when the time is up. */
function withDeadline(signal: AbortSignal, ms: number): { readonly signal: AbortSignal; clear(): void } {
  const controller = new AbortController()
  const leave = (): void => controller.abort(signal.reason)
  const timer = setTimeout(() => {
    const message = `No worker has computed this within ${ms} ms`
    controller.abort(new TermPoolError('late', message, { retryAfter: ms }))
  }, ms)
  if (signal.aborted) leave()
  else signal.addEventListener('abort', leave, { once: true })
  return {
    signal: controller.signal,
    clear() {
      clearTimeout(timer)
      signal.removeEventListener('abort', leave)
    },
  }
}

/** A view of a larger buffer would take all of it along to the other thread. */
function compact(task: SliceTask): SliceTask {
  const { after } = task
  if (after === undefined || after.state.byteLength === after.state.buffer.byteLength) return task
  return { ...task, after: { ...after, state: new Uint8Array(after.state) } }
}

/** Beside this file, in its language. */
const WORKER = new URL(`./slice-worker${extname(new URL(import.meta.url).pathname)}`, import.meta.url)

let hasWarned = false

/** @throws TermPoolError. */
async function start({ maxThreads, idleTimeout }: Settings): Promise<Piscina> {
  try {
    const { Piscina } = await import('piscina')
    if (!existsSync(WORKER)) throw new Error(`${WORKER} is not there`)
    const piscina = new Piscina({
      filename: WORKER.href,
      name: 'computeTerms',
      minThreads: 0,
      maxThreads,
      idleTimeout,
      // Between slices a worker's timers and sockets have to go on.
      atomics: 'disabled',
      recordTiming: false,
    })
    // A worker that fails while it has nothing to do is replaced when there is.
    piscina.on('error', () => {})
    return piscina
  } catch (cause) {
    warnOnce(cause)
    throw new TermPoolError('unavailable', 'There are no workers', { cause })
  }
}

function warnOnce(cause: unknown): void {
  if (hasWarned) return
  hasWarned = true
  process.emitWarning(
    'Costly terms of sequences are computed on the event loop, because workers cannot be started: ' +
      'npm install piscina, or set the option workers of sequenceRouter to false',
    { code: 'BREAKWATER_NO_WORKERS', detail: cause instanceof Error ? cause.message : String(cause) },
  )
}
