import { createRequire } from 'node:module'
import { cache, compression } from 'breakwater/koa'
import type Application from 'koa'
import type { Context, Middleware } from 'koa'
import { listen } from '../../bridges/wire.ts'
import type { Answer, Setting, Subject } from '../subject.ts'

const require = createRequire(import.meta.url)

function layersOf({ compression: options = {}, filter, cache: caching, outside, between }: Setting): Middleware[] {
  const filtered = filter && { filter: ({ req, res }: Context) => filter(req, res) }
  const compressing =
    options === false ? [] : [compression(filtered === undefined ? options : { ...options, ...filtered })]
  const cached = caching === undefined ? [] : [cache(caching)]
  const inner = between === undefined ? [] : [between.koa]
  return outside === 'cache' ? [...cached, ...inner, ...compressing] : [...compressing, ...inner, ...cached]
}

function application(release: 'koa' | 'koa2', setting: Setting): Application {
  const app = new (require(release) as typeof Application)()
  app.silent = true
  for (const layer of layersOf(setting)) app.use(layer)
  app.use(async (ctx) => {
    const { handler, raw } = setting
    if (raw === undefined) return put(ctx, await (handler as NonNullable<typeof handler>)(ctx.req))
    ctx.respond = false
    // Koa begins with 404.
    ctx.res.statusCode = 200
    await raw(ctx.req, ctx.res)
  })
  return app
}

/** Gives a handler's answer as Koa's middleware does. */
function put(ctx: Context, { status = 200, headers = {}, body, stream, compress }: Answer): void {
  ctx.status = status
  for (const [name, value] of Object.entries(headers)) ctx.set(name, value as string | string[])
  if (compress !== undefined) Object.assign(ctx, { compress })
  if (stream !== undefined) ctx.body = stream()
  else if (body !== undefined) ctx.body = body
}

export function koaSubject(name: string, release: 'koa' | 'koa2'): Subject {
  return { name, framework: 'koa', start: (setting) => listen(application(release, setting).callback()) }
}
