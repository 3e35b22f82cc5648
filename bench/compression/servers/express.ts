import { cache, compression } from '../../../dist/middleware/express/index.js'
import { expressApp } from './express-app.ts'
import type { MakeServer } from './server.ts'

export const expressOurs: MakeServer = (settings) => expressApp(settings, compression())

export const expressCached: MakeServer = (settings) => expressApp(settings, compression(), cache())
