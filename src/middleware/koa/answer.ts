import { Readable } from 'node:stream'
import type { Context } from 'koa'
import { dismiss, type Reply, streamOf } from '../../core/cache/reply.ts'
import { breakOff, setLines } from '../node/answer.ts'
import { BODY_IDENTITY, IDENTIFIED_BODY, type MarkedResponse } from '../node/symbols.ts'
import { UNSET } from './notes.ts'

/** Answers from the cache as a handler would: by status, fields and body. Fields already there stay and win. */
export function answerContext(ctx: Context, reply: Reply): void {
  try {
    setHead(ctx, reply)
  } catch (error) {
    dismiss(reply)
    throw error
  }
  const { res, response } = ctx
  const body = bodyOf(ctx, reply)
  if (body === undefined) return
  const typed = res.hasHeader('Content-Type')
  response.body = body
  if (res.statusCode !== reply.status) response.status = reply.status
  if (!typed) res.removeHeader('Content-Type')
}

function setHead({ req, res, response }: Context, { status, statusText, lines, body, bodyIdentity }: Reply): void {
  const marked = res as MarkedResponse
  marked[BODY_IDENTITY] = bodyIdentity
  marked[IDENTIFIED_BODY] = body
  // A handler's body that this answer replaces; setting null changes the status, so it comes first.
  if (response.body !== undefined && response.body !== null) response.body = null
  response.status = status
  if (statusText !== '' && req.httpVersionMajor < 2) response.message = statusText
  setLines(res, lines)
}

/** What to set as `ctx.body`; undefined for nothing. */
function bodyOf(ctx: Context, reply: Reply): Buffer | Readable | string | null | undefined {
  const { status, body, note } = reply
  const content = streamOf(reply)
  if (content !== undefined) {
    const stream = Readable.from(content, { objectMode: false })
    // Koa 2 leaves a response open whose body broke off.
    stream.once('error', (error) => ctx.headerSent && breakOff(ctx.res, error))
    return stream
  }
  if (body === undefined || note === UNSET || status === 204) return undefined
  if (body.length > 0) return body
  // Koa takes the type off a body of null, and keeps it for an empty string.
  return ctx.res.hasHeader('Content-Type') ? '' : null
}
