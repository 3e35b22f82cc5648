import { validateHeaderValue } from 'node:http'
import { duration, flag, knownOptions, numberBetween, oneOf, positiveInteger, quote } from '../../core/options.ts'
import type { Sequence } from '../../core/sequence/contract.ts'
import type { CountedNumbers } from '../../core/sequence/formats.ts'
import { type JobOptions, Jobs } from '../../core/sequence/jobs.ts'
import { keptReader } from '../../core/sequence/kept-reader.ts'
import type { AnswerLimits } from '../../core/sequence/term-plan.ts'
import type { TermPool } from '../../core/sequence/term-pool.ts'
import type { TermReader } from '../../core/sequence/term-reader.ts'
import type { KeyvLike } from '../../core/store/keyv.ts'
import type { Store } from '../../core/store/store.ts'
import { sharedPool } from './first-use.ts'
import { prefixOption } from './prefix.ts'
import { type SequenceWebSocketOptions, type WebSocketSettings, websocketSettings } from './websocket-options.ts'

export interface SequenceRouterOptions {
  /** What to answer with: `fibonacci`, `primes`, or one of your own by `defineSequence`. */
  readonly sequence: Sequence
  /**
   * Where computed terms are kept, of sequences that are deterministic: a Store or a Keyv. Processes that share it go on
   * from what any of them has computed. Default: the memory store that this process shares.
   */
  readonly store?: Store | KeyvLike | undefined
  /** Terms that are computed and kept together, of sequences that cannot be entered anywhere. Default 250. */
  readonly blockSize?: number | undefined
  /** ms for one call of the store. Default 100. */
  readonly storeTimeout?: number | undefined
  /**
   * Where costly terms are computed, of built-in sequences and those that have a `module`: a `workerPool` of
   * `breakwater/workers`, or `false` for the event loop. Default: a pool that all routers share, started on first use.
   */
  readonly workers?: TermPool | false | undefined
  /** Terms of an answer whose size is not asked for. Default 100, or `limits.page.count` where that is less. */
  readonly limit?: number | undefined
  /** The most that one answer may be, by prediction: what would be more is refused before anything is computed. */
  readonly limits?: SequenceLimits | undefined
  /**
   * What is computed in the background: pages and terms that are more than `limits.page` and no more than `limits.job`, and
   * those that are asked for with `Prefer: respond-async`. false: nothing.
   */
  readonly jobs?: JobOptions | false | undefined
  /**
   * Whether the root also answers `?count=n`, with `{ "results": [...] }` of numbers. `exact`: a number that not every
   * reader of JSON could hold, beyond 2^53 - 1, is a string; `numbers`: all are numbers. Default: it does not.
   */
  readonly counted?: CountedNumbers | undefined
  /** The field Cache-Control. */
  readonly cacheControl?: SequenceCacheControl | undefined
  /** Whether links are absolute behind a proxy that the application trusts. Default true; elsewhere they never are. */
  readonly absolute?: boolean | undefined
  /**
   * How often a silent event stream says that it is alive, and a client over WebSocket is asked whether it is, ms.
   * Default 15,000.
   */
  readonly heartbeat?: number | undefined
  /** The path beneath which it answers, such as `/fibonacci`; '' for everything. */
  readonly prefix?: string | undefined
  /** Who may connect to `upgrade`, and where. */
  readonly websocket?: SequenceWebSocketOptions | undefined
}

export interface SequenceLimits {
  /** Of pages and single terms. Default 1,000 terms, 32 MiB, 1,000 ms. */
  readonly page?: Partial<AnswerLimits> | undefined
  /** Of what is sent as it comes: arrays, NDJSON and event streams. Default 1,000,000 terms, 256 MiB, 30,000 ms. */
  readonly stream?: Partial<AnswerLimits> | undefined
  /** Of pages that are computed in the background. Default 1,000,000 terms, 64 MiB, 60,000 ms. */
  readonly job?: Partial<AnswerLimits> | undefined
}

export interface SequenceCacheControl {
  /**
   * Where the URL has both start and limit. Default `public, max-age=31536000, immutable`, and none for a sequence that
   * is not deterministic.
   */
  readonly fixed?: string | undefined
  /** Elsewhere. Default `public, max-age=60`, and none for a sequence that is not deterministic. */
  readonly open?: string | undefined
}

/** The options, checked and complete. */
export interface SequenceSettings {
  readonly sequence: Sequence
  readonly reader: TermReader
  readonly limit: number
  /** `job`: undefined where nothing is computed in the background. */
  readonly limits: Readonly<Record<'page' | 'stream', AnswerLimits>> & { readonly job: AnswerLimits | undefined }
  /** Undefined where nothing is computed in the background. */
  readonly jobs: Jobs | undefined
  readonly counted: CountedNumbers | undefined
  readonly cacheControl: { readonly fixed: string | undefined; readonly open: string | undefined }
  readonly isAbsolute: boolean
  readonly heartbeat: number
  readonly prefix: string
  readonly websocket: WebSocketSettings
}

const MB = 1024 * 1024
const PAGE: AnswerLimits = { count: 1_000, bytes: 32 * MB, time: 1_000 }
const STREAM: AnswerLimits = { count: 1_000_000, bytes: 256 * MB, time: 30_000 }
const JOB: AnswerLimits = { count: 1_000_000, bytes: 64 * MB, time: 60_000 }
const KNOWN = [
  ...['sequence', 'store', 'blockSize', 'storeTimeout', 'workers', 'limit', 'limits', 'jobs'],
  ...['counted', 'cacheControl', 'absolute', 'heartbeat', 'prefix', 'websocket'],
]

/** @throws TypeError or RangeError with the value quoted. */
export function sequenceSettings(options: SequenceRouterOptions): SequenceSettings {
  knownOptions('sequenceRouter', options, KNOWN)
  const { store, blockSize, storeTimeout, limits, jobs, counted, absolute, heartbeat, prefix = '' } = options ?? {}
  const sequence = sequenceOption(options?.sequence)
  knownOptions('limits', limits, ['page', 'stream', 'job'])
  const page = limitsOption('limits.page', limits?.page, PAGE)
  const limit = positiveInteger('limit', options.limit, Math.min(100, page.count))
  if (limit > page.count) throw new RangeError(`limit must be at most limits.page.count, ${page.count}, not ${limit}`)
  const reader = keptReader(sequence, { store, blockSize, storeTimeout, pool: workersOption(options.workers) })
  const stream = limitsOption('limits.stream', limits?.stream, STREAM)
  const job = limitsOption('limits.job', limits?.job, JOB)
  return {
    sequence,
    reader,
    limit,
    limits: { page, stream, job: jobs === false ? undefined : job },
    jobs: jobs === false ? undefined : new Jobs(sequence, { reader, store, storeTimeout }, jobs),
    counted:
      counted === undefined ? undefined : oneOf<CountedNumbers>('counted', counted, ['exact', 'numbers'], 'exact'),
    cacheControl: cacheControlOption(options.cacheControl, sequence.deterministic),
    isAbsolute: flag('absolute', absolute, true),
    heartbeat: duration('heartbeat', heartbeat, 15_000),
    prefix: prefixOption(prefix === '*' ? undefined : prefix),
    websocket: websocketSettings(options.websocket),
  }
}

function sequenceOption(sequence: unknown): Sequence {
  const given = Object(sequence) as Partial<Sequence>
  if (typeof given.id === 'string' && typeof given.states === 'function' && typeof given.cost === 'function') {
    return given as Sequence
  }
  throw new TypeError(
    `sequenceRouter: sequence must be fibonacci or another one, made by defineSequence, not ${quote(sequence)}`,
  )
}

function workersOption(workers: unknown): TermPool | undefined {
  if (workers === undefined) return sharedPool
  if (workers === false) return undefined
  const { run, threshold } = Object(workers) as Partial<TermPool>
  if (typeof run === 'function' && typeof threshold === 'number') return workers as TermPool
  throw new TypeError(`workers must be a workerPool of breakwater/workers, or false, not ${quote(workers)}`)
}

function limitsOption(name: string, given: Partial<AnswerLimits> | undefined, fallback: AnswerLimits): AnswerLimits {
  knownOptions(name, given, ['count', 'bytes', 'time'])
  return {
    count: positiveInteger(`${name}.count`, given?.count, fallback.count),
    bytes: numberBetween(`${name}.bytes`, given?.bytes, 1, Number.MAX_VALUE, fallback.bytes),
    time: numberBetween(`${name}.time`, given?.time, 0, Number.MAX_VALUE, fallback.time),
  }
}

function cacheControlOption(
  given: SequenceCacheControl | undefined,
  isDeterministic: boolean,
): SequenceSettings['cacheControl'] {
  knownOptions('cacheControl', given, ['fixed', 'open'])
  const usual = isDeterministic ? { fixed: 'public, max-age=31536000, immutable', open: 'public, max-age=60' } : {}
  return {
    fixed: fieldValue('cacheControl.fixed', given?.fixed) ?? usual.fixed,
    open: fieldValue('cacheControl.open', given?.open) ?? usual.open,
  }
}

function fieldValue(name: string, value: unknown): string | undefined {
  if (value === undefined) return undefined
  if (typeof value !== 'string') throw new TypeError(`${name} must be a string, not ${quote(value)}`)
  validateHeaderValue('Cache-Control', value)
  return value
}
