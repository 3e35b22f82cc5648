import { machine } from '../machine.ts'
import type { InterceptorCost } from './interceptor.ts'
import { type Effort, middle, multiple, type Rounds } from './measure.ts'
import type { Memory } from './memory.ts'

export interface BreakerResults {
  readonly effort: Effort
  /** All that were measured, in the order of the table. */
  readonly names: readonly string[]
  readonly calls: Rounds
  readonly refusals: Rounds
  readonly memory: ReadonlyMap<string, Memory>
  readonly interceptor: InterceptorCost
}

export interface Bar {
  readonly what: string
  readonly bar: string
  readonly figure: string
  readonly reached: boolean
}

const ours = 'breakwater'
const theirs = 'cockatiel, sampling'

export function bars({ calls, refusals, memory, interceptor }: BreakerResults): Bar[] {
  const timers = memory.get(ours)?.timers ?? Number.NaN
  return [
    atMost('`execute` around an async function that has its result, slow calls on', multiple(calls, ours, theirs), 1),
    percent('the undici interceptor, of a request over the loopback', interceptor.share, 0.02),
    atMost('a refusal, its message read', multiple(refusals, ours, theirs), 0.5),
    atMost('memory of one breaker of 10,000', bytes(memory, ours) / bytes(memory, theirs), 1),
    { what: 'timers of one breaker', bar: '0', figure: timers.toString(), reached: timers === 0 },
  ]
}

/** docs/benchmarks-breaker.md */
export function report(results: BreakerResults): string {
  const { effort, names, calls, refusals, memory, interceptor } = results
  return `# Benchmarks of the circuit breaker

Written by \`npm run build && node bench/breaker/main.ts\`; the peers, cockatiel 4 and opossum 10, are those of
\`bench/package.json\`.

- Machine: ${machine()}.
- CPU is the time that the process was on a CPU, all its threads together, divided by the calls: \`process.cpuUsage\`.
- All contenders in one process, in turns, ${effort.rounds} rounds of ${effort.calls.toLocaleString('en')} calls after two to warm up; refusals a tenth as many.
  Garbage is collected before each turn and outside its time, so nobody pays for another's. Figures are medians over
  the rounds, multiples are medians of the rounds' own.
- A call is awaited, one at a time. \`breakwater\` has \`slowCallRate\` set, so each call is timed; neither peer times calls
  as it is set up here. cockatiel's is its \`SamplingBreaker\`, opossum's has \`timeout: false\`: its timeout costs more.
- A refusal is awaited and caught, and its message read. Ours names the breaker and says when to try again.
- Memory is heap and buffers after a full collection, in a process of its own, for 10,000 breakers that have been called
  once each. Ours are in a \`BreakerRegistry\`, its Map included; the peers' in an array.

- The interceptor, with \`slowCallRate\` set, has turns of ${Math.ceil(effort.calls / 25).toLocaleString('en')} requests, 16 at a time, beside the same agent composed with
  an interceptor that does nothing, without collections in between: a request is ${interceptor.bare.toFixed(0)} us of the client's CPU. Doing
  nothing once more came to ${(interceptor.chance * 100).toFixed(1)} %: so much is chance.

## What was to be reached

| what | bar | figure | |
| --- | --- | --- | --- |
${bars(results)
  .map(({ what, bar, figure, reached }) => `| ${what} | ${bar} | ${figure} | ${reached ? 'reached' : 'not reached'} |`)
  .join('\n')}

## Figures

| | ns a call | ns a refusal | bytes each | timers each |
| --- | --- | --- | --- | --- |
${names
  .map((name) => {
    const { bytes, timers } = memory.get(name) ?? {}
    const figures = [middle(calls, name), middle(refusals, name), bytes].map((figure) => whole(figure))
    return `| ${name} | ${figures.join(' | ')} | ${timers ?? ''} |`
  })
  .join('\n')}

The figures of a call scatter: the clock, of which a timed call is two readings, costs 50 to 130 ns on this machine, and
a breaker that is called in the middle of other work finds colder caches than here. It is the multiples that say
something, and that of a call not to the last tenth: runs of this code on a machine that others used too gave 0.82 to
1.05 x. So whichever side of its bar the figure above is on, a call costs about what cockatiel's does.
`
}

function atMost(what: string, multiple: number, most: number): Bar {
  return { what, bar: `≤ ${most} x cockatiel's`, figure: `${multiple.toFixed(2)} x`, reached: multiple <= most }
}

function bytes(memory: ReadonlyMap<string, Memory>, name: string): number {
  return memory.get(name)?.bytes ?? Number.NaN
}

function whole(figure: number | undefined): string {
  return figure === undefined ? '' : Math.round(figure).toLocaleString('en')
}

function percent(what: string, share: number, most: number): Bar {
  return { what, bar: `≤ ${most * 100} %`, figure: `${(share * 100).toFixed(1)} %`, reached: share <= most }
}
