/** The router under test behind Express 4 and 5, and Koa 2 and 3. */
import { createRequire } from 'node:module'
import type { ResponseCache } from 'breakwater'
import * as onExpress from 'breakwater/express'
import * as onKoa from 'breakwater/koa'
import type express from 'express'
import type Application from 'koa'
import type { Listener } from '../bridges/wire.ts'

const require = createRequire(import.meta.url)

export interface Setting {
  readonly router: onExpress.SequenceRouterOptions
  readonly cache?: ResponseCache
  /** Outside the cache. */
  readonly compresses?: boolean
  readonly trustsProxy?: boolean
  /** Told of what reaches the framework's own handler of errors. */
  readonly onError?: (error: unknown) => void
}

export interface Framework {
  readonly name: string
  listener(setting: Setting): Listener
}

/** Where the router is mounted. */
export const MOUNT = '/numbers'

function expressFramework(name: string, release: 'express' | 'express4'): Framework {
  return {
    name,
    listener({ router, cache, compresses, trustsProxy, onError }) {
      const app = (require(release) as typeof express)()
      app.set('env', 'test')
      if (trustsProxy) app.set('trust proxy', true)
      if (compresses) app.use(onExpress.compression({ threshold: 1 }))
      if (cache !== undefined) app.use(onExpress.cache(cache))
      app.use(MOUNT, onExpress.sequenceRouter(router))
      const onErrors: express.ErrorRequestHandler = (error, _request, response, _next) => {
        onError?.(error)
        response.status(error.status ?? 500).send('the application said so')
      }
      app.use(onErrors)
      return app
    },
  }
}

function koaFramework(name: string, release: 'koa' | 'koa2'): Framework {
  return {
    name,
    listener({ router, cache, compresses, trustsProxy, onError }) {
      const app = new (require(release) as typeof Application)()
      app.silent = true
      if (trustsProxy) app.proxy = true
      app.use(async (ctx, next) => {
        try {
          await next()
        } catch (error) {
          onError?.(error)
          ctx.status = 500
          ctx.body = 'the application said so'
        }
      })
      if (compresses) app.use(onKoa.compression({ threshold: 1 }))
      if (cache !== undefined) app.use(onKoa.cache(cache))
      app.use(onKoa.sequenceRouter({ prefix: MOUNT, ...router }))
      return app.callback()
    },
  }
}

export const frameworks: readonly Framework[] = [
  expressFramework('express 5', 'express'),
  expressFramework('express 4', 'express4'),
  koaFramework('koa 3', 'koa'),
  koaFramework('koa 2', 'koa2'),
]
