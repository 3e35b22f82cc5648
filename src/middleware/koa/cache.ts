import type Application from 'koa'
import type { Context, Middleware } from 'koa'
import type { CacheOptions } from '../../core/cache/options.ts'
import type { ResponseCache } from '../../core/cache/response-cache.ts'
import { headOf } from '../../core/cache/url-head.ts'
import { serverMount } from '../node/cache-mount.ts'
import { embedded, receivedUrl } from '../node/embedded.ts'
import { requestHead } from '../node/request-head.ts'
import { prepare, resolvedOrigin, rootOf } from './app.ts'
import { contextOutlet } from './context-outlet.ts'
import { directOutlet } from './direct-outlet.ts'
import { isOutermost } from './outermost.ts'
import { type KoaPassage, personalOf } from './passage.ts'

/**
 * Response cache for Koa 2 and 3: `app.use(cache())`. By default it stores only what the route marks as fresh for
 * everybody; see docs/cache.md for what is stored and why not.
 *
 * As an application's first middleware, or behind `compression()` alone, it answers on the response itself, which is fastest; elsewhere it answers
 * through `ctx`, so that what lies outside it (sessions, compression, layouts) works on its answers as on others.
 *
 * @param options Options, or a ResponseCache to use with the defaults.
 * @throws TypeError or RangeError with the value quoted.
 */
export function cache(options: CacheOptions<Context> | ResponseCache = {}): Middleware {
  const server = serverMount(options)
  const attached = new WeakSet<Application>()
  const attach = ({ app, req }: Context): void => {
    attached.add(app)
    prepare(app)
    const root = embedded(rootOf(app), req)
    server.mount.responses.attach({
      serves: () => true,
      run: (url, signal) => {
        const head = { ...headOf(url.href, 'GET', {}), realm: server.realmOf(rootOf(app)) }
        return server.warm(root, head, signal)
      },
    })
  }
  const middleware: Middleware = (ctx, next) => {
    const { app, req, res } = ctx
    if (!attached.has(app)) attach(ctx)
    const root = rootOf(app)
    const passage: KoaPassage = {
      ctx,
      request: req,
      response: res,
      head: requestHead(req, resolvedOrigin(ctx), receivedUrl(req), server.realmOf(root), personalOf(ctx)),
      native: ctx,
      next,
      fail,
      root: embedded(root, req),
    }
    return server.serve(passage, isOutermost(ctx, middleware) ? directOutlet : contextOutlet)
  }
  return middleware
}

function fail(error: unknown): never {
  throw error
}
