import { type IncomingHttpHeaders, type IncomingMessage, type ServerResponse, validateHeaderValue } from 'node:http'
import type { Reply } from '../../core/cache/reply.ts'
import type { Coding } from '../../core/compression/coding.ts'
import type { Compressor, WholeContent } from '../../core/compression/compressor.ts'
import { closedError, type EncodingFeed } from '../../core/compression/feed.ts'
import { isStreaming } from '../../core/compression/media-type.ts'
import type { Variant } from '../../core/compression/variants.ts'
import { parseCacheControl } from '../../core/http/cache-control.ts'
import { breakOff, isGone, reasonOf, setReason } from './answer.ts'
import { afterFinish, bytesOf, type Callback, callbackOf, isContent, isNothing, lengthOf } from './chunks.ts'
import { closeWithClient } from './client-left.ts'
import { encodedReply } from './encoded-reply.ts'
import {
  type Encoding,
  type EncodingRules,
  hasTrailers,
  judgeEncoding,
  type Switch,
  setEncodedFields,
  setGiven,
  setNotModifiedFields,
  textOf,
  varyByEncoding,
  withVary,
} from './encoding-head.ts'
import { headArguments } from './head-lines.ts'
import { prepareProblem } from './problem.ts'
import { BODY_IDENTITY, IDENTIFIED_BODY, type MarkedResponse, SHORTCUT } from './symbols.ts'
import type { Shortcut } from './writer.ts'

export type { EncodingRules } from './encoding-head.ts'

const ENCODED: unique symbol = Symbol('breakwater.encoded')

type Method = (this: ServerResponse, ...args: unknown[]) => unknown

interface Chunk {
  readonly content: Buffer
  readonly callback: Callback | undefined
}

/**
 * An answer on its way: `open` until its head is final, then `passing` as it is, or `held` back until it is known whether
 * all of its content comes at once. Of what is encoded, the whole is `working` in a thread, or it is `feeding` as it comes.
 * `refused`: another answer was sent in its place.
 */
interface State {
  readonly request: IncomingMessage
  /** As they were outside of all other layers. */
  readonly headers: IncomingHttpHeaders
  readonly owner: Switch
  readonly rules: EncodingRules
  phase: 'open' | 'passing' | 'held' | 'working' | 'feeding' | 'refused'
  /** Once it is held. */
  encoding: Encoding | undefined
  /** Whether the head was made by Node, for a `write` or `end` without `writeHead`. */
  isImplicit: boolean
  status: number
  reason: string | undefined
  held: Chunk[]
  /** Bytes. */
  heldBytes: number
  feed: EncodingFeed | undefined
  isEnded: boolean
  /** Of `end`, until it is handed on. */
  endCallbacks: Callback[]
  readonly encoded: Shortcut['encoded']
  readonly writeHead: Method
  readonly write: Method
  readonly end: Method
  readonly flushHeaders: Method
  /** Once it is fed. */
  emit: Method | undefined
}

interface EncodedResponse extends MarkedResponse {
  [ENCODED]?: State
  flush?: () => void
  compress?: boolean | undefined
  /** Node's own note of the content's length, from which it makes Content-Length when there is no head yet. */
  _contentLength?: number | null
}

/**
 * Encodes what is sent by a response, where its head and its request allow it. The functions are shared and the state is one
 * object, so an answer that is not encoded pays almost nothing.
 */
export function encodeResponse(
  request: IncomingMessage,
  response: ServerResponse,
  owner: Switch,
  rules: EncodingRules,
): void {
  const encoded = response as EncodedResponse
  // A mount further out encodes already.
  if (encoded[ENCODED] !== undefined) return
  const { writeHead, write, end, flushHeaders } = encoded
  const state: State = {
    request,
    headers: request.headers,
    owner,
    rules,
    phase: 'open',
    encoding: undefined,
    isImplicit: false,
    status: 200,
    reason: undefined,
    held: NONE,
    heldBytes: 0,
    feed: undefined,
    isEnded: false,
    endCallbacks: NO_CALLBACKS,
    encoded: encodedBeforehand,
    writeHead: writeHead as Method,
    write: write as Method,
    end: end as Method,
    flushHeaders: flushHeaders as Method,
    emit: undefined,
  }
  encoded[ENCODED] = state
  encoded[SHORTCUT] = state as Shortcut
  encoded.writeHead = encodedWriteHead as ServerResponse['writeHead']
  encoded.write = encodedWrite as ServerResponse['write']
  encoded.end = encodedEnd as ServerResponse['end']
  encoded.flushHeaders = encodedFlushHeaders
  encoded.flush = encodedFlush
}

const NONE: Chunk[] = []
const NO_CALLBACKS: Callback[] = []

/** An answer from the cache passes by where it was encoded before and no other layer lies between. */
function encodedBeforehand(response: EncodedResponse, reply: Reply): Reply | undefined {
  const state = response[ENCODED] as State
  const isNext =
    response.writeHead === encodedWriteHead && response.write === encodedWrite && response.end === encodedEnd
  if (!isNext || state.phase !== 'open' || response.headersSent || isGone(response)) return undefined
  const { request, headers, owner, rules } = state
  const acceptEncoding = headers['accept-encoding'] as string | undefined
  const encoded = encodedReply(request, response, owner, rules, acceptEncoding, reply)
  if (encoded !== undefined) state.phase = 'passing'
  return encoded
}

function encodedWriteHead(this: EncodedResponse, ...args: unknown[]): ServerResponse {
  const state = this[ENCODED] as State
  if (state.phase === 'refused') return this
  if (state.phase === 'held' || state.phase === 'working') throw headersSent('write')
  if (state.phase !== 'open' || this.headersSent || isGone(this)) return writeHead(this, state, args)
  const status = Number(args[0])
  if (!(status >= 200 && status <= 999)) return writeHead(this, state, args)
  return decide(this, state, args)
}

function decide(response: EncodedResponse, state: State, given: readonly unknown[]): ServerResponse {
  let args = given
  if (state.rules.hasFilter && args.length > 1) {
    // A filter looks at the response.
    setGiven(response, args)
    args = typeof args[1] === 'string' ? args.slice(0, 2) : args.slice(0, 1)
  }
  const head = headArguments(args)
  const { request, headers, owner, rules } = state
  const acceptEncoding = () => headers['accept-encoding'] as string | undefined
  const verdict = judgeEncoding(request, response, head, owner, rules, acceptEncoding)
  switch (verdict.kind) {
    case 'untouched':
      return pass(response, state, args)
    case 'identity':
      return pass(response, state, withVary(response, args, head))
    case 'not-modified':
      setGiven(response, args)
      setNotModifiedFields(request, response)
      return pass(response, state, head.reason === undefined ? [head.status] : [head.status, head.reason])
    case 'refuse':
      return refuse(response, state)
    case 'encode':
      // What Node refuses, it refuses here and now: later there is nobody to hear of it.
      validateHeaderValue('statusMessage', head.reason ?? reasonOf(response) ?? '')
      setGiven(response, args)
      response.statusCode = head.status
      if (head.reason !== undefined) setReason(response, head.reason)
      state.encoding = verdict
      state.status = head.status
      state.reason = head.reason
      state.phase = 'held'
      // What the cache sends comes in one go.
      if (!state.isImplicit && response[IDENTIFIED_BODY] === undefined) detain(response)
      return response
  }
}

/** Lets the answer go as it is. If that throws, the head is open again: an error page may follow. */
function pass(response: EncodedResponse, state: State, args: readonly unknown[]): ServerResponse {
  state.phase = 'passing'
  try {
    return writeHead(response, state, args)
  } catch (error) {
    if (!response.headersSent) state.phase = 'open'
    throw error
  }
}

function writeHead(response: ServerResponse, state: State, args: readonly unknown[]): ServerResponse {
  return state.writeHead.apply(response, args as unknown[]) as ServerResponse
}

/** Writes the head that was held back, of a response that was released. If that throws, it is as if nothing was written: an error page may follow. */
function commit(response: EncodedResponse, state: State): void {
  const { status, reason } = state
  try {
    pass(response, state, reason === undefined ? [status] : [status, reason])
  } catch (error) {
    state.held = NONE
    state.heldBytes = 0
    state.isEnded = false
    state.endCallbacks = NO_CALLBACKS
    if (!response.headersSent) response.removeHeader('Content-Encoding')
    throw error
  }
}

/** RFC 9110 section 15.5.7. What the handler says further is dropped. */
function refuse(response: EncodedResponse, state: State): ServerResponse {
  const body = prepareProblem(response, {
    status: 406,
    title: 'Not Acceptable',
    detail: `Accept-Encoding takes none of ${[...state.rules.compressor.settings.order, 'identity'].join(', ')}`,
  })
  varyByEncoding(response)
  setReason(response, '')
  state.phase = 'passing'
  writeHead(response, state, [406])
  state.end.call(response, body)
  state.phase = 'refused'
  return response
}

function encodedWrite(this: EncodedResponse, ...args: unknown[]): unknown {
  const state = this[ENCODED] as State
  const [chunk] = args
  const callback = callbackOf(args)
  if (state.phase === 'open' && isContent(chunk) && !this.headersSent && !isGone(this)) impliedHead(this, state)
  switch (state.phase) {
    case 'open':
    case 'passing':
      return state.write.apply(this, args)
    case 'refused':
      if (callback !== undefined) process.nextTick(callback)
      return true
    case 'held':
    case 'working':
    case 'feeding':
      if (isGone(this)) abandon(state)
      if (!isContent(chunk) || isGone(this)) return state.write.apply(this, args)
      return state.isEnded ? writeAfterEnd(this, callback) : take(this, state, bytesOf(chunk, args[1]), callback)
  }
}

/** Content of an answer that is encoded as it comes, or may be. */
function take(response: EncodedResponse, state: State, content: Buffer, callback: Callback | undefined): boolean {
  if (state.feed !== undefined) return state.feed.write(content, callback)
  if (state.request.method === 'HEAD') {
    commitHead(response, state, undefined)
    return state.write.call(response, content, callback) as boolean
  }
  const { type, length } = state.encoding as Encoding
  if (state.held === NONE) state.held = []
  state.held.push({ content, callback })
  state.heldBytes += content.length
  const isEnough = length !== undefined || state.heldBytes >= state.rules.compressor.settings.threshold
  if (isEnough || isStreaming(type)) return startFeeding(response, state)
  if (state.held.length === 1) {
    detain(response)
    // It may be all for now.
    setImmediate(() => state.phase === 'held' && unattended(response, () => startFeeding(response, state)))
  }
  return true
}

/** Sends the head, and from now on what is written as it comes. */
function startFeeding(response: EncodedResponse, state: State): boolean {
  if (isGone(response)) {
    abandon(state)
    return false
  }
  return openFeed(response, state, (state.encoding as Encoding).length) ? feedHeld(state) : passHeld(response, state)
}

/**
 * Sends the head of an answer that is encoded as it comes. False: there is no memory for that, and nothing was sent.
 *
 * @param size Bytes to come, if that is known.
 */
function openFeed(response: EncodedResponse, state: State, size: number | undefined): boolean {
  const { coding, type } = state.encoding as Encoding
  const feed = feedOf(response, state, coding, isStreaming(type), size)
  if (feed === undefined) return false
  try {
    commitHead(response, state, undefined)
  } catch (error) {
    feed.destroy()
    throw error
  }
  if (state.isEnded) detain(response)
  state.phase = 'feeding'
  state.feed = feed
  state.emit = response.emit as Method
  response.emit = feedingEmit
  closeWithClient(response)
  return true
}

/** Undefined where zlib could not even begin. */
function feedOf(
  response: EncodedResponse,
  state: State,
  coding: Coding,
  isEager: boolean,
  size: number | undefined,
): EncodingFeed | undefined {
  try {
    return state.rules.compressor.feed(coding, new ResponseSink(response, state), isEager, size)
  } catch {
    return undefined
  }
}

function feedHeld(state: State): boolean {
  const { held } = state
  state.held = NONE
  let mayGoOn = true
  for (const { content, callback } of held) mayGoOn = (state.feed as EncodingFeed).write(content, callback)
  return mayGoOn
}

/** Sends the head, and from now on what is written as it is. */
function passHeld(response: EncodedResponse, state: State): boolean {
  commitAsItIs(response, state)
  const { held } = state
  state.held = NONE
  let mayGoOn = true
  for (const { content, callback } of held) mayGoOn = state.write.call(response, content, callback) as boolean
  return mayGoOn
}

/** Where the encoding of a response goes. */
class ResponseSink {
  readonly #response: EncodedResponse
  readonly #state: State

  constructor(response: EncodedResponse, state: State) {
    this.#response = response
    this.#state = state
  }

  write(encoded: Buffer): boolean {
    let mayGoOn = false
    unattended(this.#response, () => {
      mayGoOn = this.#state.write.call(this.#response, encoded) as boolean
    })
    return mayGoOn
  }

  end(): void {
    this.#state.phase = 'passing'
    unattended(this.#response, () => endBeneath(this.#response, this.#state))
  }

  drain(): void {
    this.#state.emit?.call(this.#response, 'drain')
  }

  fail(error: Error): void {
    this.#response.destroy(error)
  }
}

/**
 * Room beneath is for what waits to be encoded: whoever writes is told of it when that is gone, by `ResponseSink`. That the
 * response is closed is heard here as well: one listener more would be too many for some frameworks.
 */
function feedingEmit(this: EncodedResponse, ...args: unknown[]): boolean {
  const state = this[ENCODED] as State
  const [event] = args
  if (event === 'drain' && state.phase === 'feeding') {
    state.feed?.drained()
    return true
  }
  if (event === 'close') closed(state)
  return (state.emit as Method).apply(this, args) as boolean
}

function closed(state: State): void {
  state.feed?.destroy()
  if (state.phase === 'feeding') abandon(state)
}

function encodedEnd(this: EncodedResponse, ...args: unknown[]): ServerResponse {
  const state = this[ENCODED] as State
  const [chunk] = args
  const callback = callbackOf(args)
  if (state.phase === 'open' && (isContent(chunk) || isNothing(chunk)) && !this.headersSent && !isGone(this)) {
    if (this._contentLength === null) this._contentLength = lengthOf(chunk, args[1])
    impliedHead(this, state)
  }
  switch (state.phase) {
    case 'open':
    case 'passing':
      return state.end.apply(this, args) as ServerResponse
    case 'refused':
      if (callback !== undefined) afterFinish(this, callback)
      return this
    case 'held':
    case 'feeding':
    case 'working':
      if (isGone(this)) {
        abandon(state)
        return state.end.apply(this, args) as ServerResponse
      }
      // Node's `end` throws as its `write` does, but leaves the connection corked.
      if (!isContent(chunk) && !isNothing(chunk)) state.write.apply(this, args)
      if (state.isEnded) endAgain(this, state, chunk, callback)
      else finish(this, state, isContent(chunk) ? bytesOf(chunk, args[1]) : undefined, callback)
      return this
  }
}

/** No more content comes than `last`. */
function finish(
  response: EncodedResponse,
  state: State,
  last: Buffer | undefined,
  callback: Callback | undefined,
): void {
  state.isEnded = true
  if (callback !== undefined) state.endCallbacks = [callback]
  if (state.feed !== undefined) {
    detain(response)
    if (last !== undefined) state.feed.write(last)
    state.feed.end()
  } else sendWhole(response, state, wholeOf(state, last))
}

/** What Node does in the place of an `end` that comes too late. */
function endAgain(response: EncodedResponse, state: State, chunk: unknown, callback: Callback | undefined): void {
  if (isContent(chunk) && chunk !== '') writeAfterEnd(response, callback)
  else if (callback !== undefined) state.endCallbacks = [...state.endCallbacks, callback]
}

/** Ends the response itself, which tells from then on whoever asked to be told. */
function endBeneath(response: EncodedResponse, state: State, content?: Buffer): void {
  const callbacks = state.endCallbacks
  state.endCallbacks = NO_CALLBACKS
  const given = content === undefined ? [] : [content]
  if (callbacks.length === 0) state.end.apply(response, given)
  else state.end.call(response, ...given, (error?: Error | null) => callbacks.forEach((callback) => callback(error)))
}

function wholeOf({ held }: State, last: Buffer | undefined): Buffer {
  if (held.length === 0) return last ?? EMPTY
  const parts = held.map(({ content }) => content)
  return Buffer.concat(last === undefined ? parts : [...parts, last])
}

const EMPTY = Buffer.alloc(0)

/** Sends content of which all is here. */
function sendWhole(response: EncodedResponse, state: State, content: Buffer): void {
  const { coding, isForced, length } = state.encoding as Encoding
  const { compressor } = state.rules
  const isHead = state.request.method === 'HEAD'
  const bytes = isHead ? (length ?? (content.length || Infinity)) : content.length
  if (bytes === 0 || (bytes < compressor.settings.threshold && !isForced)) return sendAsItIs(response, state, content)
  if (isHead) {
    commitHead(response, state, undefined)
    endBeneath(response, state)
    return
  }
  const whole = { content, identity: identityOf(response, content), isShareable: isShareable(response) }
  const found = encodingOf(compressor, whole, coding)
  if (found === 'stream') feedWhole(response, state, content)
  else if (found instanceof Promise) {
    state.phase = 'working'
    detain(response)
    const send = (variant: Variant): void => unattended(response, () => sendVariant(response, state, content, variant))
    found.then(send, () => send(NOT_ENCODED))
  } else sendVariant(response, state, content, found)
}

/** Where there is no memory for an encoding, there may be for the content. */
const NOT_ENCODED: Variant = { encoded: undefined }

function encodingOf(compressor: Compressor, whole: WholeContent, coding: Coding): ReturnType<Compressor['encode']> {
  try {
    return compressor.encode(whole, coding)
  } catch {
    return NOT_ENCODED
  }
}

function feedWhole(response: EncodedResponse, state: State, content: Buffer): void {
  if (!openFeed(response, state, content.length)) return sendAsItIs(response, state, content)
  feedHeld(state)
  const feed = state.feed as EncodingFeed
  feed.write(content.subarray(state.heldBytes))
  feed.end()
}

function sendVariant(response: EncodedResponse, state: State, content: Buffer, { encoded }: Variant): void {
  if (isGone(response)) return abandon(state)
  if (encoded === undefined) {
    if ((state.encoding as Encoding).isForced) feedWhole(response, state, content)
    else sendAsItIs(response, state, content)
    return
  }
  commitHead(response, state, encoded.length)
  endBeneath(response, state, encoded)
  tellHeld(state)
}

function sendAsItIs(response: EncodedResponse, state: State, content: Buffer): void {
  // As Node does where there is no head yet.
  if (state.isImplicit && response._contentLength !== undefined && !hasTrailers(response)) {
    response._contentLength = content.length
  }
  commitAsItIs(response, state)
  endBeneath(response, state, content)
  tellHeld(state)
}

/** Writes the head of an answer that could have been encoded. */
function commitAsItIs(response: EncodedResponse, state: State): void {
  release(response)
  varyByEncoding(response)
  commit(response, state)
}

/** Writes the head of an encoded answer. */
function commitHead(response: EncodedResponse, state: State, length: number | undefined): void {
  release(response)
  setEncodedFields(response, (state.encoding as Encoding).coding, length)
  commit(response, state)
}

/** Calls the callbacks of what was held back, and lets go of it. */
function tellHeld(state: State, error?: Error): void {
  for (const { callback } of state.held) if (callback !== undefined) process.nextTick(callback, error)
  state.held = NONE
}

/** The client has gone: nothing is sent any more, and who waits is told. From now on Node answers. */
function abandon(state: State): void {
  const error = closedError()
  const { endCallbacks } = state
  state.phase = 'passing'
  state.endCallbacks = NO_CALLBACKS
  tellHeld(state, error)
  for (const callback of endCallbacks) process.nextTick(callback, error)
}

/** The cache's name for content, if it is the very content that the cache sent. */
function identityOf(response: EncodedResponse, content: Buffer): string | undefined {
  return response[IDENTIFIED_BODY] === content ? response[BODY_IDENTITY] : undefined
}

function isShareable(response: ServerResponse): boolean {
  const control = parseCacheControl(textOf(response.getHeader('Cache-Control')))
  return !control.noStore && control.private === false
}

function encodedFlushHeaders(this: EncodedResponse): void {
  const state = this[ENCODED] as State
  if (state.phase === 'open' && !this.headersSent && !isGone(this)) impliedHead(this, state)
  sendHead(this, state)
}

/** Sends a head that is there, whatever content comes. */
function sendHead(response: EncodedResponse, state: State): void {
  if (state.phase === 'held' && state.request.method !== 'HEAD') startFeeding(response, state)
  if (state.phase === 'held') commitHead(response, state, undefined)
  if (state.phase !== 'refused' && state.phase !== 'working') state.flushHeaders.call(response)
}

/** Sends all that was written so far, be it only the head. */
function encodedFlush(this: EncodedResponse): void {
  const state = this[ENCODED] as State
  if (state.phase === 'held') sendHead(this, state)
  state.feed?.flush()
}

/** Makes the head that nobody has written, by way of all layers above, which may have something to add. */
function impliedHead(response: EncodedResponse, state: State): void {
  state.isImplicit = true
  response.writeHead(response.statusCode)
}

/** Does what the handler is not there any more to see fail: a layer further out may throw when the head is written. */
function unattended(response: ServerResponse, run: () => void): void {
  try {
    run()
  } catch (error) {
    breakOff(response, error as Error)
  }
}

/** As far as others can tell, what is held back was sent. */
function detain(response: ServerResponse): void {
  Object.defineProperties(response, DETAINED)
  for (const name of SETTERS) if (!Object.hasOwn(response, name)) response[name] = tooLate
}

function release(response: ServerResponse): void {
  if (!Object.hasOwn(response, 'headersSent')) return
  delete (response as { headersSent?: boolean }).headersSent
  delete (response as { writableEnded?: boolean }).writableEnded
  delete (response as { _implicitHeader?: () => void })._implicitHeader
  for (const name of SETTERS) if (response[name] === tooLate) delete (response as Partial<ServerResponse>)[name]
}

const SETTERS = ['setHeader', 'setHeaders', 'appendHeader', 'removeHeader'] as const

function tooLate(): never {
  throw headersSent('set')
}

const DETAINED: PropertyDescriptorMap = {
  headersSent: { configurable: true, get: () => true },
  writableEnded: {
    configurable: true,
    get(this: EncodedResponse) {
      return this[ENCODED]?.isEnded ?? false
    },
  },
  // Layers that look for the head in Node's own note of it have it made (express-session, `compression`).
  _implicitHeader: {
    configurable: true,
    value(this: EncodedResponse) {
      // As Node does; its client has gone.
      if (this[ENCODED]?.phase === 'passing') this.writeHead(this.statusCode)
    },
  },
}

function headersSent(what: string): Error {
  const error = new Error(`Cannot ${what} headers after they are sent to the client`)
  return Object.assign(error, { code: 'ERR_HTTP_HEADERS_SENT' })
}

function writeAfterEnd(response: ServerResponse, callback: Callback | undefined): false {
  const error = Object.assign(new Error('write after end'), { code: 'ERR_STREAM_WRITE_AFTER_END' })
  process.nextTick(() => {
    callback?.(error)
    // Those of HTTP/2 emit no errors, so nobody listens.
    if (!isGone(response) && response.req?.httpVersionMajor !== 2) response.emit('error', error)
  })
  return false
}
