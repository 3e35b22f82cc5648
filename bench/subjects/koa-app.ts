import Koa, { type Middleware } from 'koa'
import { CACHE_CONTROL, documentOf, ETAG } from '../answer.ts'
import { type Listener, pause, type Settings, type Subject } from './subject.ts'

/** A JSON handler behind `outer`, one after the other. */
export function koaApp({ bytes, delay, ran }: Settings, ...outer: Middleware[]): Listener {
  const app = new Koa()
  for (const middleware of outer) app.use(middleware)
  app.use(async (context) => {
    ran()
    if (delay > 0) await pause(delay)
    context.set('Cache-Control', CACHE_CONTROL)
    context.etag = ETAG
    context.body = documentOf(context.url, bytes)
  })
  return app.callback()
}

/** What it sets after the inner middleware is done must come through. */
export const outer: Middleware = async (context, next) => {
  await next()
  context.set('X-Outer', 'intact')
}

export const koaAlone: Subject = (settings) => koaApp(settings)
