import type { ServerScenario } from './servers.ts'

const KB = 1024

export const HITS: readonly ServerScenario[] = [
  {
    name: 'hit, 2 KB',
    bytes: 2 * KB,
    kind: 'hit',
    subjects: [
      'raw',
      'shield',
      'express-cache',
      'express-ceiling',
      'koa-cache',
      'koa-cache-second',
      'koa-second-ceiling',
      'apicache',
      'koa-cash',
      'ocache',
    ],
  },
  { name: 'hit, 20 KB', bytes: 20 * KB, kind: 'hit', subjects: ['raw', 'shield', 'apicache', 'koa-cash'] },
  { name: 'hit, 200 KB', bytes: 200 * KB, kind: 'hit', subjects: ['raw', 'shield', 'apicache', 'koa-cash'] },
  { name: '304', bytes: 2 * KB, kind: '304', subjects: ['raw', 'shield', 'apicache', 'koa-cash'] },
]

export const MISS: ServerScenario = {
  name: 'miss, 2 KB',
  bytes: 2 * KB,
  kind: 'miss',
  subjects: ['express', 'express-cache', 'express-map', 'apicache', 'koa', 'koa-cache', 'koa-map', 'koa-cash'],
}
