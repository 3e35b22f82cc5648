/**
 * Measures pages of Fibonacci numbers, and answers over HTTP that compute nothing, and writes docs/benchmarks-sequences.md.
 * The figures that decide are multiples in the same run.
 *
 *     npm run build && node bench/sequences/main.ts [--rounds 9] [--seconds 1] [--only pages,servers]
 *
 * With --only it only prints what was measured.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { installPeers } from '../install.ts'
import type { Figures } from '../servers.ts'
import { measurePage, type PageFigures, type Scenario } from './measure.ts'
import { pageBars, report, serverBars } from './report.ts'
import { measureServers } from './servers.ts'

const PARTS = ['pages', 'servers']
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    seconds: { type: 'string', default: '1' },
    only: { type: 'string' },
  },
})
const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)]
const parts = values.only?.split(',') ?? PARTS
if (parts.some((part) => !PARTS.includes(part))) throw new RangeError(`--only takes some of ${PARTS.join(', ')}`)

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
for (const scenario of parts.includes('pages') ? scenarios : []) {
  console.log(`${scenario.count} terms at ${scenario.start} …`)
  pages.push(await measurePage(scenario))
}
let servers: Figures = new Map()
if (parts.includes('servers')) {
  installPeers()
  console.log(`Servers, ${rounds} rounds …`)
  servers = await measureServers({ rounds, seconds })
}
console.table([...(pages.length > 0 ? pageBars(pages) : []), ...(servers.size > 0 ? serverBars(servers) : [])])
if (values.only === undefined) {
  writeFileSync(new URL('../../docs/benchmarks-sequences.md', import.meta.url), report(pages, servers))
  console.log('Written to docs/benchmarks-sequences.md')
}
