import type { IncomingMessage, ServerResponse } from 'node:http'
import { acceptedType } from '../../core/http/accept.ts'
import { quote } from '../../core/options.ts'
import { formats, type TermFormat } from '../../core/sequence/formats.ts'
import { estimatedEnd, isOver, type JobState, type JobView, totalOf } from '../../core/sequence/job.ts'
import type { Jobs } from '../../core/sequence/jobs.ts'
import { PageError } from '../../core/sequence/page-error.ts'
import { integerOf, ownParameters } from '../../core/sequence/parameters.ts'
import { allowedCount } from '../../core/sequence/term-plan.ts'
import type { TermReader, TermSpan } from '../../core/sequence/term-reader.ts'
import { FAILED, jobProblem } from './job-problem.ts'
import type { PageFields } from './page-answer.ts'
import { poolProblem } from './problem.ts'
import { problem, type SequenceAnswer } from './sequence-answer.ts'
import type { SequenceSettings } from './sequence-options.ts'
import { readTerms } from './sequence-reading.ts'

/** What is known of a request for a job. */
interface JobAsked {
  readonly headers: IncomingMessage['headers']
  readonly response: ServerResponse
  readonly isHead: boolean
  readonly query: string
  /** Where paths in links begin. */
  readonly root: string
}

/** What a status resource and its terms are answered by. */
type JobSettings = Pick<SequenceSettings, 'sequence' | 'reader' | 'limit' | 'limits' | 'heartbeat'>

export const JOB_METHODS = 'GET, HEAD, DELETE, OPTIONS'
const NO_STORE: PageFields = { 'Cache-Control': 'no-store' }
/** The first is what everybody gets who does not say. */
const JOB_FORMATS: readonly TermFormat[] = [formats.ndjson, formats.sse, formats.array]
const TYPES = JOB_FORMATS.map(({ type }) => type)
/** Seconds after which a client looks again at the latest. */
const LATEST_RETRY = 60

/** Answers for jobs: takes them on, tells how they stand, cancels them, and gives their terms. */
export class JobEndpoint {
  readonly #jobs: Jobs
  readonly #settings: JobSettings

  constructor(jobs: Jobs, settings: JobSettings) {
    this.#jobs = jobs
    this.#settings = settings
  }

  /** Where terms come from that a job has computed; undefined where none has. */
  finished(span: TermSpan): Promise<Pick<TermReader, 'read'> | undefined> {
    return this.#jobs.finished(span)
  }

  /** 202 with where to look, 503 where no more is taken on. */
  async accept(asked: JobAsked, span: TermSpan, isPreferred: boolean): Promise<SequenceAnswer> {
    const answer = await this.#jobs.create(span)
    if (answer.type === 'full') return unavailable('Too many jobs are waiting: try again soon', 5)
    if (answer.type === 'unkept') return unavailable('The job could not be kept: try again soon', 1)
    const fields = {
      ...this.#fieldsOf(answer.view),
      Location: pathOf(asked, answer.view),
      'Preference-Applied': isPreferred ? 'respond-async' : undefined,
    }
    return { kind: 'whole', status: 202, fields, body: this.#bodyOf(asked, answer.view) }
  }

  async status(asked: JobAsked, id: string): Promise<SequenceAnswer> {
    if (acceptedType(asked.headers.accept, ['application/json']) === undefined) {
      return problem(406, 'Not Acceptable', 'The status of a job is given as application/json')
    }
    const view = await this.#jobs.find(id)
    if (view === undefined) return unknown()
    const fields = this.#fieldsOf(view)
    if (asked.isHead) return { kind: 'head', status: 200, fields }
    return { kind: 'whole', status: 200, fields, body: this.#bodyOf(asked, view) }
  }

  async cancel(id: string): Promise<SequenceAnswer> {
    const isOver = await this.#jobs.cancel(id)
    if (isOver === undefined) return unknown()
    if (!isOver) return unavailable('The job could not be cancelled: try again soon', 1)
    return { kind: 'head', status: 204, fields: NO_STORE }
  }

  /** What there is of the terms, and then the others as they come. @throws PageError with status 400. */
  terms(asked: JobAsked, id: string): SequenceAnswer | Promise<SequenceAnswer> {
    const { asked: own } = ownParameters(asked.query, ['start', 'format'])
    const format = formatOf(asked.headers.accept, own.get('format'))
    if (format === undefined) return problem(406, 'Not Acceptable', `Terms of a job are given as ${TYPES.join(', ')}`)
    const from = own.get('start')
    const first = from === undefined ? 0 : integerOf('start', from, 0)
    const seen = format.isLive ? lastSeen(asked.headers['last-event-id']) : -1
    return this.#open(asked, id, format, { first, seen })
  }

  async #open(
    asked: JobAsked,
    id: string,
    format: TermFormat,
    { first, seen }: { readonly first: number; readonly seen: number },
  ): Promise<SequenceAnswer> {
    const view = await this.#jobs.find(id)
    if (view === undefined) return unknown()
    const start = Math.max(view.job.start, first, seen + 1)
    // A stream that has no more terms than the reader knows must not be opened again (HTML, section 9.2.3).
    const isRead = seen >= 0 && start >= view.job.start + this.#totalOf(view)
    if (isRead) return { kind: 'head', status: 204, fields: NO_STORE }
    const fields = {
      'Content-Type': format.type,
      'Cache-Control': format.isLive ? 'no-store, no-transform' : 'no-store',
      'X-Accel-Buffering': 'no',
    }
    if (asked.isHead) return { kind: 'head', status: 200, fields }
    return this.#follow(asked.response, view, start, format, fields)
  }

  async #follow(
    response: ServerResponse,
    { job }: JobView,
    start: number,
    format: TermFormat,
    fields: PageFields,
  ): Promise<SequenceAnswer> {
    const reader: Pick<TermReader, 'read'> = {
      read: (span, { signal }) => this.#jobs.follow(job, span.start, signal),
    }
    const { heartbeat, sequence } = this.#settings
    const span = { start, count: Math.max(0, job.start + job.count - start) }
    const reading = { sequence: sequence.id, span, format, promised: undefined, heartbeat, mayEndBroken: true }
    try {
      const read = await readTerms(response, reader, reading)
      if (read.kind === 'gone') return read
      if (read.kind === 'refused') return { kind: 'problem', problem: poolProblem(read.error) }
      if (read.kind === 'whole') return { kind: 'whole', status: 200, fields, body: read.body }
      return { kind: 'stream', status: 200, fields, content: read.content }
    } catch (error) {
      const known = jobProblem(error)
      if (known === undefined) throw error
      return { kind: 'problem', problem: known }
    }
  }

  #totalOf({ job, state }: JobView): number {
    return totalOf(job, state, this.#settings.sequence.length)
  }

  #fieldsOf(view: JobView): PageFields {
    const isWaited = !isOver(view.state)
    return {
      ...NO_STORE,
      'Content-Type': 'application/json',
      'Retry-After': isWaited ? `${secondsLeft(view.state, this.#totalOf(view))}` : undefined,
    }
  }

  #bodyOf(asked: JobAsked, view: JobView): Buffer {
    const { job, state } = view
    const total = this.#totalOf(view)
    const self = pathOf(asked, view)
    const running = state.status === 'running' || state.status === 'done' ? state : undefined
    const status = {
      status: state.status,
      start: job.start,
      limit: job.count,
      done: state.done,
      total,
      rate: running === undefined ? null : Math.round(running.rate * 1_000) / 1_000,
      startedAt: timeText(running?.startedAt),
      updatedAt: timeText(state.status === 'queued' ? undefined : state.updatedAt),
      estimatedEnd: timeText(estimatedEnd(state, total)),
      ...(state.status === 'failed' && { error: { ...FAILED, index: job.start + state.done } }),
      links: { self, terms: `${self}/terms`, page: this.#pageOf(asked, view) },
    }
    return Buffer.from(JSON.stringify(status))
  }

  /** Where the terms are as a page, now; null where they are not. */
  #pageOf({ root }: JobAsked, { job, state }: JobView): string | null {
    const { sequence, reader, limit, limits } = this.#settings
    const bounds = { reader, length: sequence.length, limit, limits: limits.page }
    const isThere =
      (state.status === 'done' && sequence.deterministic) || allowedCount(bounds, job.start, job.count) === job.count
    return isThere ? `${root}/terms?start=${job.start}&limit=${job.count}` : null
  }
}

function pathOf({ root }: JobAsked, { job }: JobView): string {
  return `${root}/jobs/${job.id}`
}

function formatOf(accept: string | undefined, named: string | undefined): TermFormat | undefined {
  if (named === undefined) {
    const type = acceptedType(accept, TYPES)
    return JOB_FORMATS.find((format) => format.type === type)
  }
  const format = JOB_FORMATS.find(({ name }) => name === named)
  if (format !== undefined) return format
  const names = JOB_FORMATS.map(({ name }) => name).join(', ')
  throw new PageError(400, `format must be one of ${names}, not ${quote(named)}`)
}

/** -1: none. */
function lastSeen(lastEventId: string | string[] | undefined): number {
  return lastEventId === undefined || lastEventId === '' ? -1 : integerOf('Last-Event-ID', `${lastEventId}`, 0)
}

function secondsLeft(state: JobState, total: number): number {
  const end = estimatedEnd(state, total)
  const left = end === undefined || state.status !== 'running' ? 0 : Math.ceil((end - state.updatedAt) / 1_000)
  return Math.min(Math.max(left, 1), LATEST_RETRY)
}

/** RFC 3339. */
function timeText(ms: number | undefined): string | null {
  // What is estimated may be beyond what a Date can say.
  return ms === undefined || ms > 8.64e15 ? null : new Date(ms).toISOString()
}

function unknown(): SequenceAnswer {
  return problem(404, 'Not Found', 'There is no such job, or it is not kept any more')
}

function unavailable(detail: string, retryAfter: number): SequenceAnswer {
  return { kind: 'problem', problem: { status: 503, title: 'Service Unavailable', detail, retryAfter } }
}
