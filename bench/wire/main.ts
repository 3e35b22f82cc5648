/**
 * Measures what answers cost without sockets, all in one process, in short turns, and writes docs/benchmarks-wire.md. It
 * tells where time goes on machines that are too busy for anything else; what is to be reached is measured with sockets.
 *
 *     npm run build && node bench/wire/main.ts [--rounds 600] [--only hit,miss,304,compressed]
 *
 * With --only it only prints what was measured.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { installPeers } from '../install.ts'
import { machine } from '../machine.ts'
import { PAGE } from '../sequences/servers.ts'
import { expressMisses, type Group, hits, koaMisses, unchanged, untouched } from './groups.ts'
import { Wire } from './wire.ts'

const PARTS = ['hit', 'miss', '304', 'compressed']
const { values } = parseArgs({ options: { rounds: { type: 'string', default: '600' }, only: { type: 'string' } } })
const rounds = Number(values.rounds)
const parts = values.only?.split(',') ?? PARTS
if (parts.some((part) => !PARTS.includes(part))) throw new RangeError(`--only takes some of ${PARTS.join(', ')}`)

/** Requests before anything is measured, and requests in a turn. */
const WARM_UP = 6_000
const TURN = 40

interface Row {
  readonly name: string
  /** µs for a request: the twentieth part of the turns was shorter. */
  readonly cost: number
  readonly middle: number
}

async function groups(): Promise<Group[]> {
  const made: Group[] = []
  if (parts.includes('hit')) made.push(await hits())
  if (parts.includes('miss')) made.push(await expressMisses(), await koaMisses())
  if (parts.includes('304')) made.push(unchanged(await etagOfPage()))
  if (parts.includes('compressed')) {
    made.push(await untouched('/image', 'an image of 2 KB'), await untouched('/small', 'JSON of 200 bytes'))
  }
  return made
}

async function etagOfPage(): Promise<string> {
  const [, , [, listener] = []] = unchanged('').listeners
  if (listener === undefined) throw new Error('There is no sequence to ask')
  const head = await new Wire(listener).ask(requestFor(PAGE, {}))
  return /^etag: (.*)$/im.exec(head)?.[1] ?? ''
}

async function measure({ target, fields, status, listeners }: Group): Promise<Row[]> {
  const subjects = listeners.map(([name, listener]) => ({ name, wire: new Wire(listener), costs: [] as number[] }))
  let number = 0
  const requests = (count: number): Buffer[] => {
    return Array.from({ length: count }, () => requestFor(target(++number), fields))
  }
  for (const { name, wire } of subjects) {
    let head = ''
    for (const request of requests(WARM_UP)) head = await wire.ask(request)
    if (!head.startsWith(`HTTP/1.1 ${status}`)) throw new Error(`${name} answers\n${head}`)
  }
  for (let round = 0; round < rounds; round++) {
    for (const { wire, costs } of subjects) {
      const turn = requests(TURN)
      const before = process.hrtime.bigint()
      for (const request of turn) await wire.ask(request)
      costs.push(Number(process.hrtime.bigint() - before) / 1_000 / TURN)
    }
  }
  return subjects.map(({ name, costs }) => {
    const sorted = costs.sort((a, b) => a - b)
    const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? Number.NaN
    return { name, cost: at(0.05), middle: at(0.5) }
  })
}

function requestFor(target: string, fields: Group['fields']): Buffer {
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.from(`GET ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\n${lines.join('')}\r\n`)
}

function section({ name }: Group, rows: readonly Row[]): string {
  const base = rows[0]?.cost ?? Number.NaN
  const lines = rows.map(({ name, cost, middle }) => {
    return `| ${name} | ${cost.toFixed(1)} | ${(cost - base).toFixed(1)} | ${middle.toFixed(1)} |`
  })
  return `## ${name[0]?.toUpperCase()}${name.slice(1)}\n
| | µs | more than the first | median |\n| --- | --- | --- | --- |\n${lines.join('\n')}\n`
}

process.env.NODE_ENV = 'production'
installPeers()
const sections: string[] = []
for (const group of await groups()) {
  console.log(`${group.name} …`)
  sections.push(section(group, await measure(group)))
}
console.log(sections.join('\n'))
if (values.only === undefined) {
  const text = `# Benchmarks without sockets

Written by \`npm run build && node bench/wire/main.ts\`.

- Machine: ${machine()}.
- Requests are handed to node:http by a stream within the process, one at a time, and answers are thrown away: what a
  kernel and a network cost is not in these figures, about 18 µs a request on this machine. They tell what a layer adds.
- All listeners of a table stand in one process and are measured in turns of ${TURN} requests, ${rounds} turns each. The figure is
  the one that a twentieth of the turns were below: whatever else the machine does only ever adds to it.

${sections.join('\n')}`
  writeFileSync(new URL('../../docs/benchmarks-wire.md', import.meta.url), text)
  console.log('Written to docs/benchmarks-wire.md')
}
process.exit()
