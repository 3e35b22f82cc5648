import { EventEmitter } from 'node:events'
import { type Readable, Stream } from 'node:stream'
import type { Context } from 'koa'
import type { ReadLog } from '../../core/cache/read-log.ts'
import type { Recording } from '../../core/cache/recording.ts'
import type { Content } from '../node/tap.ts'
import { streamOfWebBody } from './web-body.ts'

const WHOLE: Content = { ended: true }

/**
 * Copies the body that a handler has set, whatever its kind, without changing what is sent. Undefined: it cannot be
 * recorded.
 */
export function recordBody(ctx: Context, recording: Recording, reads: ReadLog | undefined): Content | undefined {
  const { body } = ctx
  if (body === undefined || body === null) return WHOLE
  if (typeof body === 'string') return recordBytes(Buffer.from(body), recording)
  if (Buffer.isBuffer(body)) return recordBytes(body, recording)
  if (body instanceof Stream) return recordStream(ctx, body as Readable, recording, reads)
  const stream = streamOfWebBody(ctx)
  if (stream !== undefined) {
    setBody(ctx, stream)
    return recordStream(ctx, stream, recording, reads)
  }
  return isStreamLike(body) ? undefined : recordJson(ctx, recording)
}

function recordBytes(bytes: Buffer, recording: Recording): Content {
  recording.write(bytes)
  return WHOLE
}

/** Serialised here instead of in Koa, so that it is done once. */
function recordJson(ctx: Context, recording: Recording): Content | undefined {
  const text = jsonOf(ctx.body)
  if (text === undefined) return undefined
  setBody(ctx, text)
  return recordBytes(Buffer.from(text), recording)
}

function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    // Koa meets the same error and answers it.
    return undefined
  }
}

/** Puts another form of the same content in place of the body: type and length stay as they are. */
function setBody(ctx: Context, body: string | Readable): void {
  const { res } = ctx
  const type = res.getHeader('Content-Type')
  const length = res.getHeader('Content-Length')
  ctx.body = body
  if (type === undefined) res.removeHeader('Content-Type')
  if (length !== undefined) res.setHeader('Content-Length', length)
}

/**
 * Listens to a stream without starting it: `prependListener` is not one of the functions by which a stream begins to
 * flow. Whoever consumes it does so at their own speed, and its errors are theirs.
 */
function recordStream(
  { res }: Context,
  stream: Readable,
  recording: Recording,
  reads: ReadLog | undefined,
): Content | undefined {
  if (stream.readableDidRead || stream.destroyed) return undefined
  const content = { ended: false }
  const listen = EventEmitter.prototype.prependListener.bind(stream)
  listen('data', (chunk: unknown) => {
    if (typeof chunk === 'string') recording.write(Buffer.from(chunk))
    else if (chunk instanceof Uint8Array) recording.write(chunk)
  })
  listen('end', () => {
    content.ended = true
    reads?.close()
  })
  listen('close', () => {
    if (!content.ended) recording.fail('truncated')
  })
  // All middleware has returned by then: what is read from now on is the stream's own doing.
  if (reads !== undefined) res.once('pipe', () => reads.resume())
  return content
}

function isStreamLike(body: object | number | boolean): boolean {
  return typeof (body as { pipe?: unknown }).pipe === 'function'
}
