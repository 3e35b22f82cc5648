import cash from 'koa-cash'
import { koaApp } from './koa-app.ts'
import type { Subject } from './subject.ts'

/** On a Map, which is the least that its two hooks can be. */
export const koaCash: Subject = (settings) => {
  const kept = new Map<string, unknown>()
  const middleware = cash({
    get: async (key) => kept.get(key) as never,
    set: async (key, value) => void kept.set(key, value),
  })
  return koaApp(settings, middleware, async (context, next) => {
    if (await context.cashed()) return
    await next()
  })
}
