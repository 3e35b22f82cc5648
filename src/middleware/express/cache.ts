import type { Request, RequestHandler } from 'express'
import type { CacheOptions } from '../../core/cache/options.ts'
import type { ResponseCache } from '../../core/cache/response-cache.ts'
import { headOf } from '../../core/cache/url-head.ts'
import { serverMount } from '../node/cache-mount.ts'
import { requestHead } from '../node/request-head.ts'
import { personalOf } from '../node/watch.ts'
import { type ExpressApp, type ExpressRequest, prepare, resolvedOrigin, rootOf } from './app.ts'

/**
 * Response cache for Express 4 and 5: `app.use(cache())`. By default it stores only what the route marks as fresh for
 * everybody; see docs/cache.md for what is stored and why not.
 *
 * @param options Options, or a ResponseCache to use with the defaults.
 * @throws TypeError or RangeError with the value quoted.
 */
export function cache(options: CacheOptions<Request> | ResponseCache = {}): RequestHandler {
  const server = serverMount(options)
  const attached = new WeakSet<ExpressApp>()
  const attach = (app: ExpressApp): void => {
    attached.add(app)
    prepare(app)
    const root = rootOf(app)
    server.mount.responses.attach({
      serves: () => true,
      run: (url, signal) => {
        const head = { ...headOf(url.href, 'GET', {}), realm: server.realmOf(root) }
        return server.warm(root, head, signal)
      },
    })
  }
  return (request, response, next) => {
    const own = request as unknown as ExpressRequest
    if (!attached.has(own.app)) attach(own.app)
    const root = rootOf(own.app)
    const personal = personalOf(request, response)
    try {
      const served = server.serve({
        request,
        response,
        head: requestHead(request, resolvedOrigin(own), own.originalUrl, server.realmOf(root), personal),
        native: request,
        next,
        fail: next,
        root,
      })
      if (served instanceof Promise) served.catch(next)
    } catch (error) {
      next(error)
    }
  }
}
