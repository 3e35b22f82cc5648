import type { Context, Middleware } from 'koa'
import { receivedUrl } from '../node/embedded.ts'
import { PurgeEndpoint, type PurgeHandlerOptions } from '../node/purge.ts'
import { resolvedOrigin } from './app.ts'

/**
 * Answers HTTP PURGE for the request's own URL and lets everything else pass: `app.use(purgeHandler({ authorize }))`.
 * Without `authorize` every PURGE is answered 403.
 *
 * @throws TypeError with the value quoted.
 */
export function purgeHandler(options: PurgeHandlerOptions<Context> = {}): Middleware {
  const endpoint = new PurgeEndpoint<Context>(options)
  return async (ctx, next) => {
    if (ctx.method !== 'PURGE') return next()
    const { status, body } = await endpoint.answer(ctx.req, ctx, resolvedOrigin(ctx), receivedUrl(ctx.req))
    ctx.status = status
    ctx.set('Cache-Control', 'no-store')
    ctx.body = body
  }
}
