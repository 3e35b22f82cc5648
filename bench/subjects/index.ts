import type { Subject } from './subject.ts'

/** Each subject is loaded only in the process that measures it. */
export const SUBJECTS = {
  raw: async (): Promise<Subject> => (await import('./raw.ts')).raw,
  shield: async (): Promise<Subject> => (await import('./plain.ts')).shielded,
  express: async (): Promise<Subject> => (await import('./express-app.ts')).expressAlone,
  'express-cache': async (): Promise<Subject> => (await import('./express.ts')).expressCache,
  'express-ceiling': async (): Promise<Subject> => (await import('./ceilings.ts')).expressCeiling,
  'express-map': async (): Promise<Subject> => (await import('./map.ts')).expressMap,
  'express-redis': async (): Promise<Subject> => (await import('./express-stores.ts')).expressRedis,
  'express-beside-redis': async (): Promise<Subject> => (await import('./express-stores.ts')).expressBesideRedis,
  'express-tiers': async (): Promise<Subject> => (await import('./express-stores.ts')).expressTiers,
  apicache: async (): Promise<Subject> => (await import('./apicache.ts')).expressApicache,
  koa: async (): Promise<Subject> => (await import('./koa-app.ts')).koaAlone,
  'koa-cache': async (): Promise<Subject> => (await import('./koa.ts')).koaCache,
  'koa-cache-second': async (): Promise<Subject> => (await import('./koa.ts')).koaCacheSecond,
  'koa-second-ceiling': async (): Promise<Subject> => (await import('./ceilings.ts')).koaSecondCeiling,
  'koa-map': async (): Promise<Subject> => (await import('./map.ts')).koaMap,
  'koa-cash': async (): Promise<Subject> => (await import('./koa-cash.ts')).koaCash,
  ocache: async (): Promise<Subject> => (await import('./ocache.ts')).ocache,
}

export type SubjectName = keyof typeof SUBJECTS
