/** The one place where a router reaches for an adapter: what WebSocket needs is loaded when the first client comes. */
import type { TermSockets } from '../../adapters/websocket/term-sockets.ts'
import type { TermService } from '../../core/sequence/term-session.ts'
import { loadPeer } from '../../core/store/errors.ts'

export type { TermSockets }

/** @throws StoreError that says how to install the package ws. */
export async function termSockets(service: TermService, heartbeat: number): Promise<TermSockets> {
  const load = () => import('../../adapters/websocket/term-sockets.ts')
  const { TermSockets } = await loadPeer('ws', load, 'WebSocket of sequenceRouter')
  return new TermSockets(service, heartbeat)
}
