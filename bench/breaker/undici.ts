/**
 * Measures what the interceptor adds to the CPU of a request that undici sends to a server on the loopback, in turns
 * with the same agent composed with an interceptor that does nothing, twice.
 *
 *     npm run build && node bench/breaker/undici.ts [--rounds 60] [--requests 1000]
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'
import { Agent, type Dispatcher } from 'undici'
import { circuitBreaker } from '../../dist/adapters/undici/index.js'
import { machine } from '../machine.ts'
import { median } from '../statistics.ts'
import { collectGarbage } from './measure.ts'

const most = 0.02

if (process.send === undefined) await compare()
else await serve()

/** In a process of its own: its CPU is none of the client's. */
async function serve(): Promise<void> {
  const server = createServer((_, response) => void response.end('{"ok":true}')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  process.send?.((server.address() as AddressInfo).port)
  process.once('disconnect', () => process.exit())
}

async function compare(): Promise<void> {
  const { values } = parseArgs({
    options: { rounds: { type: 'string', default: '60' }, requests: { type: 'string', default: '1000' } },
  })
  const server = fork(import.meta.filename)
  const [port] = (await once(server, 'message')) as [number]
  const agent = new Agent({ connections: 16 })
  const nothing: Dispatcher.DispatcherComposeInterceptor = (dispatch) => (opts, handler) => dispatch(opts, handler)
  const contenders: Contender[] = [
    { name: 'without', dispatcher: agent.compose(nothing), figures: [] },
    { name: 'without, once more', dispatcher: agent.compose(nothing), figures: [] },
    {
      name: 'with circuitBreaker()',
      dispatcher: agent.compose(circuitBreaker({ slowCallRate: 0.5, slowCallDuration: 1_000 })),
      figures: [],
    },
  ]
  for (let round = -6; round < Number(values.rounds); round++) {
    // Each comes first, second and last as often as the others.
    for (let place = 0; place < contenders.length; place++) {
      const { dispatcher, figures } = contenders[(round + 6 + place) % contenders.length] as Contender
      collectGarbage()
      const cost = await cpuOf(dispatcher, `http://127.0.0.1:${port}`, Number(values.requests))
      if (round >= 0) figures.push(cost)
    }
  }
  report(contenders)
  await agent.close()
  server.disconnect()
}

interface Contender {
  readonly name: string
  readonly dispatcher: Dispatcher
  /** ns of CPU for one request, a number for each round. */
  readonly figures: number[]
}

/** The second of the two that do nothing shows how much of a difference is chance. */
function report(contenders: readonly Contender[]): void {
  const bare = contenders[0]?.figures ?? []
  console.log(machine())
  let share = Number.NaN
  for (const { name, figures } of contenders) {
    share = median(figures.map((cost, round) => cost / (bare[round] as number))) - 1
    console.log(
      `  ${name.padEnd(24)}${(median(figures) / 1_000).toFixed(2)} us of CPU  ${(share * 100).toFixed(2)} % more`,
    )
  }
  console.log(`the interceptor: at most ${most * 100} % of a request: ${share <= most ? 'reached' : 'NOT REACHED'}`)
}

/** ns of this process's CPU for one request, 16 at a time. */
async function cpuOf(dispatcher: Dispatcher, origin: string, requests: number): Promise<number> {
  let left = requests
  const before = process.cpuUsage()
  const lane = async (): Promise<void> => {
    while (left-- > 0) {
      const { body } = await dispatcher.request({ origin, path: '/', method: 'GET' })
      await body.text()
    }
  }
  await Promise.all(Array.from({ length: 16 }, lane))
  const { user, system } = process.cpuUsage(before)
  return ((user + system) * 1_000) / requests
}
