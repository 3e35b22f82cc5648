import { cache, compression } from '../../../dist/middleware/koa/index.js'
import { koaApp } from './koa-app.ts'
import type { MakeServer } from './server.ts'

export const koaOurs: MakeServer = (settings) => koaApp(settings, compression())

export const koaCached: MakeServer = (settings) => koaApp(settings, compression(), cache())
