import compression from 'compression'
import { expressApp } from './express-app.ts'
import type { MakeServer } from './server.ts'

export const expressCompression: MakeServer = (settings) => expressApp(settings, compression())
