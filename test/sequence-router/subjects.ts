/** Sequences over HTTP under test: the same router behind Express 4 and 5, and Koa 2 and 3. */
import { request } from 'node:http'
import { createRequire } from 'node:module'

import { defineSequence, memoryStore, type ResponseCache, type Sequence, walk } from 'breakwater'
import * as onExpress from 'breakwater/express'
import * as onKoa from 'breakwater/koa'
import type express from 'express'
import { afterEach } from 'vitest'
import { newKoa } from '../bridges/subjects/koa.ts'
import { joined, type Listener, listen } from '../bridges/wire.ts'

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
      const app = newKoa(release)
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

/** What came over the wire, as far as it came. */
export interface Received {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Whether it ended as it should. */
  readonly isWhole: boolean
}

export interface Subject {
  readonly port: number
  get(path?: string, headers?: Record<string, string>, method?: string): Promise<Received>
}

const closing: (() => Promise<void>)[] = []

afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()))
})

export async function startSubject(framework: Framework, setting: Setting): Promise<Subject> {
  // Sequences of the same name are many here.
  const router = { store: memoryStore(), ...setting.router }
  const { port, close } = await listen(framework.listener({ ...setting, router }))
  closing.push(close)
  return {
    port,
    get: (path = '', headers = {}, method = 'GET') => receive(port, `${MOUNT}${path}`, headers, method),
  }
}

function receive(port: number, path: string, headers: Record<string, string>, method: string): Promise<Received> {
  return new Promise((resolve, reject) => {
    const fields = { host: 'example.test', ...headers }
    const asking = request({ host: '127.0.0.1', port, path, method, headers: fields, agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        body += chunk
      })
      response.on('error', () => {})
      response.once('close', () => {
        const { statusCode: status = 0, headersDistinct, complete: isWhole } = response
        resolve({ status, headers: joined(headersDistinct), body, isWhole })
      })
    })
    asking.once('error', reject)
    asking.end()
  })
}

/** The terms of a sequence, by a walk from its first one. */
export async function naive(sequence: Sequence, start: number, count: number): Promise<unknown[]> {
  const terms: unknown[] = []
  for await (const { texts } of walk({ ...sequence, jump: undefined }, { count: start + count })) {
    for (const text of texts) terms.push(JSON.parse(text))
  }
  return terms.slice(start)
}

/** Squares, and how often one was computed. `length` of them; deterministic unless said otherwise. */
export function squares(given: { readonly length?: number; readonly deterministic?: boolean } = {}): {
  readonly sequence: Sequence<number, number>
  readonly computed: () => number
} {
  let computed = 0
  const sequence = defineSequence<number>({
    id: 'squares',
    ...given,
    start: () => 0,
    next: (n) => n + 1,
    jump: (n) => n,
    term: (n) => {
      computed++
      return n * n
    },
  })
  return { sequence, computed: () => computed }
}

/** Targets of a Link field by relation. */
export function linksOf({ headers }: Received): Record<string, string> {
  const links = [...(headers.link ?? '').matchAll(/<([^>]*)>; rel="([^"]*)"/g)]
  return Object.fromEntries(links.map(([, href = '', rel = '']) => [rel, href]))
}
