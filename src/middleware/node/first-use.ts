/** What routers load when they first need it, and what lint lets this file alone import. */
import type { TermSockets } from '../../adapters/websocket/term-sockets.ts'
import { type TermPool, TermPoolError, WORTH_A_WORKER } from '../../core/sequence/term-pool.ts'
import type { TermService } from '../../core/sequence/term-session.ts'

export type { TermSockets }

/** The pool that all routers of the process share unless they are given one. */
export const sharedPool: TermPool = {
  threshold: WORTH_A_WORKER,
  run: async (task, signal) => (await loadPool()).run(task, signal),
}

let loading: Promise<TermPool> | undefined

async function loadPool(): Promise<TermPool> {
  loading ??= import('../../adapters/workers/index.ts').then(({ workerPool }) => workerPool())
  try {
    return await loading
  } catch (cause) {
    throw new TermPoolError('unavailable', 'The pool of workers could not be loaded', { cause })
  }
}

/** Clients over WebSocket of one router. @throws where the package ws cannot be loaded. */
export async function termSockets(service: TermService, heartbeat: number): Promise<TermSockets> {
  const { TermSockets } = await import('../../adapters/websocket/term-sockets.ts')
  return new TermSockets(service, heartbeat)
}
