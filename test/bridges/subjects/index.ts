import { releases } from '../../undici/support.ts'
import type { Bridge } from '../subject.ts'
import { expressBridge } from './express.ts'
import { koaBridge } from './koa.ts'
import { shieldBridge } from './shield.ts'
import { undiciBridge } from './undici.ts'

export const bridges: readonly Bridge[] = [
  expressBridge('express 5', 'express'),
  expressBridge('express 4', 'express4'),
  koaBridge('koa 3, first', 'koa', true),
  koaBridge('koa 3, second', 'koa', false),
  koaBridge('koa 2, first', 'koa2', true),
  koaBridge('koa 2, second', 'koa2', false),
  shieldBridge,
  ...releases.map(([name, undici]) => undiciBridge(name, undici)),
]

export const servers: readonly Bridge[] = bridges.filter(({ side }) => side === 'server')
export const frameworks: readonly Bridge[] = bridges.filter(({ isFramework }) => isFramework)
