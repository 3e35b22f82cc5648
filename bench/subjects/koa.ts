import type { Middleware } from 'koa'
import { cache } from '../../dist/middleware/koa/index.js'
import { koaApp } from './koa-app.ts'
import type { Subject } from './subject.ts'

export const koaCache: Subject = (settings) => koaApp(settings, cache())

/** What it sets after the inner middleware is done must come through. */
const outer: Middleware = async (context, next) => {
  await next()
  context.set('X-Outer', 'intact')
}

export const koaCacheSecond: Subject = (settings) => koaApp(settings, outer, cache())
