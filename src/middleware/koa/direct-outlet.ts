import { sendReply } from '../node/answer.ts'
import { type Outlet, ServerMount } from '../node/serve.ts'
import { tap } from '../node/tap.ts'
import { type KoaPassage, report, statusOf, watchContext } from './passage.ts'

/** Answers and records on the response itself: for an application's first middleware, outside which there is nothing. */
export const directOutlet: Outlet<KoaPassage> = {
  answer({ ctx, response }, reply) {
    ctx.respond = false
    sendReply(response, reply)
  },

  forward(passage, exchange) {
    const { ctx, request, response, next } = passage
    tap(response, exchange)
    watchContext(ctx, exchange)
    return next().catch((error: unknown) => {
      // An error with a status is an answer: Koa writes its page, which the tap judges as any other.
      if (statusOf(error) !== undefined || !ServerMount.lost(request, response)) throw error
      ctx.respond = false
      report(ctx, error)
    })
  },
}
