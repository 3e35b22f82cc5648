/** Page routers under test: the same options in Express 4 and 5, and Koa 2 and 3. */
import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { CursorSigner, type CursorValue, memoryStore, ResponseCache } from 'breakwater'
import * as onExpress from 'breakwater/express'
import * as onKoa from 'breakwater/koa'
import type express from 'express'
import { afterEach } from 'vitest'
import type { Asking, Got } from '../bridges/subject.ts'
import { newKoa } from '../bridges/subjects/koa.ts'
import { ask, listen } from '../bridges/wire.ts'
import { ManualClock } from '../support/engine.ts'

const require = createRequire(import.meta.url)

// biome-ignore lint/suspicious/noExplicitAny: the request differs from framework to framework
export type Options = onExpress.PageRouterOptions<any, any>

export interface Setting {
  /** Of the application. Default false. */
  readonly trustProxy?: boolean
  /** Of Express. */
  readonly queryParser?: 'simple' | 'extended'
  /** Whether `cache()` is outside. */
  readonly isCached?: boolean
  /** Fields that something outside has set already. */
  readonly fields?: Readonly<Record<string, string>>
  /** Told of what a source throws. */
  readonly onError?: (error: unknown) => void
}

export interface Framework {
  readonly name: string
  readonly family: 'express' | 'koa'
  listener(options: Options, setting: Setting): (request: IncomingMessage, response: ServerResponse) => unknown
}

function expressFramework(name: string, release: 'express' | 'express4'): Framework {
  return {
    name,
    family: 'express',
    listener(options, { trustProxy, queryParser, isCached, fields = {}, onError }) {
      const app = (require(release) as typeof express)()
      app.set('env', 'test')
      if (trustProxy) app.set('trust proxy', true)
      if (queryParser !== undefined) app.set('query parser', queryParser)
      app.use((_request, response, next) => {
        response.set(fields)
        next()
      })
      if (isCached) app.use(onExpress.cache({ cache: new ResponseCache({ store: memoryStore() }) }))
      app.use('/books', onExpress.pageRouter(options))
      app.use((_request, response) => void response.status(404).end('passed'))
      app.use((error: Error, _request: express.Request, response: express.Response, _next: unknown) => {
        onError?.(error)
        response.status(500).end(error.message)
      })
      return app
    },
  }
}

function koaFramework(name: string, release: 'koa' | 'koa2'): Framework {
  return {
    name,
    family: 'koa',
    listener(options, { trustProxy, isCached, fields = {}, onError }) {
      const app = newKoa(release)
      app.proxy = trustProxy ?? false
      app.use(async (ctx, next) => {
        ctx.set(fields)
        try {
          await next()
        } catch (error) {
          onError?.(error)
          ctx.status = 500
          ctx.body = (error as Error).message
        }
      })
      if (isCached) app.use(onKoa.cache({ cache: new ResponseCache({ store: memoryStore() }) }))
      app.use(onKoa.pageRouter({ prefix: '/books', ...options }))
      app.use((ctx) => {
        ctx.status = 404
        ctx.body = 'passed'
      })
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
  request(path?: string, asking?: Asking): Promise<Got>
}

const closing: (() => Promise<void>)[] = []

afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()))
})

/** Pages at `/books`. */
export async function startPages(framework: Framework, options: Options, setting: Setting = {}): Promise<Subject> {
  const { port, close } = await listen(framework.listener(options, setting))
  closing.push(close)
  return { port, request: (path = '/books', asking) => ask(port, path, asking) }
}

export const secret = randomBytes(32)

export function signer(clock = new ManualClock(), id = 'a', bytes: Uint8Array = secret): CursorSigner {
  return new CursorSigner({ keys: [{ id, secret: bytes }], clock })
}

export const hundred: readonly number[] = Array.from({ length: 100 }, (_, i) => i)

export interface Row {
  readonly rank: number
  readonly id: number
}

/** A list ordered by rank and id, as a table with an index on both. */
export function keyedSource(rows: () => readonly Row[]): onExpress.KeyedSource<Row, unknown> {
  const sorted = () => [...rows()].sort(compare)
  return {
    key: ({ rank, id }) => [rank, id],
    read: ({ after, before, limit }) => {
      if (before !== undefined) {
        return sorted()
          .filter((row) => compare(row, rowOf(before)) < 0)
          .slice(-limit)
      }
      return sorted()
        .filter((row) => after === undefined || compare(row, rowOf(after)) > 0)
        .slice(0, limit)
    },
  }
}

function compare(a: Row, b: Row): number {
  return a.rank - b.rank || a.id - b.id
}

function rowOf([rank, id]: readonly CursorValue[]): Row {
  return { rank: rank as number, id: id as number }
}
