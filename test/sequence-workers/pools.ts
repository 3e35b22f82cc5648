/** Pools under test, closed after each. */
import { once } from 'node:events'
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type WorkerPool, type WorkerPoolOptions, workerPool } from 'breakwater/workers'
import { afterEach } from 'vitest'
import { type Framework, MOUNT } from '../sequence-router/frameworks.ts'

const open: WorkerPool[] = []

afterEach(async () => {
  await Promise.all(open.splice(0).map((pool) => pool.close()))
})

export function startPool(options: WorkerPoolOptions = {}): WorkerPool {
  const pool = workerPool({ maxThreads: 1, ...options })
  open.push(pool)
  return pool
}

/** Resolves when the next worker hangs. */
export async function hangs(): Promise<void> {
  const channel = new BroadcastChannel('hanging')
  const { promise, resolve } = Promise.withResolvers<void>()
  channel.onmessage = () => resolve()
  await promise.finally(() => channel.close())
}

/** The terms of `stepping` as a test lets them come. */
export class Steps {
  /** How many were begun. */
  begun = 0
  readonly #channel = new BroadcastChannel('stepping')

  constructor() {
    this.#channel.onmessage = () => void this.begun++
  }

  /** The next term that waits may come. */
  give(): void {
    this.#channel.postMessage('go on')
  }

  close(): void {
    this.#channel.close()
  }
}

/** The same framework, and a promise that its server knows of a client that has left. */
export function watched(framework: Framework): { readonly watching: Framework; readonly left: Promise<void> } {
  const { promise: left, resolve } = Promise.withResolvers<void>()
  const listener: Framework['listener'] = (setting) => {
    const inner = framework.listener(setting)
    return (request, response) => {
      response.once('close', () => response.writableEnded || resolve())
      inner(request, response)
    }
  }
  return { watching: { ...framework, listener }, left }
}

/** Waits turn by turn of the event loop: a poll would move on the timers that a test holds. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await nextTurn()
}

/** A client who may leave. */
export function asking(port: number, path: string): ClientRequest {
  const client = request({ host: '127.0.0.1', port, path: `${MOUNT}${path}`, agent: false })
  client.on('error', () => {})
  client.end()
  return client
}

export async function answering(client: ClientRequest): Promise<IncomingMessage> {
  const [response] = (await once(client, 'response')) as [IncomingMessage]
  response.on('error', () => {})
  return response
}
