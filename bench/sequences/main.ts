/**
 * Measures pages of Fibonacci numbers and writes docs/benchmarks-sequences.md. The figures that decide are multiples in
 * the same run.
 *
 *     npm run build && node bench/sequences/main.ts [--rounds 9]
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { measurePage, type PageFigures, type Scenario } from './measure.ts'
import { bars, report } from './report.ts'

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '9' } } })
const rounds = Number(values.rounds)

const scenarios: readonly Scenario[] = [
  { start: 0, count: 100, rounds: rounds * 2, pages: 500 },
  { start: 1_000, count: 100, rounds: rounds * 2, pages: 100 },
  { start: 2_000, count: 100, rounds: rounds * 2, pages: 100 },
  { start: 10_000, count: 100, rounds: rounds * 2, pages: 10 },
  { start: 100_000, count: 100, rounds, pages: 1 },
  { start: 1_000_000, count: 1, rounds, pages: 1 },
  { start: 1_000_000, count: 10, rounds, pages: 1 },
  // A page by bigints takes seconds.
  { start: 1_000_000, count: 100, rounds: Math.ceil(rounds / 3), pages: 1 },
]

const pages: PageFigures[] = []
for (const scenario of scenarios) {
  console.log(`${scenario.count} terms at ${scenario.start} …`)
  pages.push(await measurePage(scenario))
}
console.table(bars(pages))
writeFileSync(new URL('../../docs/benchmarks-sequences.md', import.meta.url), report(pages))
console.log('Written to docs/benchmarks-sequences.md')
