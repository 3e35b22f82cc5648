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
  mounted(setting: Setting): Mounted
}

/** A listener and, for clients over WebSocket, its router. */
interface Mounted {
  readonly listener: Listener
  readonly router: onExpress.SequenceUpgrades
}

/** Where the router is mounted. */
export const MOUNT = '/numbers'

function expressFramework(name: string, release: 'express' | 'express4'): Framework {
  const framework: Framework = {
    name,
    listener: (setting) => framework.mounted(setting).listener,
    mounted({ router: options, cache, compresses, trustsProxy, onError }) {
      const app = (require(release) as typeof express)()
      app.set('env', 'test')
      if (trustsProxy) app.set('trust proxy', true)
      if (compresses) app.use(onExpress.compression({ threshold: 1 }))
      if (cache !== undefined) app.use(onExpress.cache(cache))
      const router = onExpress.sequenceRouter({ ...options, websocket: { mount: MOUNT, ...options.websocket } })
      app.use(MOUNT, router)
      const onErrors: express.ErrorRequestHandler = (error, _request, response, _next) => {
        onError?.(error)
        response.status(error.status ?? 500).send('the application said so')
      }
      app.use(onErrors)
      return { listener: app, router }
    },
  }
  return framework
}

function koaFramework(name: string, release: 'koa' | 'koa2'): Framework {
  const framework: Framework = {
    name,
    listener: (setting) => framework.mounted(setting).listener,
    mounted({ router: options, cache, compresses, trustsProxy, onError }) {
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
      const router = onKoa.sequenceRouter({ prefix: MOUNT, ...options })
      app.use(router)
      return { listener: app.callback(), router }
    },
  }
  return framework
}

export const frameworks: readonly Framework[] = [
  expressFramework('express 5', 'express'),
  expressFramework('express 4', 'express4'),
  koaFramework('koa 3', 'koa'),
  koaFramework('koa 2', 'koa2'),
]
