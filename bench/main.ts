/**
 * Measures Breakwater beside its peers and writes docs/benchmarks.md.
 *
 *     npm run bench [-- --rounds 9 --seconds 1 --keys 1000000]
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { bars } from './bars.ts'
import { measureClients } from './clients.ts'
import { installPeers } from './install.ts'
import { measureKeys } from './keys.ts'
import { report } from './report.ts'
import type { Results } from './results.ts'
import { HITS, MISS } from './scenarios.ts'
import { type Effort, generatorName, measure } from './servers.ts'
import { STAMPEDE, stampede } from './stampede.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '15' },
    seconds: { type: 'string', default: '1' },
    keys: { type: 'string', default: '1000000' },
  },
})
const effort: Effort = { rounds: Number(values.rounds), seconds: Number(values.seconds) }

async function told<T>(what: string, work: () => Promise<T>): Promise<T> {
  console.log(`${what} …`)
  return work()
}

async function measureAll(): Promise<Results> {
  const hits = []
  for (const scenario of HITS) {
    hits.push({ scenario, figures: await told(scenario.name, () => measure(scenario, effort)) })
  }
  const runs = new Map<string, number>()
  for (const name of STAMPEDE) runs.set(name, await told(`200 requests at once, ${name}`, () => stampede(name)))
  return {
    effort,
    generator: generatorName,
    hits,
    miss: await told(MISS.name, () => measure(MISS, effort)),
    clients: await told('undici', () => measureClients(effort)),
    stampede: runs,
    keys: await told('keys', () => measureKeys(Number(values.keys), 64 * 1024 ** 2)),
  }
}

installPeers()
const results = await measureAll()
console.table(bars(results))
writeFileSync(new URL('../docs/benchmarks.md', import.meta.url), report(results))
console.log('Written to docs/benchmarks.md')
