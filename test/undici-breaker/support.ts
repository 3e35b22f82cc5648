import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, type Server, type Socket } from 'node:net'
import { type BreakerCounts, BreakerRegistry, type BreakerRegistryOptions, type CircuitBreaker } from 'breakwater'
import { circuitBreaker, type UndiciBreakerOptions } from 'breakwater/undici'
import type * as undici8 from 'undici'
import { expect } from 'vitest'
import { HeldClock } from '../store/held-clock.ts'
import { afterwards, releases, type Undici, until } from '../undici/support.ts'

export { afterwards, answering, releases, startOrigin, type Undici, until } from '../undici/support.ts'
export { HeldClock }

type Interceptor = undici8.Dispatcher.DispatcherComposeInterceptor
type RequestOptions = Omit<undici8.Dispatcher.RequestOptions, 'origin' | 'path' | 'method'> & { method?: string }

/** A loopback server that does with its connections what it is told; closed after the test. */
export async function startSockets(accept: (socket: Socket) => void): Promise<{ url: string; accepted: () => number }> {
  const sockets = new Set<Socket>()
  let accepted = 0
  const server: Server = createServer((socket) => {
    accepted++
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    accept(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  afterwards(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => server.close(resolve))
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, accepted: () => accepted }
}

/** Answers every request on a connection with this text, as it stands on the wire. */
export function wire(answer: string, then: (socket: Socket) => void = () => {}): (socket: Socket) => void {
  return (socket) => {
    socket.on('data', () => socket.write(answer, () => then(socket)))
  }
}

/** A port that nobody listens on. */
export async function deadPort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return `http://127.0.0.1:${port}`
}

export interface Guarded {
  readonly undici: Undici
  readonly registry: BreakerRegistry
  readonly clock: HeldClock
  readonly dispatcher: undici8.Dispatcher
  of(url: string): CircuitBreaker
  /** Sends a request and reads its answer. */
  ask(
    url: string,
    options?: RequestOptions,
  ): Promise<{ status: number; text: string; headers: Record<string, unknown> }>
}

export interface Parts {
  readonly breaker?: BreakerRegistryOptions
  readonly mount?: Omit<UndiciBreakerOptions, 'registry'>
  readonly agent?: undici8.Agent.Options
  readonly inside?: readonly Interceptor[]
  readonly outside?: readonly Interceptor[]
}

/** An agent with breakers before it, and a clock that stands still. They open at the second failure in a row. */
export function startGuarded(
  undici: Undici,
  { breaker, mount, agent, inside = [], outside = [] }: Parts = {},
): Guarded {
  const clock = new HeldClock()
  const registry = new BreakerRegistry({ clock, jitter: 0, consecutiveFailures: 2, openDuration: 1_000, ...breaker })
  const plain = new undici.Agent(agent)
  const dispatcher = plain.compose(...inside, circuitBreaker({ registry, ...mount }), ...outside)
  afterwards(() => plain.destroy())
  return {
    undici,
    registry,
    clock,
    dispatcher,
    of: (url) => registry.of(new URL(url).origin),
    ask: async (url, options) => {
      const { statusCode, body, headers } = await undici.request(url, { dispatcher, ...options } as never)
      return { status: statusCode, text: await body.text(), headers }
    },
  }
}

/** How requests are sent: by both releases and by Node's own `fetch`. */
export interface Way {
  readonly undici: Undici
  send(
    guarded: Guarded,
    url: string,
    options?: RequestOptions,
  ): Promise<{ status: number; body: AsyncIterable<Uint8Array>; read(): Promise<string> }>
}

const requesting = (undici: Undici): Way => ({
  undici,
  send: async ({ dispatcher }, url, options) => {
    const { statusCode, body } = await undici.request(url, { dispatcher, ...options } as never)
    return { status: statusCode, body, read: () => body.text() }
  },
})

async function* nothing(): AsyncGenerator<Uint8Array> {}

const fetching = (undici: Undici, ask: typeof fetch | undefined): Way => ({
  undici,
  send: async ({ dispatcher }, url, options) => {
    const before = undici.getGlobalDispatcher()
    undici.setGlobalDispatcher(dispatcher)
    try {
      const response = await (ask ?? (undici.fetch as unknown as typeof fetch))(url, options as RequestInit)
      return { status: response.status, body: response.body ?? nothing(), read: () => response.text() }
    } finally {
      undici.setGlobalDispatcher(before)
    }
  },
})

export const ways: [string, Way][] = releases.flatMap(([name, undici]): [string, Way][] => [
  [`request of ${name}`, requesting(undici)],
  [`fetch of ${name}`, fetching(undici, undefined)],
  [`global fetch over ${name}`, fetching(undici, fetch)],
])

/** The numbers that a breaker has to show, nothing being under way. `within`: ms. */
export async function settles(breaker: CircuitBreaker, counts: Partial<BreakerCounts>, within?: number): Promise<void> {
  await until(() => breaker.counts.inFlight === 0, within)
  expect(breaker.counts).toMatchObject(counts)
}
