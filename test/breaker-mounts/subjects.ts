/** The mounts of circuit breakers under test: the same handler behind Express 4 and 5, and Koa 2 and 3. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { Readable } from 'node:stream'
import {
  BreakerRegistry,
  type BreakerRegistryOptions,
  type CacheOptions,
  type CircuitBreaker,
  memoryStore,
  ResponseCache,
} from 'breakwater'
import * as onExpress from 'breakwater/express'
import * as onKoa from 'breakwater/koa'
import type express from 'express'
import type { Context } from 'koa'
import { afterEach } from 'vitest'
import type { Asking, Got } from '../bridges/subject.ts'
import { newKoa } from '../bridges/subjects/koa.ts'
import { ask, listen } from '../bridges/wire.ts'
import { ManualClock } from '../support/engine.ts'

const require = createRequire(import.meta.url)

/** What a handler does. */
export type Act =
  | { readonly status?: number; readonly headers?: Record<string, string>; readonly body?: string }
  | { readonly throws: unknown }
  | { readonly streams: Readable }
  /** On the response itself, as a handler of Node's. */
  | { readonly writes: (request: IncomingMessage, response: ServerResponse) => unknown }

export type Handler = (url: string) => Act | Promise<Act>

type Layer = 'cache' | 'breaker' | 'errors' | 'router' | 'second'

/** What the mount's options are, in either framework. */
interface BreakerOptions extends Omit<BreakerRegistryOptions, 'isFailure'> {
  readonly registry?: BreakerRegistry
  readonly name?: string
  readonly key?: (request: { readonly url: string }) => string
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what it judges
  readonly isFailure?: (outcome: any) => boolean
  readonly exposeName?: boolean
}

export interface Setting {
  /** Outermost first. Default: the breaker alone. */
  readonly layers?: readonly Layer[]
  readonly breaker?: BreakerOptions
  readonly second?: BreakerOptions
  readonly cache?: CacheOptions<never>
  readonly errors?: { readonly exposeName?: boolean }
  readonly router?: Partial<Parameters<typeof onExpress.breakerRouter>[0]>
  /** What is answered in place of a refused call. */
  readonly fallback?: () => Act
}

export interface Framework {
  readonly name: string
  readonly family: 'express' | 'koa'
  listener(setting: Complete, handler: Handler): (request: IncomingMessage, response: ServerResponse) => unknown
}

type Complete = Setting & { readonly breaker: BreakerOptions; readonly layers: readonly Layer[] }

function actOnExpress(response: express.Response, act: Act): void {
  if ('throws' in act) throw act.throws
  if ('writes' in act) return void act.writes(response.req, response)
  if ('streams' in act) {
    act.streams.once('error', (error) => response.destroy(error))
    act.streams.pipe(response)
    return
  }
  response.status(act.status ?? 200).set(act.headers ?? {})
  response.end(act.body)
}

async function actOnKoa(ctx: Context, act: Act): Promise<void> {
  if ('throws' in act) throw act.throws
  if ('writes' in act) {
    ctx.respond = false
    await act.writes(ctx.req, ctx.res)
    return
  }
  if ('streams' in act) {
    ctx.body = act.streams
    return
  }
  ctx.status = act.status ?? 200
  ctx.set(act.headers ?? {})
  if (act.body !== undefined) ctx.body = act.body
}

function expressFramework(name: string, release: 'express' | 'express4'): Framework {
  return {
    name,
    family: 'express',
    listener({ layers, breaker, second, cache, errors, router, fallback }, handler) {
      const app = (require(release) as typeof express)()
      app.set('env', 'test')
      const own = fallback && { fallback: (_q: unknown, r: express.Response) => actOnExpress(r, fallback()) }
      for (const layer of layers) {
        if (layer === 'cache') app.use(onExpress.cache(cache as never))
        if (layer === 'breaker') app.use(onExpress.circuitBreaker({ ...breaker, ...own }))
        if (layer === 'second') app.use(onExpress.circuitBreaker(second))
        if (layer === 'router') app.use('/breakers', onExpress.breakerRouter(router as never))
      }
      app.use((request, response, next) => {
        void (async () => actOnExpress(response, await handler(request.url)))().catch(next)
      })
      if (layers.includes('errors')) app.use(onExpress.circuitBreakerErrors(errors))
      return app
    },
  }
}

function koaFramework(name: string, release: 'koa' | 'koa2'): Framework {
  return {
    name,
    family: 'koa',
    listener({ layers, breaker, second, cache, errors, router, fallback }, handler) {
      const app = newKoa(release)
      const own = fallback && { fallback: (ctx: Context) => actOnKoa(ctx, fallback()) }
      for (const layer of layers) {
        if (layer === 'cache') app.use(onKoa.cache(cache as never))
        if (layer === 'breaker') app.use(onKoa.circuitBreaker({ ...breaker, ...own } as never))
        if (layer === 'second') app.use(onKoa.circuitBreaker(second as never))
        if (layer === 'errors') app.use(onKoa.circuitBreakerErrors(errors))
        if (layer === 'router') app.use(onKoa.breakerRouter({ prefix: '/breakers', ...router } as never))
      }
      app.use(async (ctx) => actOnKoa(ctx, await handler(ctx.url)))
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

export interface Subject {
  readonly port: number
  readonly origin: string
  readonly clock: ManualClock
  readonly registry: BreakerRegistry
  /** The mount's breaker. */
  readonly breaker: CircuitBreaker
  readonly responses: ResponseCache
  /** How often the handler was run. */
  readonly calls: () => number
  request(path?: string, asking?: Asking): Promise<Got>
}

const closing: (() => Promise<void>)[] = []

afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()))
})

/** A mount whose breaker opens at the first failure, for 5 s, by a clock that a test moves. */
export async function startSubject(framework: Framework, setting: Setting, handler: Handler): Promise<Subject> {
  const clock = new ManualClock()
  const responses = new ResponseCache({ clock, store: memoryStore({ clock }) })
  const { registry: given, name = 'orders', key, isFailure, exposeName, ...own } = setting.breaker ?? {}
  const registry =
    given ?? new BreakerRegistry({ clock, consecutiveFailures: 1, minimumThroughput: Infinity, jitter: 0, ...own })
  let calls = 0
  const complete: Complete = {
    layers: ['breaker'],
    ...setting,
    breaker: {
      registry,
      name,
      ...(key && { key }),
      ...(isFailure && { isFailure }),
      ...(exposeName !== undefined && { exposeName }),
    },
    cache: { cache: responses, ...setting.cache },
    router: { registry, ...setting.router } as never,
  }
  const listener = framework.listener(complete, (url) => {
    calls++
    return handler(url)
  })
  const { port, origin, close } = await listen(listener)
  closing.push(close)
  return {
    port,
    origin,
    clock,
    registry,
    get breaker() {
      return registry.of(name)
    },
    responses,
    calls: () => calls,
    request: (path = '/', asking) => ask(port, path, asking),
  }
}

/** A stream that gives `parts` and then ends or breaks. */
export function parts(chunks: readonly (string | Buffer)[], error?: Error): Readable {
  return Readable.from(
    (async function* () {
      yield* chunks
      if (error !== undefined) throw error
    })(),
    { objectMode: false },
  )
}
