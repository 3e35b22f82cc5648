import { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { ReadableStream } from 'node:stream/web'
import type Application from 'koa'
import type { Context } from 'koa'

/** A Blob, ReadableStream or Response that was set as body, as the stream that Koa 3 makes of it; else undefined. */
export function streamOfWebBody(ctx: Context): Readable | undefined {
  const { body } = ctx
  if (!isWebBody(body) || !takesWebBodies(ctx.app)) return undefined
  if (body instanceof Response) return Readable.from((body.body as AsyncIterable<unknown> | null) ?? '')
  return Readable.from((body instanceof Blob ? body.stream() : body) as AsyncIterable<unknown>)
}

function isWebBody(body: unknown): body is Blob | ReadableStream | Response {
  return body instanceof Blob || body instanceof ReadableStream || body instanceof Response
}

const known = new WeakMap<Application, boolean>()

/** Koa 2 does not know them and sends them as JSON; there is no telling but by trying. */
function takesWebBodies(app: Application): boolean {
  const answer = known.get(app) ?? tryWebBody(app)
  known.set(app, answer)
  return answer
}

function tryWebBody(app: Application): boolean {
  const request = new IncomingMessage(undefined as unknown as Socket)
  const ctx = app.createContext(request, new ServerResponse(request))
  ctx.body = new Blob([])
  return ctx.response.type !== 'application/json'
}
