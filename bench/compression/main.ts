/**
 * Measures compression beside its peers and writes docs/benchmarks-compression.md.
 *
 *     npm run build && node bench/compression/main.ts [--rounds 9] [--seconds 1] [--rows cached,reused,cold,untouched]
 *
 * With --rows it only prints what was measured.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { installPeers } from '../install.ts'
import { measure } from './measure.ts'
import { bars, report, rounds } from './report.ts'
import { GROUPS, nameOf, ROWS, type Subject } from './rows.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    seconds: { type: 'string', default: '1' },
    rows: { type: 'string' },
  },
})

const effort = { rounds: Number(values.rounds), seconds: Number(values.seconds) }
const groups = values.rows?.split(',') ?? GROUPS
const rows = ROWS.filter(({ group }) => groups.includes(group))
if (rows.length === 0) throw new RangeError(`--rows takes some of ${GROUPS.join(', ')}, not ${values.rows}`)
const subjects = new Map<string, Subject>(rows.flatMap(({ ours, theirs }) => [ours, theirs]).map((s) => [nameOf(s), s]))

installPeers()
console.log(`${subjects.size} subjects, ${effort.rounds} rounds`)
const figures = await measure([...subjects.values()], effort)
console.table(rounds(figures))
console.table(bars(figures))
if (values.rows === undefined) {
  writeFileSync(new URL('../../docs/benchmarks-compression.md', import.meta.url), report(figures, effort))
  console.log('Written to docs/benchmarks-compression.md')
}
