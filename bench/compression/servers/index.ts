import type { MakeServer } from './server.ts'

/** Each server is loaded only in the process that is measured. */
export const SERVERS = {
  raw: async (): Promise<MakeServer> => (await import('./raw.ts')).raw,
  plain: async (): Promise<MakeServer> => (await import('./plain.ts')).plainAlone,
  shield: async (): Promise<MakeServer> => (await import('./plain.ts')).shieldOurs,
  'shield, cached': async (): Promise<MakeServer> => (await import('./plain.ts')).shieldCached,
  'express, raw': async (): Promise<MakeServer> => (await import('./express-app.ts')).expressRaw,
  'express, next': async (): Promise<MakeServer> => (await import('./express-app.ts')).expressNext,
  express: async (): Promise<MakeServer> => (await import('./express-app.ts')).expressAlone,
  'express, ours': async (): Promise<MakeServer> => (await import('./express.ts')).expressOurs,
  'express, cached': async (): Promise<MakeServer> => (await import('./express.ts')).expressCached,
  'express, compression': async (): Promise<MakeServer> => (await import('./express-peer.ts')).expressCompression,
  'koa, ours': async (): Promise<MakeServer> => (await import('./koa.ts')).koaOurs,
  'koa, cached': async (): Promise<MakeServer> => (await import('./koa.ts')).koaCached,
  'koa, koa-compress': async (): Promise<MakeServer> => (await import('./koa-peer.ts')).koaCompress,
}

export type ServerName = keyof typeof SERVERS
