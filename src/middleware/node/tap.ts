import type { ServerResponse } from 'node:http'
import type { Exchange, HeadOutcome } from '../../core/cache/exchange.ts'
import type { Recording } from '../../core/cache/recording.ts'
import type { Reply } from '../../core/cache/reply.ts'
import { isGone, reasonOf, sendReplyBy, setReason } from './answer.ts'
import { afterFinish, bytesOf, callbackOf, isContent, isNothing, lengthOf } from './chunks.ts'
import { whenOver } from './client-left.ts'
import {
  type FieldsBefore,
  fieldsBefore,
  type HeadArguments,
  headArguments,
  headLines,
  withMember,
} from './head-lines.ts'
import { ANSWER_RULE, INSTEAD, type MarkedResponse, STANDS_FOR } from './symbols.ts'
import type { Writer } from './writer.ts'

const TAP: unique symbol = Symbol('breakwater.tap')

/** What a framework has in hand as the content of an answer, before it is written. */
export interface Content {
  /** All of it was produced, without error. */
  readonly ended: boolean
}

/**
 * What passes through a tapped response: `open` until its head is judged, then `passing` untouched, `recording`
 * alongside, or `replaced` by an answer from the cache while what the handler sends is dropped.
 */
interface Tap extends Writer {
  readonly exchange: Exchange
  readonly before: FieldsBefore
  readonly note: string | undefined
  phase: 'open' | 'passing' | 'recording' | 'replying' | 'replaced'
  recording: Recording | undefined
  /** The content that is recorded above, in the framework, while the response passes. */
  content: Content | undefined
  /** Inside the original `end`, which in HTTP/2 calls `write`. */
  ending: boolean
}

interface TappedResponse extends MarkedResponse {
  [TAP]?: Tap
  /** Node's own note of the content's length, from which it makes Content-Length when there is no head yet. */
  _contentLength?: number | null
}

/**
 * Puts an exchange into a response: its head is judged when it is final, and its bytes are recorded or replaced.
 * The functions are shared and the state is one object, so a response that is not stored pays almost nothing.
 */
export function tap(response: ServerResponse, exchange: Exchange, note?: string): void {
  const tapped = response as TappedResponse
  const { writeHead, write, end } = tapped
  tapped[TAP] = {
    exchange,
    before: fieldsBefore(response),
    note,
    phase: 'open',
    recording: undefined,
    content: undefined,
    ending: false,
    writeHead: writeHead as Writer['writeHead'],
    write: write as Writer['write'],
    end: end as Writer['end'],
  }
  tapped.writeHead = tappedWriteHead as ServerResponse['writeHead']
  tapped.write = tappedWrite as ServerResponse['write']
  tapped.end = tappedEnd as ServerResponse['end']
  whenOver(response, onClose)
}

/**
 * Judges the head of a tapped response above it, where a framework still has it in hand; from then on everything
 * passes. The recording, if there is one, counts if `content` has ended when the response ends.
 */
export function judgeAbove(response: ServerResponse, status: number, note: string | undefined): HeadOutcome {
  const state = (response as TappedResponse)[TAP] as Tap
  state.phase = 'passing'
  return judge(response, state, { status, reason: undefined, fields: undefined }, note)
}

/** Names the content that is recorded above. */
export function recordsAbove(response: ServerResponse, content: Content, recording: Recording): void {
  const state = (response as TappedResponse)[TAP] as Tap
  state.content = content
  state.recording = recording
}

/** Takes back what the handler did to the fields of a tapped response that is answered from the cache. */
export function restoreFields(response: ServerResponse): void {
  const { before } = (response as TappedResponse)[TAP] as Tap
  for (const name of response.getHeaderNames()) if (before?.get(name) === undefined) response.removeHeader(name)
  for (const [name, value] of before ?? []) if (value !== undefined) response.setHeader(name, value)
}

/** Answers a tapped response from the cache, if nothing of its own was sent: its origin is lost. */
export function answerInstead(response: ServerResponse, reply: Reply): void {
  const tapped = response as TappedResponse
  replace(tapped, tapped[TAP] as Tap, reply)
}

function onClose(this: TappedResponse): void {
  const state = this[TAP]
  if (state !== undefined) leave(this, state)
}

/** The response is over without an end: its client left, or it failed. */
function leave(response: ServerResponse, { exchange }: Tap): void {
  if (response.errored) exchange.discard()
  else exchange.abandon()
}

function tappedWriteHead(this: TappedResponse, ...args: unknown[]): ServerResponse {
  const state = this[TAP] as Tap
  if (state.phase === 'replaced') return this
  if (state.phase !== 'open' || !isHeadOpen(this)) return callWriteHead(this, state, args)
  const head = headArguments(args)
  if (!(head.status >= 200 && head.status <= 999)) return callWriteHead(this, state, args)
  const outcome = judge(this, state, head, state.note)
  switch (outcome.kind) {
    case 'replace':
      replace(this, state, outcome.reply)
      return this
    case 'record':
      state.recording = outcome.recording
      return sendHead(this, state, 'recording', args, outcome.cacheStatus)
    case 'pass':
      return sendHead(this, state, 'passing', args, outcome.cacheStatus)
  }
}

function judge(response: TappedResponse, state: Tap, head: HeadArguments, note: string | undefined): HeadOutcome {
  const rule = response[ANSWER_RULE]
  if (rule !== undefined) state.exchange.addRule(rule)
  const outcome = state.exchange.head({
    status: head.status,
    statusText: head.reason ?? reasonOf(response),
    lines: headLines(response, head, state.before),
    note,
    lost: response[INSTEAD],
  })
  if (outcome.kind === 'replace') response[STANDS_FOR] = head.status
  return outcome
}

/** Writes the handler's head with our Cache-Status. If that throws, the head is open again: an error page may follow. */
function sendHead(
  response: TappedResponse,
  state: Tap,
  phase: 'passing' | 'recording',
  args: readonly unknown[],
  cacheStatus: string | undefined,
): ServerResponse {
  const present = response.getHeader('Cache-Status')
  state.phase = phase
  try {
    // RFC 9211 section 2: each cache adds its member to what is there.
    const complete = cacheStatus === undefined ? args : withMember(response, args, 'Cache-Status', cacheStatus)
    return callWriteHead(response, state, complete)
  } catch (error) {
    if (!response.headersSent) {
      state.phase = 'open'
      if (present === undefined) response.removeHeader('Cache-Status')
      else response.setHeader('Cache-Status', present)
    }
    throw error
  }
}

function callWriteHead(response: TappedResponse, state: Tap, args: readonly unknown[]): ServerResponse {
  return callBeneath(response, state, state.writeHead, args)
}

function tappedWrite(this: TappedResponse, ...args: unknown[]): boolean {
  const state = this[TAP] as Tap
  const [chunk, encoding] = args
  if (state.phase === 'open' && isContent(chunk) && isHeadOpen(this)) this.writeHead(this.statusCode)
  if (state.phase === 'replaced') {
    const callback = callbackOf(args)
    if (callback !== undefined) process.nextTick(callback)
    return true
  }
  if (state.ending || isGone(this)) return send(this, state, state.write, args)
  const copy = state.phase === 'recording' ? record(state, chunk, encoding) : undefined
  const sent = copy !== undefined && typeof chunk !== 'string' ? [copy, ...args.slice(1)] : args
  const mayGoOn = send(this, state, state.write, sent)
  // A client that does not read must not hold up those who wait for its answer, nor the memory of its recording. What it
  // has not read is the recording's own copy, and so bounded; the handler's memory is its own again.
  return mayGoOn || state.recording?.state === 'open'
}

function tappedEnd(this: TappedResponse, ...args: unknown[]): ServerResponse {
  const state = this[TAP] as Tap
  const [chunk, encoding] = args
  // Within `end` it is too late to send another answer, and what layers inside read for the head would pass for reads of
  // layers outside. Otherwise Node makes the head there: layers outside look for the length of the only chunk.
  const isNeeded = state.exchange.mayReplace || this.writeHead !== tappedWriteHead
  if (state.phase === 'open' && isNeeded && isHeadOpen(this) && (isContent(chunk) || isNothing(chunk))) {
    if (this._contentLength === null) this._contentLength = lengthOf(chunk, encoding)
    this.writeHead(this.statusCode)
  }
  if (state.phase === 'replaced') {
    const callback = callbackOf(args)
    if (callback !== undefined) afterFinish(this, callback)
    return this
  }
  const isWhole = !isGone(this) && !this.errored && state.content?.ended !== false
  state.ending = true
  const result = send(this, state, state.end, args)
  state.ending = false
  if (isWhole) {
    if (state.phase === 'recording') record(state, chunk, encoding)
    state.exchange.finish()
  } else leave(this, state)
  // A client may read for long, and what it has to get is held beside the recording.
  state.recording = undefined
  state.exchange.reads?.close()
  return result
}

type Beneath<Result> = (this: ServerResponse, ...args: never[]) => Result

/** Writes or ends beneath. Where that throws, what was recorded may not be what was sent. */
function send<Result>(
  response: TappedResponse,
  state: Tap,
  beneath: Beneath<Result>,
  args: readonly unknown[],
): Result {
  try {
    return callBeneath(response, state, beneath, args)
  } catch (error) {
    state.ending = false
    if (state.phase !== 'open') state.exchange.discard()
    throw error
  }
}

/** Beneath are the layers outside the cache: what they read of the request makes no difference to the answer. */
function callBeneath<Result>(
  response: TappedResponse,
  { exchange: { reads } }: Tap,
  beneath: Beneath<Result>,
  args: readonly unknown[],
): Result {
  reads?.pause()
  try {
    return beneath.apply(response, args as never[])
  } finally {
    reads?.resume()
  }
}

function isHeadOpen(response: ServerResponse): boolean {
  return !response.headersSent && !isGone(response)
}

/** Sends an answer from the cache in place of the handler's. */
function replace(response: TappedResponse, state: Tap, reply: Reply): void {
  restoreFields(response)
  state.phase = 'replying'
  setReason(response, '')
  sendReplyBy(state, response, reply)
  state.phase = 'replaced'
  state.exchange.reads?.close()
}

/** Records a chunk and returns the recording's copy. */
function record({ recording }: Tap, chunk: unknown, encoding: unknown): Buffer | undefined {
  return isContent(chunk) ? recording?.write(bytesOf(chunk, encoding)) : undefined
}
