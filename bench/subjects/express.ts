import { cache } from '../../dist/middleware/express/index.js'
import { expressApp } from './express-app.ts'
import type { Subject } from './subject.ts'

export const expressCache: Subject = (settings) => expressApp(settings, cache())
