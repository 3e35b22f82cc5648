import type { Context, Middleware } from 'koa'
import { BreakerPanel, type BreakerRouterOptions } from '../node/breaker-panel.ts'
import { preparePanelAnswer } from '../node/panel-answer.ts'
import { resolvedOrigin } from './app.ts'

/**
 * Circuit breakers for operators: `app.use(breakerRouter({ prefix: '/breakers', registry, authorize }))`. Lists them,
 * shows one, takes commands by POST and streams what happens as server-sent events. Without `authorize` all of it is
 * answered 403. Koa cuts no paths, so `prefix` has to be given; '' where something like koa-mount cuts it.
 *
 * @throws TypeError or RangeError with the value quoted.
 */
export function breakerRouter(options: BreakerRouterOptions<Context>): Middleware {
  const panel = new BreakerPanel<Context>(options)
  if (options.prefix === undefined) {
    throw new TypeError(
      "breakerRouter: prefix must be given in Koa, such as '/breakers', or '' where koa-mount cuts it",
    )
  }
  return async (ctx, next) => {
    const answer = await panel.answer(ctx.req, ctx, resolvedOrigin(ctx))
    switch (answer.kind) {
      case 'pass':
        return next()
      case 'events':
        ctx.respond = false
        return panel.feed.send(ctx.res, ctx.method)
      default: {
        const { status, body } = preparePanelAnswer(ctx.res, answer)
        ctx.status = status
        ctx.body = body
      }
    }
  }
}
