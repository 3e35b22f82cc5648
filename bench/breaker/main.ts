/**
 * Measures circuit breakers: a call, a refusal, memory, timers and a request of undici, and writes
 * docs/benchmarks-breaker.md. The figures that decide are multiples of cockatiel's in the same run.
 *
 *     npm run build && node bench/breaker/main.ts [--rounds 41] [--calls 50000] [--bursts 500]
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { inProcess } from './anew.ts'
import { contenders } from './contenders.ts'
import type { InterceptorCost } from './interceptor.ts'
import { cpuOfCalls, cpuOfRefusals, type Effort } from './measure.ts'
import { memoryOf } from './memory.ts'
import { type BreakerResults, bars, report } from './report.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '41' },
    calls: { type: 'string', default: '50000' },
    bursts: { type: 'string', default: '500' },
    memory: { type: 'string' },
    interceptor: { type: 'boolean', default: false },
  },
})

if (values.memory !== undefined) await tellMemory(values.memory)
else if (values.interceptor) await tellInterceptor()
else await compare({ rounds: Number(values.rounds), calls: Number(values.calls) })

/** In a process of its own, see memory.ts. */
async function tellMemory(name: string): Promise<void> {
  const contender = (await contenders()).find((contender) => contender.name === name)
  if (contender?.create === undefined) throw new Error(`No breaker is called ${name}`)
  const { bytesOf } = await import('./memory-child.ts')
  console.log(JSON.stringify(await bytesOf(contender.create)))
}

/** In a process of its own too: what it calls, and with what, is not to be in the others' way. */
async function tellInterceptor(): Promise<void> {
  const { costOfInterceptor } = await import('./interceptor.ts')
  console.log(JSON.stringify(await costOfInterceptor(Number(values.bursts), 200)))
}

async function compare(effort: Effort): Promise<void> {
  const all = await contenders()
  const refusing = all.filter(({ refuse }) => refuse !== undefined)
  const made = all.filter(({ create }) => create !== undefined)
  const results: BreakerResults = {
    effort,
    interceptor: inProcess<InterceptorCost>('--interceptor', '--bursts', values.bursts),
    names: all.map(({ name }) => name),
    calls: await cpuOfCalls(all, effort),
    refusals: await cpuOfRefusals(refusing, { rounds: effort.rounds, calls: Math.ceil(effort.calls / 10) }),
    memory: new Map(made.map(({ name }) => [name, memoryOf(name)])),
  }
  console.table(bars(results))
  writeFileSync(new URL('../../docs/benchmarks-breaker.md', import.meta.url), report(results))
  console.log('Written to docs/benchmarks-breaker.md')
}
