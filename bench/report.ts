import { bars, halfText, rangeText } from './bars.ts'
import { machine } from './machine.ts'
import type { Results } from './results.ts'
import { type Figures, ratios, STARTS } from './servers.ts'
import { median } from './statistics.ts'

const LABELS: Readonly<Record<string, string>> = {
  raw: 'node:http alone',
  shield: '**`shield`**',
  express: 'Express 5 alone',
  'express-cache': '**`breakwater/express`**, first `app.use`',
  'express-ceiling': 'first `app.use` in Express 5 that only writes a constant answer (ceiling)',
  'express-map': 'Express 5, a few lines and a Map of 16,000 answers, no policy (floor)',
  apicache: 'apicache on Express 5',
  koa: 'Koa 3 alone',
  'koa-cache': '**`breakwater/koa`**, first `app.use`',
  'koa-cache-second': '**`breakwater/koa`**, second',
  'koa-second-ceiling': 'second in Koa 3 that only sets a constant answer (ceiling)',
  'koa-map': 'Koa 3, a few lines and a Map of 16,000 answers, no policy (floor)',
  'koa-cash': 'koa-cash on Koa 3',
  ocache: 'ocache on node:http',
  undici: 'undici without a cache',
  'undici-cache': "undici's cache interceptor",
  breakwater: '**`breakwater/undici`**',
}

const label = (name: string): string => LABELS[name] ?? name

/** docs/benchmarks.md */
export function report(results: Results): string {
  const { effort, generator, hits, miss, clients, stampede, keys } = results
  const { rounds, seconds } = effort
  return `# Benchmarks

Written by \`npm run bench\`, which installs the peers into \`bench\` when it is first run.

- Machine: ${machine()}.
- CPU is the time that the process under test was on a CPU, all its threads together, divided by the requests that were
  answered: \`process.cpuUsage\`. Other processes disturb it far less than they disturb requests a second.
- ${rounds} rounds after a warm-up; in each round every subject is measured for ${seconds} s, one after the other, all of them
  alive all the time. Servers are started ${STARTS} times, each time for a part of the rounds. Figures are medians over the
  rounds; shares are medians of the rounds' own ratios, and the scatter is where the middle half of those lies. Two
  processes that run the same code differ by a tenth and more, and so do two runs of this: what lies closer together
  than that is not told apart.
- Load: ${generator}, one thread, 50 connections kept alive, loopback; for 304 a small generator of our own, because some
  subjects send Content-Length with a 304 and wrk then waits for content.
- Everything has the defaults it ships with, the guard included; \`NODE_ENV\` is \`production\`.
- node:http alone writes the status, field lines and body of \`shield\`'s answer with one \`writeHead\` and one \`end\`.

## What was to be reached

${table(
  ['what', 'bar', 'figure', 'scatter', '', 'without any policy'],
  bars(results).map(({ what, bar, figure, scatter, reached, bare }) => [
    what,
    bar,
    figure,
    scatter ?? '',
    reached ? 'reached' : 'not reached',
    bare ?? '',
  ]),
)}

*Without any policy* is what the same place costs if nothing is decided there: a handler that writes a constant answer,
or a Map that keeps whatever comes. It is no bar. [decisions/0007](decisions/0007-figures-not-reached.md) says more.

## Hits

${hits
  .map(
    ({ scenario, figures }) =>
      `### ${scenario.name}\n\n${cpuTable(figures, 'share of node:http', (name) => ratios(figures, name, 'raw'))}`,
  )
  .join('\n\n')}

## Misses

Every request asks for another URL; the answer is JSON of 2 KB.

${cpuTable(miss, 'times the framework alone', (name) => ratios(miss, /koa/.test(name) ? 'koa' : 'express', name))}

## undici

\`request()\` and \`body.text()\`, 50 at a time, one URL of 2 KB; CPU of the client process.

${cpuTable(clients, "cheaper than undici's cache", (name) => ratios(clients, name, 'undici-cache'))}

## 200 requests at once, nothing stored

The handler takes 100 ms.

${table(
  ['', 'runs of the handler'],
  [...stampede].map(([name, runs]) => [label(name), String(runs)]),
)}

## 1,000,000 keys

Answers of 2 KB under ever new keys, in a store of ${(keys.maxBytes / 1024 ** 2).toFixed(0)} MiB, in a process of its own with default heap flags.
Three runs, of which this is the one with the middle slope: a line through samples every 10,000 keys. V8 grows its heap
in steps of megabytes, at no fixed time, so that one step in a million keys is some bytes a key of resident memory. What
is in use after a full collection, in a fourth run, does without those steps: it shows whether anything is left behind.

${table(
  ['', ''],
  [
    ['bytes accounted at most', `${(keys.accounted / 1024 ** 2).toFixed(2)} MiB`],
    ['entries kept', String(keys.entries)],
    ['resident memory after 100,000 keys', `${(keys.resident[0] / 1024 ** 2).toFixed(0)} MiB`],
    ['resident memory after all', `${(keys.resident[1] / 1024 ** 2).toFixed(0)} MiB`],
    ['slope of resident memory from 100,000 keys on', `${keys.slope.toFixed(2)} bytes a key`],
    ['of all three runs', `${rangeText(keys.slopes)} bytes a key`],
    ['slope of what is in use after a collection', `${keys.liveSlope.toFixed(2)} bytes a key`],
    ['CPU of the last 100,000 stores over that of the first', keys.slowdown.toFixed(2)],
  ],
)}
`
}

function cpuTable(figures: Figures, heading: string, shares: (name: string) => readonly number[]): string {
  return table(
    ['', 'CPU µs a request', heading, 'scatter'],
    [...figures].map(([name, values]) => [
      label(name),
      median(values).toFixed(1),
      median(shares(name)).toFixed(2),
      halfText(shares(name)),
    ]),
  )
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}
