import type Application from 'koa'
import type { Context } from 'koa'
import { excuseGetters } from '../node/getters.ts'
import { type Origin, schemeOf } from '../node/request-head.ts'
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
export function resolvedOrigin(ctx: Context): Origin {
  const { req } = ctx
  const { host } = req.headers
  // The usual case, told without Koa's getters.
  if (!ctx.app.proxy && req.httpVersionMajor === 1 && host !== undefined && PLAIN_HOST.test(host)) {
    return { scheme: schemeOf(req), authority: host.toLowerCase() }
  }
  return { scheme: ctx.protocol.toLowerCase(), authority: ctx.host.toLowerCase() }
}

/** Scheme and authority as a proxy tells them, under `app.proxy`; undefined where none is before us. */
export function trustedOrigin(ctx: Context): Origin | undefined {
  return ctx.app.proxy ? resolvedOrigin(ctx) : undefined
}

/** Without user information and without a list, from which Koa takes a part. */
const PLAIN_HOST = /^[\w.:-]+$/

/** Lets reads inside Koa's own getters not count as the handler's. */
export function prepare({ request }: Application): void {
  excuseGetters(request as { req?: MarkedRequest }, ({ req }) => req?.[READS])
}
