import { machine } from '../machine.ts'
import type { Effort } from '../servers.ts'
import { median } from '../statistics.ts'
import { PRODUCTS } from './documents.ts'
import type { Measured } from './measure.ts'
import { nameOf, ROWS, type Row, type Subject } from './rows.ts'
import type { ServerName } from './servers/index.ts'

export type Figures = ReadonlyMap<string, Measured>

export interface Bar {
  readonly what: string
  readonly ours: string
  readonly theirs: string
  readonly bar: string
  readonly figure: string
  readonly reached: string
}

const LABELS: Readonly<Record<ServerName, string>> = {
  raw: 'node:http alone, encoded beforehand',
  'express, raw': 'Express 5, first `app.use`, encoded beforehand',
  'express, next': 'Express 5, `app.use` that only calls `next`',
  plain: 'node:http, no compression',
  shield: '**`shield`**, `{ compression }`',
  'shield, cached': '**`shield`**, `{ cache, compression }`',
  express: 'Express 5, no compression',
  'express, ours': '**`breakwater/express`**, `compression()`',
  'express, cached': '**`breakwater/express`**, `compression(), cache()`',
  'express, compression': 'Express 5 with `compression`',
  'koa, ours': '**`breakwater/koa`**, `compression()`',
  'koa, cached': '**`breakwater/koa`**, `compression(), cache()`',
  'koa, koa-compress': 'Koa 3 with `koa-compress`',
}

const PATHS: Readonly<Record<Subject['path'], string>> = {
  '/same': 'JSON, the same each time',
  '/different': 'JSON, each answer differs',
  '/image': 'image, 2 KB',
  '/small': 'JSON, 200 bytes',
}

/** The rows whose subjects were measured. */
export function bars(figures: Figures): Bar[] {
  return ROWS.filter(({ ours, theirs }) => figures.has(nameOf(ours)) && figures.has(nameOf(theirs))).map((row) => {
    const cost = costOf(row, figures)
    return {
      what: row.what,
      ours: labelOf(row.ours),
      theirs: labelOf(row.theirs),
      bar: barOf(row),
      figure: 'cheaper' in (row.bar ?? {}) ? `${(1 / cost).toFixed(2)} x cheaper` : `${cost.toFixed(2)} x theirs`,
      reached: reached(row, cost),
    }
  })
}

/** How many times theirs ours is, the middle of what each round says: what disturbed a round disturbed both. */
function costOf({ ours, theirs }: Row, figures: Figures): number {
  const others = figures.get(nameOf(theirs))?.figures ?? []
  const own = figures.get(nameOf(ours))?.figures ?? []
  return median(own.map((figure, round) => figure / (others[round] ?? Number.NaN)))
}

function barOf({ bar }: Row): string {
  if (bar === undefined) return 'none'
  return 'cheaper' in bar ? `≥ ${bar.cheaper} x cheaper` : `≤ ${bar.cost} x theirs`
}

function reached({ bar }: Row, cost: number): string {
  if (bar === undefined) return ''
  return ('cheaper' in bar ? 1 / cost >= bar.cheaper : cost <= bar.cost) ? 'reached' : 'not reached'
}

function labelOf({ server, coding }: Subject): string {
  return coding === undefined ? LABELS[server] : `${LABELS[server]}, ${coding}`
}

/** docs/benchmarks-compression.md */
export function report(figures: Figures, { rounds, seconds }: Effort): string {
  const bytes = Buffer.byteLength(JSON.stringify({ count: 0, products: PRODUCTS }))
  return `# Benchmarks of compression

Written by \`npm run build && node bench/compression/main.ts\`; the peers, compression 1.8 and koa-compress 5.2, are those
of \`bench/package.json\`.

- Machine: ${machine()}.
- CPU is the time that the process under test was on a CPU, all its threads together, so zlib's too, divided by the
  requests that came in: \`process.cpuUsage\`.
- ${rounds} rounds after two to warm up; in each round every subject is measured for ${seconds} s, one after the other, all of them alive
  all the time. Figures are medians over the rounds; multiples are medians of the rounds' own.
- Load: wrk, one thread, 50 connections kept alive, loopback. Accept-Encoding names the one coding of the row.
- Everything has the defaults it ships with, gzip of level 4 here (up to 32 KiB) and 6 with the peers; \`NODE_ENV\` is \`production\`. The handlers are the same: \`res.json\` in
  Express, an object as \`ctx.body\` in Koa.
- The JSON is the page of a shop, ${bytes.toLocaleString('en')} bytes. Every subject's first answers were decoded and compared, and the
  handlers' runs were counted: where a hit is measured, no handler ran.
- Rows without a bar are no bars: they tell what the place costs, whoever stands there.
- node:http alone writes status, field lines and the encoded body of \`shield\`'s answer with one \`writeHead\` and one \`end\`.

## What was to be reached

| what | subject | against | bar | figure | |
| --- | --- | --- | --- | --- | --- |
${bars(figures)
  .map((bar) => `| ${[bar.what, bar.ours, bar.theirs, bar.bar, bar.figure, bar.reached].join(' | ')} |`)
  .join('\n')}

## Figures

| subject | what it answers with | bytes sent | us of CPU for a request |
| --- | --- | --- | --- |
${inOrder(figures)
  .map(({ subject, bytes: sent, figures: rounds }) => {
    const cells = [labelOf(subject), PATHS[subject.path], sent.toLocaleString('en'), Math.round(median(rounds))]
    return `| ${cells.join(' | ')} |`
  })
  .join('\n')}
`
}

/** What each subject took, round by round. */
export function rounds(figures: Figures): Record<string, string> {
  const told = inOrder(figures).map(({ subject, figures: each }) => {
    return [nameOf(subject), `${Math.round(median(each))} us: ${each.map(Math.round).join(' ')}`]
  })
  return Object.fromEntries(told)
}

/** As the rows name them. */
function inOrder(figures: Figures): Measured[] {
  const names = ROWS.flatMap(({ ours, theirs }) => [nameOf(ours), nameOf(theirs)])
  return [...new Set(names)].flatMap((name) => figures.get(name) ?? [])
}
