import compress from 'koa-compress'
import { koaApp } from './koa-app.ts'
import type { MakeServer } from './server.ts'

export const koaCompress: MakeServer = (settings) => koaApp(settings, compress())
