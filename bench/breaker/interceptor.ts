import { fork } from 'node:child_process'
import { once } from 'node:events'
import { Agent, type Dispatcher } from 'undici'
import { circuitBreaker } from '../../dist/adapters/undici/index.js'
import { median } from '../statistics.ts'

/** Requests that undici sends to a server on the loopback. */
export interface InterceptorCost {
  /** us of CPU for a request without the interceptor. */
  readonly bare: number
  /** What the interceptor adds, as a part of that. */
  readonly share: number
  /** What doing nothing adds, measured in the same way: how much of a difference is chance. */
  readonly chance: number
}

interface Contender {
  readonly dispatcher: Dispatcher
  /** ns of CPU for one request, a number for each round. */
  readonly figures: number[]
}

const warmUp = 6

/** Sends in turns with an interceptor that does nothing, with another such, and with ours. */
export async function costOfInterceptor(rounds: number, requests: number): Promise<InterceptorCost> {
  const upstream = fork(new URL('./upstream-child.ts', import.meta.url))
  const [port] = (await once(upstream, 'message')) as [number]
  const agent = new Agent({ connections: 16 })
  const nothing: Dispatcher.DispatcherComposeInterceptor = (dispatch) => (opts, handler) => dispatch(opts, handler)
  const bare: Contender = { dispatcher: agent.compose(nothing), figures: [] }
  const again: Contender = { dispatcher: agent.compose(nothing), figures: [] }
  const breaker = circuitBreaker({ slowCallRate: 0.5, slowCallDuration: 1_000 })
  const guarded: Contender = { dispatcher: agent.compose(breaker), figures: [] }
  const contenders = [bare, again, guarded]
  for (let round = -warmUp; round < rounds; round++) {
    // Each comes first, second and last as often as the others.
    for (let place = 0; place < contenders.length; place++) {
      const { dispatcher, figures } = contenders[(round + warmUp + place) % contenders.length] as Contender
      const cost = await cpuOf(dispatcher, `http://127.0.0.1:${port}`, requests)
      if (round >= 0) figures.push(cost)
    }
  }
  await agent.close()
  upstream.disconnect()
  const more = ({ figures }: Contender): number =>
    median(figures.map((cost, round) => cost / (bare.figures[round] as number))) - 1
  return { bare: median(bare.figures) / 1_000, share: more(guarded), chance: more(again) }
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
