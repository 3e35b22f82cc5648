/**
 * Measures what the interceptor adds to the CPU of a request that undici sends to a server on the loopback, in turns
 * with the same agent composed with an interceptor that does nothing.
 *
 *     npm run build && node bench/breaker/undici.ts [--rounds 40] [--requests 2000]
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'
import { circuitBreaker } from 'breakwater/undici'
import { Agent, type Dispatcher } from 'undici'
import { machine } from '../machine.ts'
import { median } from '../statistics.ts'

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
    options: { rounds: { type: 'string', default: '40' }, requests: { type: 'string', default: '2000' } },
  })
  const server = fork(import.meta.filename)
  const [port] = (await once(server, 'message')) as [number]
  const origin = `http://127.0.0.1:${port}`
  const agent = new Agent({ connections: 16 })
  const contenders: [string, Dispatcher][] = [
    ['without', agent.compose((dispatch) => (opts, handler) => dispatch(opts, handler))],
    ['with circuitBreaker()', agent.compose(circuitBreaker({ slowCallRate: 0.5, slowCallDuration: 1_000 }))],
  ]
  const figures = contenders.map((): number[] => [])
  for (let round = -4; round < Number(values.rounds); round++) {
    // Whoever comes first has an advantage or not: in turns, too.
    for (const which of round % 2 === 0 ? [0, 1] : [1, 0]) {
      const [, dispatcher] = contenders[which] as [string, Dispatcher]
      const cost = await cpuOf(dispatcher, origin, Number(values.requests))
      if (round >= 0) figures[which]?.push(cost)
    }
  }
  const [bare = [], guarded = []] = figures
  console.log(machine())
  for (const [i, [name]] of contenders.entries()) {
    console.log(`  ${name.padEnd(24)}${(median(figures[i] ?? []) / 1_000).toFixed(2)} us of CPU`)
  }
  const share = median(guarded.map((cost, round) => cost / (bare[round] as number))) - 1
  const verdict = share <= most ? 'reached' : 'NOT REACHED'
  console.log(`the interceptor: ${(share * 100).toFixed(2)} % of a request, at most ${most * 100} %: ${verdict}`)
  await agent.close()
  server.disconnect()
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
