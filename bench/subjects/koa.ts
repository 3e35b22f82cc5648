import { cache } from '../../dist/middleware/koa/index.js'
import { koaApp, outer } from './koa-app.ts'
import type { Subject } from './subject.ts'

export const koaCache: Subject = (settings) => koaApp(settings, cache())

export const koaCacheSecond: Subject = (settings) => koaApp(settings, outer, cache())
