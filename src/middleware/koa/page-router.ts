import type { Context, Middleware } from 'koa'
import { preparePageAnswer } from '../node/page-answer.ts'
import { PageEndpoint, type PageRouterOptions } from '../node/page-endpoint.ts'
import type { MarkedRequest } from '../node/symbols.ts'
import { trustedOrigin } from './app.ts'

/**
 * Pages of a list: `app.use(pageRouter({ prefix: '/books', source: books }))`. It answers GET and HEAD of its own path,
 * and lets all else pass. Koa cuts no paths, so `prefix` has to be given; '' where something like koa-mount cuts it, '*'
 * where a router has compared it.
 *
 * @throws TypeError or RangeError with the value quoted.
 */
export function pageRouter<Item>(options: PageRouterOptions<Item, Context>): Middleware {
  const endpoint = new PageEndpoint<Item, Context>(options)
  if (options.prefix === undefined) {
    throw new TypeError(
      "pageRouter: prefix must be given in Koa, such as '/books', '' where koa-mount cuts it, or '*' in a route",
    )
  }
  return async (ctx, next) => {
    const { req, res } = ctx
    const target = (req as MarkedRequest).originalUrl ?? ctx.originalUrl
    const call = { request: req, response: res, native: ctx, target, origin: trustedOrigin(ctx), isRouted: false }
    const answer = await endpoint.answer(call)
    if (answer.kind === 'pass') return next()
    if (answer.kind === 'gone') return
    const { status, body } = preparePageAnswer(res, answer)
    ctx.status = status
    if (body !== undefined) ctx.body = body
  }
}
