/** Pools under test, closed after each. */
import { once } from 'node:events'
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { type WorkerPool, type WorkerPoolOptions, workerPool } from 'breakwater/workers'
import { afterEach } from 'vitest'
import { MOUNT } from '../sequence-router/frameworks.ts'

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
