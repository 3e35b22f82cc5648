import { machine } from '../machine.ts'
import type { PageFigures } from './measure.ts'

export interface Bar {
  readonly what: string
  readonly bar: string
  readonly figure: string
  readonly reached: boolean
}

export function bars(pages: readonly PageFigures[]): Bar[] {
  const at = (start: number, count: number): PageFigures | undefined =>
    pages.find(({ scenario }) => scenario.start === start && scenario.count === count)
  return [
    atLeast('n = 10^5, 100 terms, than bigints with toString each', at(1e5, 100)?.gain, 12),
    atLeast('n = 10^6, 10 terms, the same', at(1e6, 10)?.gain, 3.5),
    atLeast('n = 10^6, 100 terms, the same', at(1e6, 100)?.gain, 15),
    atLeast('the next 10 terms from the kept state at 10^6, than a fresh page', at(1e6, 10)?.keptGain, 15),
  ]
}

/** docs/benchmarks-sequences.md */
export function report(pages: readonly PageFigures[]): string {
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
${bars(pages)
  .map(({ what, bar, figure, reached }) => `| ${what} | ${bar} | ${figure} | ${reached ? 'reached' : 'not reached'} |`)
  .join('\n')}

## Figures

ms of CPU for one page. \`predicted\` is what \`fibonacci.cost\` says of the fresh one.

| n | terms | rounds | bigints | fresh | next | stored | predicted |
| --- | --- | --- | --- | --- | --- | --- | --- |
${pages.map(row).join('\n')}
`
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
