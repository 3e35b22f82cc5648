import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { type CacheOptions, memoryStore, ResponseCache } from 'breakwater'
import { cache } from 'breakwater/express'
import { shield } from 'breakwater/node'
import express, { type Express, type RequestHandler } from 'express'
import express4 from 'express4'

/** A mount with a cache of its own, to look into. */
export interface Mounted {
  readonly responses: ResponseCache
  readonly options: CacheOptions<never>
}

export function mounted(options: CacheOptions<never> = {}): Mounted {
  const responses = options.cache ?? new ResponseCache({ store: memoryStore() })
  return { responses, options: { ...options, cache: responses } }
}

export type Kind = 'node' | 'express 5' | 'express 4' | 'http2'

export interface Running {
  readonly server: Server
  readonly port: number
  readonly url: string
  close(): Promise<void>
}

export async function listen(server: Server): Promise<Running> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections?.()
    })
  return { server, port, url: `http://127.0.0.1:${port}`, close }
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => unknown

/** A listener in front of which stands the cache, or nothing if `mount` is undefined. */
function listenerOf(kind: Kind, handler: Handler, mount: Mounted | undefined): RequestListener {
  switch (kind) {
    case 'node':
    case 'http2':
      return (mount === undefined ? handler : shield(handler, { cache: mount.options as never })) as RequestListener
    case 'express 5':
      return appOf(express, handler as never, mount)
    case 'express 4':
      return appOf(express4, handler as never, mount)
  }
}

export function appOf(framework: typeof express, handler: RequestHandler, mount: Mounted | undefined): Express {
  const app = framework()
  app.set('env', 'production')
  if (mount !== undefined) app.use(cache(mount.options as never))
  app.use(handler)
  return app
}

/** The mount's cache middleware, for stacks that a test puts together itself. */
export function cacheOf(mount: Mounted): RequestHandler {
  return cache(mount.options as never)
}

export function serve(kind: Kind, handler: Handler, mount: Mounted | undefined): Promise<Running> {
  const listener = listenerOf(kind, handler, mount)
  return listen(kind === 'http2' ? (createHttp2Server(listener as never) as unknown as Server) : createServer(listener))
}
