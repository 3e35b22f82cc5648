import type { Context } from 'koa'
import type { Exchange } from '../../core/cache/exchange.ts'
import type { Passage } from '../node/serve.ts'
import {
  hasPersonal,
  OF_CONTEXT,
  personalOf as personalOfRequest,
  present,
  watchLocals,
  watchPersonal,
} from '../node/watch.ts'

export interface KoaPassage extends Passage {
  readonly ctx: Context
  readonly next: () => Promise<unknown>
}

/** What earlier middleware has put on a context or its request for one person; undefined for nothing. */
export function personalOf(ctx: Context): readonly string[] | undefined {
  const { state } = ctx as { state: unknown }
  let found = personalOfRequest(ctx.req, ctx.res)
  if (hasPersonal(ctx)) found = present(ctx, OF_CONTEXT, found)
  if (typeof state === 'object' && state !== null && hasPersonal(state)) found = present(state, OF_CONTEXT, found)
  return found
}

/** Notes what the handler reads of `ctx` that belongs to one person, there at the mount or not. */
export function watchContext(ctx: Context, { reads }: Exchange): void {
  if (reads === undefined) return
  watchPersonal(ctx, OF_CONTEXT, reads)
  watchLocals(ctx.state, OF_CONTEXT, reads)
  // One made outside the cache has the fields themselves in hand, so that its reads could not be seen.
  const request = ctx.request as { _accept?: unknown }
  if (request._accept !== undefined) request._accept = undefined
}

/** The status that Koa would answer an error with; undefined for one that says nothing of it. */
export function statusOf(error: unknown): number | undefined {
  const { status, statusCode, code } = Object(error) as { status?: unknown; statusCode?: unknown; code?: unknown }
  if (code === 'ENOENT') return 404
  const stated = status || statusCode
  return typeof stated === 'number' && stated >= 400 && stated <= 599 ? stated : undefined
}

/** An error that a stale answer stands in for is still the application's to know. */
export function report(ctx: Context, error: unknown): void {
  if (ctx.app.listenerCount('error') > 0) ctx.app.emit('error', error, ctx)
}
