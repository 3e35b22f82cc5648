import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import { constants } from 'node:http2'
import type { Permit } from '../../core/breaker/permit.ts'
import type { Clock } from '../../core/clock.ts'
import { refusedCall } from './refused.ts'
import { retryAfterOf } from './retry-after.ts'
import { INSTEAD, type MarkedResponse, STANDS_FOR } from './symbols.ts'

/** How a handler ended: with an answer, or without one or in the middle of it. */
export type ServedOutcome =
  | { readonly type: 'response'; readonly status: number }
  | { readonly type: 'error'; readonly error: unknown }

/** Who knows which outcomes are failures. */
export interface Judge {
  readonly clock: Clock
  isFailure(outcome: ServedOutcome): boolean | undefined
}

/** Statuses by which a handler says that what it called has failed; any other failure may be its own. */
const OF_UPSTREAM = new Set([502, 503, 504])

/** One run of a handler through a circuit. The first outcome counts. */
export class Serving {
  readonly permit: Permit
  readonly #judge: Judge
  #isOver = false

  constructor(permit: Permit, judge: Judge) {
    this.permit = permit
    this.#judge = judge
  }

  /** The head is on its way: a probe that goes on for long, such as an event stream, need not end to succeed. */
  headSent(response: ServerResponse): void {
    const outcome = outcomeOf(response)
    if (outcome !== undefined && this.#judge.isFailure(outcome) === false) this.permit.responded()
  }

  /** The handler has said its last word. `status`: where a framework has not put it on the response yet. */
  ended(response: ServerResponse, status?: number): void {
    this.#settle(outcomeOf(response, status), response.getHeader('Retry-After'))
  }

  /** The handler threw, or broke its answer off. `status`: what the error says that it be answered with. */
  broke(error: unknown, status?: number): void {
    if (refusedCall(error) !== undefined) this.left()
    else this.#settle(status === undefined ? { type: 'error', error } : { type: 'response', status }, undefined)
  }

  /** The client left, or nobody was asked: that says nothing of the handler. */
  left(): void {
    this.#isOver = true
    this.permit.release()
  }

  #settle(outcome: ServedOutcome | undefined, retryAfterField: unknown): void {
    if (this.#isOver) return
    this.#isOver = true
    const isFailure = outcome && this.#judge.isFailure(outcome)
    if (outcome === undefined || isFailure === undefined) return this.permit.release()
    const retryAfter = retryAfterOf(retryAfterField, this.#judge.clock.now())
    if (isFailure) this.permit.fail(outcome, { retryAfter, origin: originOf(outcome) })
    else if (outcome.type === 'error') this.permit.release()
    else if (outcome.status === 429) this.permit.rateLimited(retryAfter)
    else this.permit.succeed()
  }
}

/** What the handler answered, whatever the client gets; undefined where it was not asked or called nobody. */
function outcomeOf(response: MarkedResponse, status: number = response.statusCode): ServedOutcome | undefined {
  const standsFor = response[STANDS_FOR]
  if (response[INSTEAD] || standsFor === 'unasked') return undefined
  if (standsFor === 'lost') return { type: 'error', error: new Error('The handler gave no answer') }
  return { type: 'response', status: standsFor ?? status }
}

/** A process that fails of itself is no reason for others to open: they take `local` for a hint. */
function originOf(outcome: ServedOutcome): 'upstream' | 'local' {
  return outcome.type === 'response' && OF_UPSTREAM.has(outcome.status) ? 'upstream' : 'local'
}

const WATCH: unique symbol = Symbol('breakwater.watch')

type Method = (this: ServerResponse, ...args: unknown[]) => unknown

/** The runs that a response belongs to, one for each mount on its way, and the functions beneath ours. */
interface Watch {
  readonly runs: Serving[]
  readonly write: Method
  readonly end: Method
  readonly destroy: Method
  writeHead: Method | undefined
  /** Whether the client has more to read than Node holds for it; undefined: it never had yet. */
  isWaiting: boolean | undefined
  /** `ending`: inside the original `end`, which in HTTP/2 may close the response. */
  phase: 'open' | 'ending' | 'over'
}

interface WatchedResponse extends MarkedResponse {
  [WATCH]?: Watch
}

/**
 * Tells a run how its response ends: with `end()`, whenever the client reads what it was sent, or without. The
 * functions are shared and the state is one object, whatever the number of mounts.
 */
export function watchServing(response: ServerResponse, run: Serving): void {
  const watched = response as WatchedResponse
  const watch = watched[WATCH] ?? install(watched)
  watch.runs.push(run)
  // Others need no look at the head, and responses are written faster where `writeHead` is Node's own.
  if (run.permit.kind === 'probe' && watch.writeHead === undefined) {
    watch.writeHead = watched.writeHead as Method
    watched.writeHead = watchedWriteHead as ServerResponse['writeHead']
  }
}

function install(response: WatchedResponse): Watch {
  const { write, end, destroy } = response
  const watch: Watch = {
    runs: [],
    write: write as Method,
    end: end as Method,
    destroy: destroy as Method,
    writeHead: undefined,
    isWaiting: undefined,
    phase: 'open',
  }
  response[WATCH] = watch
  response.write = watchedWrite as ServerResponse['write']
  response.end = watchedEnd as ServerResponse['end']
  response.destroy = watchedDestroy as ServerResponse['destroy']
  response.on('close', onClose)
  const stream = streamOf(response)
  if (response.req.method === 'HEAD') stream?.once('close', () => onHeadClosed(response, watch))
  else stream?.once('aborted', () => onAborted(response, watch))
  return watch
}

/** The stream of HTTP/2. */
function streamOf(response: ServerResponse): Http2ServerResponse['stream'] | undefined {
  return (response as unknown as Partial<Http2ServerResponse>).stream
}

function watchedWriteHead(this: WatchedResponse, ...args: unknown[]): unknown {
  const { writeHead, runs } = this[WATCH] as Watch
  const result = (writeHead as Method).apply(this, args)
  if (this.statusCode >= 200) for (const run of runs) if (run.permit.kind === 'probe') run.headSent(this)
  return result
}

function watchedWrite(this: WatchedResponse, ...args: unknown[]): unknown {
  const watch = this[WATCH] as Watch
  const mayGoOn = watch.write.apply(this, args)
  if (mayGoOn === false && !watch.isWaiting && watch.phase === 'open') waitForClient(this, watch)
  return mayGoOn
}

/** Until the client has read, the handler waits for it: not its own time. */
function waitForClient(response: WatchedResponse, watch: Watch): void {
  // Once for all: where compression() hands listeners to a stream of its own, they cannot be taken back.
  if (watch.isWaiting === undefined) response.on('drain', () => goOn(watch))
  watch.isWaiting = true
  for (const { permit } of watch.runs) permit.pause()
}

function goOn(watch: Watch): void {
  watch.isWaiting = false
  for (const { permit } of watch.runs) permit.resume()
}

function watchedEnd(this: WatchedResponse, ...args: unknown[]): unknown {
  const watch = this[WATCH] as Watch
  if (watch.phase !== 'open' || isCut(this)) return watch.end.apply(this, args)
  watch.phase = 'ending'
  try {
    const result = watch.end.apply(this, args)
    settle(watch, (run) => run.ended(this))
    return result
  } finally {
    // Where that threw, an error page may follow: the handler has not ended yet.
    if (watch.phase === 'ending') watch.phase = 'open'
  }
}

function watchedDestroy(this: WatchedResponse, ...args: unknown[]): unknown {
  const watch = this[WATCH] as Watch
  if (hasClientLeft(this)) settle(watch, (run) => run.left())
  else settle(watch, (run) => run.broke(args[0] ?? brokenOff()))
  return watch.destroy.apply(this, args)
}

/** The response is over. Without an end, it is because its client left, or somebody has cut the connection. */
function onClose(this: WatchedResponse): void {
  const watch = this[WATCH] as Watch
  if (watch.phase === 'ending') return
  if (watch.isWaiting || hasClientLeft(this)) settle(watch, (run) => run.left())
  else settle(watch, (run) => run.broke(brokenOff()))
}

/**
 * In HTTP/2 the stream is over before the answer has ended. The response does not close where a client resets the stream
 * without an error while something waits to be sent. What is destroyed here is so already, and what the client resets is
 * not yet.
 */
function onAborted(response: WatchedResponse, watch: Watch): void {
  if (watch.phase === 'ending') return
  if (streamOf(response)?.destroyed === true && !hasClientLeft(response)) {
    settle(watch, (run) => run.broke(brokenOff()))
  } else settle(watch, (run) => run.left())
}

/**
 * In HTTP/2 the stream of a HEAD is over once its head is sent, and its handler goes on. Before that, it is because its
 * client left: the response does not close then.
 */
function onHeadClosed(response: WatchedResponse, watch: Watch): void {
  if (!response.headersSent && watch.phase === 'open') settle(watch, (run) => run.left())
}

function settle(watch: Watch, tell: (run: Serving) => void): void {
  if (watch.phase === 'over') return
  watch.phase = 'over'
  watch.runs.forEach(tell)
}

function brokenOff(): Error {
  return new Error('The response broke off')
}

/**
 * Whether it is over already: what a handler still says then is no answer. In HTTP/2 the stream of an answer to HEAD is
 * over as soon as its head is sent.
 */
function isCut(response: ServerResponse): boolean {
  if (response.req.method === 'HEAD') return false
  return response.destroyed || streamOf(response)?.destroyed === true
}

/**
 * Whether the connection, or the stream in HTTP/2, was ended by the other side: by a FIN, a reset or an error in reading
 * or writing. What is destroyed here shows none of them.
 */
function hasClientLeft(response: ServerResponse): boolean {
  const stream = streamOf(response)
  if (stream !== undefined) return stream.rstCode === constants.NGHTTP2_CANCEL
  const { socket } = response.req as IncomingMessage
  return socket.readableEnded || (socket.errored as NodeJS.ErrnoException | null)?.syscall !== undefined
}
