import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { memoryStore, ResponseCache } from 'breakwater'
import { cache, type UndiciCacheOptions } from 'breakwater/undici'
import * as undici8 from 'undici'
import * as undici7 from 'undici7'
import { afterEach } from 'vitest'

/** The releases the interceptor is for; seen through the types of the newest. */
export const releases = [
  ['undici 8', undici8],
  ['undici 7', undici7 as unknown as typeof undici8],
] as const

export type Undici = typeof undici8
type Dispatcher = undici8.Dispatcher

const closing: (() => unknown)[] = []

/** Runs after the test, last one first. */
export function afterwards(close: () => unknown): void {
  closing.push(close)
}

afterEach(async () => {
  while (closing.length > 0) await closing.pop()?.()
})

/** A clock that stands still until it is moved on. */
export class TestClock {
  ms = Date.now()
  now(): number {
    return this.ms
  }
  monotonic(): number {
    return this.ms
  }
  pass(seconds: number): void {
    this.ms += seconds * 1000
  }
}

export interface Origin {
  readonly url: string
  /** Requests that arrived. */
  readonly seen: IncomingMessage[]
  answer: (request: IncomingMessage, response: ServerResponse) => void
  close(): Promise<void>
}

/** A loopback server that counts its requests; closed after the test. */
export async function startOrigin(answer: Origin['answer']): Promise<Origin> {
  const seen: IncomingMessage[] = []
  const server = createServer((request, response) => {
    seen.push(request)
    request.resume()
    // The clock of a test is not that of the server: the cache notes the time of arrival.
    response.sendDate = false
    origin.answer(request, response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = async (): Promise<void> => {
    if (!server.listening) return
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  afterwards(close)
  const origin = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen, answer, close }
  return origin
}

/** An answer with these fields. */
export function answering(body: string, fields: Record<string, string> = { 'cache-control': 'max-age=60' }) {
  return (_request: IncomingMessage, response: ServerResponse): void => {
    response.writeHead(200, fields).end(body)
  }
}

export interface Client {
  readonly dispatcher: Dispatcher
  readonly responses: ResponseCache
  readonly clock: TestClock
  get(path: string, headers?: undici8.Dispatcher.RequestOptions['headers']): Promise<Answer>
  send(method: string, path: string, options?: Record<string, unknown>): Promise<Answer>
}

interface Answer {
  readonly status: number
  readonly fields: Record<string, string | string[] | undefined>
  readonly cacheStatus: string
  readonly text: string
}

/** An agent with a cache of its own, and a clock that stands still. */
export function startClient(
  undici: Undici,
  origin: Origin,
  options: UndiciCacheOptions = {},
  ofAgent: undici8.Agent.Options = {},
): Client {
  const clock = new TestClock()
  const responses = options.cache ?? new ResponseCache({ store: options.store ?? memoryStore(), clock })
  const { store: _store, ...rest } = options
  const agent = new undici.Agent(ofAgent)
  const dispatcher = agent.compose(cache({ ...rest, cache: responses }))
  afterwards(() => agent.destroy())
  const send: Client['send'] = async (method, path, more = {}) => {
    const answer = await undici.request(origin.url + path, { method, dispatcher, ...more } as never)
    const fields = answer.headers
    const text = await answer.body.text()
    return { status: answer.statusCode, fields, cacheStatus: String(fields['cache-status'] ?? ''), text }
  }
  return { dispatcher, responses, clock, send, get: (path, headers) => send('GET', path, { headers }) }
}

/** Waits until something holds. */
export async function until(holds: () => boolean, within = 2000): Promise<void> {
  const end = performance.now() + within
  while (!holds()) {
    if (performance.now() > end) throw new Error('It did not come about in time')
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}
