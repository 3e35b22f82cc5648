import type { TermReader, TermSpan } from './term-reader.ts'

/** Somebody's wish for terms that are computed behind their back. */
export interface Job extends TermSpan {
  /** Known to who asked only: whoever has it may cancel it. */
  readonly id: string
  /** Terms that are kept together. */
  readonly chunk: number
}

/** How far the computation that one or several jobs wait for has come. Times are epoch ms. */
export interface Progress {
  /** Terms that there are, from the job's start on. */
  readonly done: number
  /** Terms per second, lately. */
  readonly rate: number
  readonly startedAt: number
  readonly updatedAt: number
}

/** What is known of a computation. `stopped`: nobody is at work on it. */
export interface Work extends Progress {
  readonly status: 'running' | 'stopped' | 'done'
}

/** How a job ended that did not get all of its terms. */
export interface Ending {
  readonly status: 'cancelled' | 'failed'
  /** Terms that there are. */
  readonly done: number
  /** Epoch ms. */
  readonly updatedAt: number
}

/** How a job stands. `queued`: nobody is at work on it; there may be terms of a computation that was given up. */
export type JobState =
  | { readonly status: 'queued'; readonly done: number }
  | (Progress & { readonly status: 'running' | 'done' })
  | Ending

/** What a job is, and how it stands. */
export interface JobView {
  readonly job: Job
  readonly state: JobState
}

/** ms after which a computation that tells nothing is taken for dead. */
const SILENCE = 3_000
/** Bytes of a chunk, by prediction, and terms at most. */
const CHUNK_BYTES = 256 * 1024
const CHUNK_TERMS = 1_000

/** The state of a job, by how it ended and by what is known of the computation. */
export function stateOf(ending: Ending | undefined, work: Work | undefined): JobState {
  if (ending !== undefined) return ending
  if (work === undefined || work.status === 'stopped') return { status: 'queued', done: work?.done ?? 0 }
  return { ...work, status: work.status }
}

/** Whether a job is over, one way or the other. */
export function isOver({ status }: JobState): boolean {
  return status !== 'queued' && status !== 'running'
}

/**
 * Whether nobody seems to be at work on a job, `now` in epoch ms. A hint: other processes have other clocks, and a lease
 * decides who computes.
 */
export function isLeft(state: JobState, now: number): boolean {
  if (state.status !== 'running') return state.status === 'queued'
  const silence = now - state.updatedAt
  return silence < 0 || silence >= SILENCE
}

/** How many terms there are going to be, as far as that is known. `length` as of a sequence. */
export function totalOf({ start, count }: TermSpan, state: JobState, length: number | undefined): number {
  return state.status === 'done' ? state.done : Math.min(count, Math.max(0, (length ?? Infinity) - start))
}

/** When a job is going to be done, epoch ms; undefined where that cannot be told. */
export function estimatedEnd(state: JobState, total: number): number | undefined {
  if (state.status !== 'running' || state.rate <= 0) return undefined
  return state.updatedAt + ((total - state.done) / state.rate) * 1_000
}

/** How many terms are kept together: the longest that may come decide. */
export function chunkOf(reader: Pick<TermReader, 'cost'>, { start, count }: TermSpan): number {
  const { bytes } = reader.cost(start + Math.max(count, 1) - 1, 1)
  return Math.min(Math.max(Math.floor(CHUNK_BYTES / Math.max(bytes, 1)), 1), CHUNK_TERMS)
}

/** Where terms are among those that are kept. */
export interface Place {
  /** Number of the chunk. */
  readonly n: number
  /** Terms of the chunk before them. */
  readonly skipped: number
}

/** The place of the term that comes after `done` of a job. */
export function placeOf({ chunk }: Pick<Job, 'chunk'>, done: number): Place {
  const n = Math.floor(done / chunk)
  return { n, skipped: done - n * chunk }
}

/** Terms of chunk `n` when it is whole. */
export function sizeOf({ chunk, count }: Pick<Job, 'chunk' | 'count'>, n: number): number {
  return Math.min(chunk, count - n * chunk)
}
