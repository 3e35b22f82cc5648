import type { RequestListener } from 'node:http'
import { cache } from 'breakwater/koa'
import Koa from 'koa'
import { forward, relayedLines } from '../forward.ts'
import type { Policy } from '../subjects.ts'

/** The cache is the application's first middleware, and answers on the node response. */
export function mounted(originPort: number, policy: Policy): RequestListener {
  return application(originPort, cache({ policy }))
}

/** The handler answers through `ctx`, as Koa's do, and not on the node response. */
export function application(originPort: number, ...middleware: readonly Koa.Middleware[]): RequestListener {
  const app = new Koa()
  for (const each of middleware) app.use(each)
  app.use(async (ctx) => {
    const answer = await forward(originPort, ctx.req, ctx.res).catch(() => undefined)
    if (answer === undefined) {
      ctx.status = 502
      return
    }
    const lines = relayedLines(answer.rawHeaders)
    for (let i = 0; i + 1 < lines.length; i += 2) ctx.append(lines[i] as string, lines[i + 1] as string)
    ctx.body = answer
    ctx.status = answer.statusCode ?? 502
    ctx.message = answer.statusMessage ?? ''
  })
  // A broken-off answer of the origin is part of the suite, and no news.
  app.silent = true
  return app.callback()
}
