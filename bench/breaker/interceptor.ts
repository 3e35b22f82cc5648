import { fork } from 'node:child_process'
import { once } from 'node:events'
import { Agent, type Dispatcher } from 'undici'
import { circuitBreaker } from '../../dist/adapters/undici/index.js'
import { median, middleHalf } from '../statistics.ts'

type Interceptor = Dispatcher.DispatcherComposeInterceptor

/** Requests that undici sends to a server on the loopback. */
export interface InterceptorCost {
  readonly bursts: number
  readonly requests: number
  /** us of CPU for a request without an interceptor, the middle of the bursts. */
  readonly bare: number
  readonly added: readonly Added[]
  readonly alone: readonly AloneCost[]
}

/** What an interceptor adds to a request, as a part of one without. */
export interface Added {
  readonly name: string
  /** The middle of what each burst says beside the one without of the same turn. */
  readonly median: number
  /** Bursts that a quarter was below, beside those without: where the machine was quieter. */
  readonly lower: number
  /** All bursts together. */
  readonly total: number
}

/** What an interceptor costs around a dispatcher that sends nothing. */
export interface AloneCost {
  readonly name: string
  /** ns of CPU that it adds to a request, the middle of the rounds. */
  readonly added: number
}

/** With the options that are the default. */
export const asItComes = 'the breaker'

/** What one pays for without any breaker: an object in between that hands on what comes. */
class Forwarding implements Dispatcher.DispatchHandler {
  readonly #handler: Dispatcher.DispatchHandler

  constructor(handler: Dispatcher.DispatchHandler) {
    this.#handler = handler
  }

  onRequestStart(...given: Parameters<NonNullable<Dispatcher.DispatchHandler['onRequestStart']>>): void {
    this.#handler.onRequestStart?.(...given)
  }

  onResponseStart(...given: Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseStart']>>): void {
    this.#handler.onResponseStart?.(...given)
  }

  onResponseData(...given: Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseData']>>): void {
    this.#handler.onResponseData?.(...given)
  }

  onResponseEnd(...given: Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseEnd']>>): void {
    this.#handler.onResponseEnd?.(...given)
  }

  onResponseError(...given: Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseError']>>): void {
    this.#handler.onResponseError?.(...given)
  }
}

const nothing: Interceptor = (dispatch) => (opts, handler) => dispatch(opts, handler)
const forwarding: Interceptor = (dispatch) => (opts, handler) => dispatch(opts, new Forwarding(handler))
const still = { now: Date.now, monotonic: () => 0 }

const interceptors: readonly (readonly [name: string, interceptor: Interceptor])[] = [
  // How much of a difference is chance.
  ['doing nothing once more', nothing],
  ['an object that only hands on', forwarding],
  ['the breaker, its clock standing still', circuitBreaker({ clock: still })],
  [asItComes, circuitBreaker()],
  ['the breaker, slow calls on', circuitBreaker({ slowCallRate: 0.5, slowCallDuration: 1_000 })],
]

const answer = { fields: { 'content-type': 'text/plain' }, body: Buffer.from('ok') }

/** Answers at once, and tells the handler what undici would. */
const answering: Dispatcher['dispatch'] = (_, handler) => {
  const controller = { aborted: false, paused: false, reason: null, abort() {}, pause() {}, resume() {} }
  handler.onRequestStart?.(controller, {})
  handler.onResponseStart?.(controller, 200, answer.fields, 'OK')
  handler.onResponseData?.(controller, answer.body)
  handler.onResponseEnd?.(controller, {})
  return true
}

class Receiver implements Dispatcher.DispatchHandler {
  onRequestStart(): void {}
  onResponseStart(): void {}
  onResponseData(): void {}
  onResponseEnd(): void {}
  onResponseError(): void {}
}

/** What interceptors cost by themselves, in turns: nothing else is between two requests. */
export function costAlone(rounds: number, requests: number): readonly AloneCost[] {
  const rows = interceptors.map(([name, interceptor]) => ({ name, dispatch: interceptor(answering), figures: [0] }))
  const bare: number[] = []
  for (let round = -2; round < rounds; round++) {
    const without = aloneOf(answering, requests)
    if (round >= 0) bare.push(without)
    for (const { dispatch, figures } of rows) {
      const cost = aloneOf(dispatch, requests)
      if (round >= 0) figures[round] = cost
    }
  }
  return rows.map(({ name, figures }) => ({ name, added: median(figures) - median(bare) }))
}

/** ns of CPU for one. */
function aloneOf(dispatch: Dispatcher['dispatch'], requests: number): number {
  const options = { origin: 'http://127.0.0.1:8080', path: '/', method: 'GET' } as const
  const handlers = Array.from({ length: requests }, () => new Receiver())
  const before = process.cpuUsage()
  for (const handler of handlers) dispatch(options, handler)
  const { user, system } = process.cpuUsage(before)
  return ((user + system) / requests) * 1000
}

interface Contender {
  readonly name: string
  readonly dispatcher: Dispatcher
  /** us of CPU for one request, a number for each burst. */
  readonly figures: number[]
}

const warmUp = 40

/**
 * Sends short bursts with one interceptor after the other, each time in another order. Bursts are so short that what
 * else the machine does strikes all alike, and so many that it does not matter.
 */
export async function costOfInterceptor(bursts: number, requests: number): Promise<InterceptorCost> {
  const upstream = fork(new URL('./upstream-child.ts', import.meta.url))
  const [port] = (await once(upstream, 'message')) as [number]
  const agent = new Agent({ connections: 16 })
  const contenderOf = (name: string, interceptor: Interceptor): Contender => ({
    name,
    dispatcher: agent.compose(interceptor),
    figures: [],
  })
  const bare = contenderOf('none', nothing)
  const others = interceptors.map(([name, interceptor]) => contenderOf(name, interceptor))
  for (let burst = -warmUp; burst < bursts; burst++) {
    for (const { dispatcher, figures } of shuffled([bare, ...others])) {
      const cost = await cpuOf(dispatcher, `http://127.0.0.1:${port}`, requests)
      if (burst >= 0) figures.push(cost)
    }
  }
  await agent.close()
  upstream.disconnect()
  const added = others.map((contender) => addedTo(bare.figures, contender))
  return { bursts, requests, bare: median(bare.figures), added, alone: costAlone(61, 20_000) }
}

function addedTo(bare: readonly number[], { name, figures }: Contender): Added {
  const total = (all: readonly number[]): number => all.reduce((sum, one) => sum + one, 0)
  return {
    name,
    median: median(figures.map((figure, turn) => figure / (bare[turn] ?? Number.NaN))) - 1,
    lower: middleHalf(figures)[0] / middleHalf(bare)[0] - 1,
    total: total(figures) / total(bare) - 1,
  }
}

function shuffled<T>(values: readonly T[]): readonly T[] {
  return values
    .map((value) => ({ value, place: Math.random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ value }) => value)
}

/** us of this process's CPU for one request, 16 at a time. */
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
  return (user + system) / requests
}
