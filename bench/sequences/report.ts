import { machine } from '../machine.ts'
import { type Figures, generatorName, ratio } from '../servers.ts'
import { median, middleHalf } from '../statistics.ts'
import type { PageFigures } from './measure.ts'
import { PAGE, SERVER_NAMES, type ServerName } from './servers.ts'

export interface Bar {
  readonly what: string
  readonly bar: string
  readonly figure: string
  readonly reached: boolean
}

export function pageBars(pages: readonly PageFigures[]): Bar[] {
  const at = (start: number, count: number): PageFigures | undefined =>
    pages.find(({ scenario }) => scenario.start === start && scenario.count === count)
  return [
    atLeast('n = 10^5, 100 terms, than bigints with toString each', at(1e5, 100)?.gain, 12),
    atLeast('n = 10^6, 10 terms, the same', at(1e6, 10)?.gain, 3.5),
    atLeast('n = 10^6, 100 terms, the same', at(1e6, 100)?.gain, 15),
    atLeast('the next 10 terms from the kept state at 10^6, than a fresh page', at(1e6, 10)?.keptGain, 15),
  ]
}

/** CPU of an answer that computes nothing, by that of what stands beside it. */
export function serverBars(figures: Figures): Bar[] {
  return [
    atMost('304 in Express, by a route that only ends a 304', figures, ['sequence, 304', 'route, 304'], 1.15),
    atMost(
      'a page from `cache()`, by a hit of the same answer of a handler',
      figures,
      ['sequence, cached', 'handler, cached'],
      1.05,
    ),
  ]
}

/** docs/benchmarks-sequences.md */
export function report(pages: readonly PageFigures[], servers: Figures): string {
  return `# Benchmarks of sequences

Written by \`npm run build && node bench/sequences/main.ts\`.

- Machine: ${machine()}.
- Pages of Fibonacci numbers as JSON texts in buffers of 64 KiB or one term, as a router would write them.
- CPU is the time that the process was on a CPU, all its threads together, so with what the collector does beside:
  \`process.cpuUsage\`. Garbage is collected before each turn and outside its time.
- \`bigints\`: one jump by fast doubling, an addition for each term, and \`toString\` of each. \`fresh\`: \`walk(fibonacci)\`,
  which turns two terms into decimals and adds those. \`next\`: the page after it, from the state that it ended with.
  \`stored\`: the same, with that state decoded from bytes first.
- All in one process, in turns. Figures are medians over the rounds, multiples are medians of the rounds' own. All pages
  are compared byte by byte beforehand.

## What was to be reached

| so many times faster | bar | figure | |
| --- | --- | --- | --- |
${barRows(pageBars(pages))}

| CPU over HTTP | bar | figure | |
| --- | --- | --- | --- |
${barRows(serverBars(servers))}

## Figures

ms of CPU for one page. \`predicted\` is what \`fibonacci.cost\` says of the fresh one.

| n | terms | rounds | bigints | fresh | next | stored | predicted |
| --- | --- | --- | --- | --- | --- | --- | --- |
${pages.map(row).join('\n')}

## Over HTTP

CPU of a server for one request, in a process of its own: \`${PAGE}\`, by ${generatorName}, 304s by
sockets of our own. All servers are alive all the time and measured in turns; median, and the middle half of the rounds.

| server in Express 5 | µs a request | middle half |
| --- | --- | --- |
${SERVER_NAMES.map((name) => serverRow(name, servers.get(name) ?? [])).join('\n')}

The route that only ends a 304 sends no field of its own. The one with the same fields sends \`ETag\`, \`Cache-Control\`
and \`Vary\` as the sequence does, without having to find out what they are.
`
}

function barRows(bars: readonly Bar[]): string {
  return bars
    .map(
      ({ what, bar, figure, reached }) => `| ${what} | ${bar} | ${figure} | ${reached ? 'reached' : 'not reached'} |`,
    )
    .join('\n')
}

function serverRow(name: ServerName, figures: readonly number[]): string {
  const [lower, upper] = middleHalf(figures)
  return `| ${name} | ${median(figures).toFixed(1)} | ${lower.toFixed(1)} to ${upper.toFixed(1)} |`
}

function row({ scenario, bigints, fresh, next, stored, predicted }: PageFigures): string {
  const { start, count, rounds } = scenario
  const figures = [bigints, fresh, next, stored, predicted].map((ms) => ms.toPrecision(3))
  return `| ${start.toLocaleString('en')} | ${count} | ${rounds} | ${figures.join(' | ')} |`
}

function atLeast(what: string, multiple: number | undefined, least: number): Bar {
  const figure = multiple === undefined ? 'not measured' : `${multiple.toFixed(1)} x`
  return { what, bar: `≥ ${least} x`, figure, reached: (multiple ?? 0) >= least }
}

function atMost(what: string, figures: Figures, [of, to]: readonly [ServerName, ServerName], most: number): Bar {
  // `ratio` says how often the first fits into the second.
  const multiple = 1 / ratio(figures, of, to)
  return { what, bar: `≤ ${most} x`, figure: `${multiple.toFixed(2)} x`, reached: multiple <= most }
}
