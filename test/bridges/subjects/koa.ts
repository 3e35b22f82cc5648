import { createRequire } from 'node:module'
import { cache, purgeHandler, setCachePolicy } from 'breakwater/koa'
import type Application from 'koa'
import type { Context } from 'koa'
import type { Answer, Bridge, Setting } from '../subject.ts'
import { ask, listen } from '../wire.ts'

const require = createRequire(import.meta.url)

export type KoaRelease = 'koa' | 'koa2'

export function newKoa(release: KoaRelease): Application {
  const app = new (require(release) as typeof Application)()
  // Koa 2 leaves a response open whose body broke off in the middle.
  app.on('error', (_error, ctx?: Context) => {
    if (ctx?.headerSent) ctx.res.destroy()
  })
  return app
}

function application(release: KoaRelease, isFirst: boolean, setting: Setting): Application {
  const app = newKoa(release)
  if (setting.trustProxy) app.proxy = true
  if (!isFirst) app.use((_ctx, next) => next())
  const purge = setting.purge && purgeHandler({ ...setting.purge, cache: setting.cache.cache })
  if (purge !== undefined && !isFirst) app.use(purge)
  app.use(cache(setting.cache))
  if (purge !== undefined && isFirst) app.use(purge)
  if (setting.inner !== undefined) app.use(cache(setting.inner))
  app.use(async (ctx) => {
    const { method, originalUrl, req } = ctx
    const resolved = () => ({ hostname: ctx.hostname, protocol: ctx.protocol })
    put(ctx, await setting.handler({ method, url: originalUrl, headers: req.headers, resolved }))
  })
  return app
}

/** Gives a handler's answer as Koa's middleware does. */
function put(ctx: Context, { status = 200, headers = {}, body, stream, rule }: Answer): void {
  if (rule !== undefined) setCachePolicy(ctx, rule)
  ctx.status = status
  ctx.set('Content-Type', 'text/plain')
  for (const [name, value] of Object.entries(headers)) ctx.set(name, value as string | string[])
  if (stream !== undefined) ctx.body = stream()
  else if (body !== undefined) ctx.body = body
}

export function koaBridge(name: string, release: KoaRelease, isFirst: boolean): Bridge {
  return {
    name,
    side: 'server',
    seesErrors: true,
    isFramework: true,
    async start(setting) {
      const { port, close } = await listen(application(release, isFirst, setting).callback())
      return { port, request: (path, asking) => ask(port, path, asking), close }
    },
  }
}
