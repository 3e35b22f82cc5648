import apicache from 'apicache'
import { expressApp } from './express-app.ts'
import type { Subject } from './subject.ts'

export const expressApicache: Subject = (settings) => expressApp(settings, apicache.middleware('1 hour'))
