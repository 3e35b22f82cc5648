import { machine } from '../machine.ts'
import { type Added, asItComes, type InterceptorCost } from './interceptor.ts'
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
    share('the undici interceptor by itself, of a request over the loopback', aloneBy(interceptor, asItComes), 0.02),
    share('the same in the middle of such requests', addedBy(interceptor, asItComes).median, 0.02),
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
something, and that of a call not to the last tenth: runs of this code on a machine that others used too gave 0.89 to
0.98 x.

${interceptorReport(interceptor)}`
}

function interceptorReport(interceptor: InterceptorCost): string {
  const { bursts, requests, bare, added, alone } = interceptor
  return `## The interceptor

By itself, around a dispatcher that answers at once, ns of CPU that each adds: ${alone
    .map(({ name, added }) => `${name} ${Math.round(added)}`)
    .join(', ')}.

In the middle of real requests, where what is between two of them has emptied the caches:
${bursts} bursts of ${requests} requests for each row, 16 at a time, in turns, each time in another order, in one process; garbage is
collected when it is. A request without an interceptor is ${bare.toFixed(1)} us of the client's CPU. What each adds to it: the
median of what each turn says, the lower quartile beside that without, and all bursts together.

| | median | lower quartile | total |
| --- | --- | --- | --- |
${added.map(({ name, median, lower, total }) => `| ${name} | ${[median, lower, total].map(percent).join(' | ')} |`).join('\n')}

How it scatters: eight more such runs on a machine that others used too gave -0.2 to 0.6 % for doing nothing once more, and 4.0
to 5.1 % for the breaker, by the medians; -1.0 to 0.5 % and 3.8 to 8.6 % by the lower quartiles. Totals say nothing: one
collection of all the memory costs as much as many bursts, so that doing nothing came to -7.9 to 3.3 %. Nor do a few long
turns: 41 of 2,000 requests gave 2.5 to 5.4 %.

What it is made of: handing on is 0.7 to 1.3 % in these runs, and the clock a quarter to a half of all. It is read twice for
each request, three times where slow calls count. A reading costs some 50 ns where nothing else is done, but 300 ns in the
middle of a request, which has emptied the caches meanwhile. The outcome has to be counted when it comes, and the time a
call began decides when its place is given back, so neither reading can be left out.
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

function addedBy({ added }: InterceptorCost, searched: string): Added {
  const found = added.find(({ name }) => name === searched)
  if (found === undefined) throw new Error(`No interceptor is called ${searched}`)
  return found
}

/** As a part of a request over the loopback. */
function aloneBy({ alone, bare }: InterceptorCost, searched: string): number {
  const found = alone.find(({ name }) => name === searched)
  return found === undefined ? Number.NaN : found.added / 1000 / bare
}

function share(what: string, share: number, most: number): Bar {
  return { what, bar: `≤ ${most * 100} %`, figure: percent(share), reached: share <= most }
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}
