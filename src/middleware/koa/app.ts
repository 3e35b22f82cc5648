import type Application from 'koa'
import type { Context } from 'koa'
import { excuseGetters } from '../node/getters.ts'
import type { Origin } from '../node/request-head.ts'
import type { Listener } from '../node/shadow.ts'
import { type MarkedRequest, READS } from '../node/symbols.ts'

const roots = new WeakMap<Application, Listener>()

/** The application's own listener, from which its middleware can be run again. */
export function rootOf(app: Application): Listener {
  const known = roots.get(app)
  if (known !== undefined) return known
  const root = app.callback()
  roots.set(app, root)
  return root
}

/** Scheme and authority as Koa resolves them: by forwarded fields only under `app.proxy`. */
export function resolvedOrigin({ protocol, host }: Context): Origin {
  return { scheme: protocol.toLowerCase(), authority: host.toLowerCase() }
}

/** The URL as received. */
export function targetOf({ originalUrl }: Context): string {
  return originalUrl
}

/** Lets reads inside Koa's own getters not count as the handler's. */
export function prepare({ request }: Application): void {
  excuseGetters(request as { req?: MarkedRequest }, ({ req }) => req?.[READS])
}
