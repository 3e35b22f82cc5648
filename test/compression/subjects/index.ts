import type { Subject } from '../subject.ts'
import { expressSubject } from './express.ts'
import { koaSubject } from './koa.ts'
import { shieldSubject } from './shield.ts'

export const frameworks: readonly Subject[] = [
  expressSubject('express 5', 'express'),
  expressSubject('express 4', 'express4'),
  koaSubject('koa 3', 'koa'),
  koaSubject('koa 2', 'koa2'),
]

export const subjects: readonly Subject[] = [...frameworks, shieldSubject]
