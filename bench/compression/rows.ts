import type { ServerName } from './servers/index.ts'

/** What is asked of a server. */
export interface Subject {
  readonly server: ServerName
  readonly path: '/same' | '/different' | '/image' | '/small'
  /** Accept-Encoding of the requests. */
  readonly accept: 'gzip' | 'zstd'
  /** Content-Encoding of the answers. */
  readonly coding: 'gzip' | 'zstd' | undefined
  /** Whether each request reaches the handler. */
  readonly handler: 'runs' | 'rests'
}

/** One of our subjects against another. */
export interface Row {
  readonly group: Group
  readonly what: string
  readonly ours: Subject
  readonly theirs: Subject
  /** `cheaper`: so many times at least. `cost`: so many times theirs at most. Without one it is told only. */
  readonly bar: { readonly cheaper: number } | { readonly cost: number } | undefined
}

export const GROUPS: readonly ['cached', 'reused', 'cold', 'untouched'] = ['cached', 'reused', 'cold', 'untouched']
export type Group = (typeof GROUPS)[number]

const same = (server: ServerName, handler: Subject['handler']): Subject => {
  return { server, path: '/same', accept: 'gzip', coding: 'gzip', handler }
}
const different = (server: ServerName, coding: 'gzip' | 'zstd'): Subject => {
  return { server, path: '/different', accept: coding, coding, handler: 'runs' }
}
const untouched = (server: ServerName, path: '/image' | '/small'): Subject => {
  return { server, path, accept: 'gzip', coding: undefined, handler: 'runs' }
}

const rawHit = same('raw', 'rests')
const expressGzip = same('express, compression', 'runs')
/** What the framework itself costs: nobody who runs the handler has less to begin with. */
const expressSame: Subject = { ...same('express', 'runs'), coding: undefined }
const koaGzip = same('koa, koa-compress', 'runs')
const shieldHit = same('shield, cached', 'rests')
const expressHit = same('express, cached', 'rests')
const koaHit = same('koa, cached', 'rests')

const cached: readonly Omit<Row, 'group'>[] = [
  ...[shieldHit, expressHit, koaHit].map((ours) => {
    return { what: 'encoded hit, before the handler', ours, theirs: expressGzip, bar: { cheaper: 12 } }
  }),
  { what: 'encoded hit, before the handler', ours: koaHit, theirs: koaGzip, bar: undefined },
  ...[shieldHit, expressHit, koaHit].map((ours) => {
    return { what: 'encoded hit, before the handler', ours, theirs: rawHit, bar: { cost: 1.6 } }
  }),
  {
    what: 'a constant answer, before the handler',
    ours: same('express, raw', 'rests'),
    theirs: rawHit,
    bar: undefined,
  },
]

const reused: readonly Omit<Row, 'group'>[] = [
  {
    what: 'the handler makes the same bytes again',
    ours: same('express, ours', 'runs'),
    theirs: expressGzip,
    bar: { cheaper: 3.5 },
  },
  {
    what: 'the handler makes the same bytes again',
    ours: same('koa, ours', 'runs'),
    theirs: koaGzip,
    bar: undefined,
  },
  {
    what: 'the handler makes the same bytes again',
    ours: same('express, ours', 'runs'),
    theirs: expressSame,
    bar: undefined,
  },
]

const cold: readonly Omit<Row, 'group'>[] = [
  {
    what: 'every answer differs',
    ours: different('express, ours', 'zstd'),
    theirs: different('express, compression', 'gzip'),
    bar: { cheaper: 1.8 },
  },
  {
    what: 'every answer differs',
    ours: different('koa, ours', 'zstd'),
    theirs: different('koa, koa-compress', 'zstd'),
    bar: { cost: 0.5 },
  },
  {
    what: 'every answer differs',
    ours: different('express, ours', 'gzip'),
    theirs: different('express, compression', 'gzip'),
    bar: { cost: 0.9 },
  },
  {
    what: 'every answer differs',
    ours: different('express, ours', 'zstd'),
    theirs: { ...different('express', 'zstd'), coding: undefined },
    bar: undefined,
  },
]

const notEligible: readonly Omit<Row, 'group'>[] = (
  [
    ['/image', 'an image of 2 KB'],
    ['/small', 'JSON of 200 bytes'],
  ] as const
).flatMap(([path, what]) => [
  { what, ours: untouched('express, ours', path), theirs: untouched('express', path), bar: { cost: 1.05 } },
  { what, ours: untouched('express, next', path), theirs: untouched('express', path), bar: undefined },
  { what, ours: untouched('shield', path), theirs: untouched('plain', path), bar: undefined },
])

export const ROWS: readonly Row[] = [
  ...cached.map((row) => ({ ...row, group: 'cached' as const })),
  ...reused.map((row) => ({ ...row, group: 'reused' as const })),
  ...cold.map((row) => ({ ...row, group: 'cold' as const })),
  ...notEligible.map((row) => ({ ...row, group: 'untouched' as const })),
]

/** One name for each subject. */
export function nameOf({ server, path, coding }: Subject): string {
  return `${server} ${path} ${coding ?? 'identity'}`
}
