/**
 * Measures circuit breakers: a call, a refusal, memory and timers. The figures that decide are multiples of cockatiel's
 * in the same run.
 *
 *     npm run build && node --expose-gc bench/breaker/main.ts [--rounds 15] [--calls 200000]
 */
import { parseArgs } from 'node:util'
import { machine } from '../machine.ts'
import { type Contender, contenders } from './contenders.ts'
import { cpuOfCalls, cpuOfRefusals, type Effort } from './measure.ts'
import { memoryOf } from './memory.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '15' },
    calls: { type: 'string', default: '200000' },
    memory: { type: 'string' },
  },
})

if (values.memory !== undefined) await tellMemory(values.memory)
else await compare({ rounds: Number(values.rounds), calls: Number(values.calls) })

/** In a process of its own, see memory.ts. */
async function tellMemory(name: string): Promise<void> {
  const contender = (await contenders()).find((contender) => contender.name === name)
  if (contender?.create === undefined) throw new Error(`No breaker is called ${name}`)
  const { bytesOf } = await import('./memory-child.ts')
  console.log(JSON.stringify(await bytesOf(contender.create)))
}

async function compare(effort: Effort): Promise<void> {
  const all = await contenders()
  console.log(machine())
  const calls = await cpuOfCalls(all, effort)
  const refusals = await cpuOfRefusals(
    all.filter(({ refuse }) => refuse !== undefined),
    { rounds: effort.rounds, calls: Math.ceil(effort.calls / 10) },
  )
  const memory = new Map(all.filter(({ create }) => create !== undefined).map(({ name }) => [name, memoryOf(name)]))
  console.log(`\n${'ns of CPU'.padEnd(28)}    call  refusal  bytes each  timers each`)
  for (const { name } of all) console.log(line(name, calls, refusals, memory))
  const ours = 'breakwater'
  const theirs = 'cockatiel, sampling'
  bar('a call', calls.get(ours), calls.get(theirs), 1)
  bar('a refusal', refusals.get(ours), refusals.get(theirs), 0.5)
  bar('memory', memory.get(ours)?.bytes, memory.get(theirs)?.bytes, 1)
  console.log(`timers: ${memory.get(ours)?.timers}: ${memory.get(ours)?.timers === 0 ? 'reached' : 'NOT REACHED'}`)
}

function line(
  name: Contender['name'],
  calls: ReadonlyMap<string, number>,
  refusals: ReadonlyMap<string, number>,
  memory: ReadonlyMap<string, { readonly bytes: number; readonly timers: number }>,
): string {
  const figures = [
    calls.get(name)?.toFixed(0).padStart(8),
    (refusals.get(name)?.toFixed(0) ?? '').padStart(9),
    (memory.get(name)?.bytes.toFixed(0) ?? '').padStart(12),
    (memory.get(name)?.timers.toFixed(1) ?? '').padStart(13),
  ]
  return `  ${name.padEnd(26)}${figures.join('')}`
}

function bar(what: string, ours: number | undefined, theirs: number | undefined, most: number): void {
  const ratio = (ours ?? Number.NaN) / (theirs ?? Number.NaN)
  console.log(
    `${what}: ${ratio.toFixed(2)} x cockatiel's, at most ${most}: ${ratio <= most ? 'reached' : 'NOT REACHED'}`,
  )
}
