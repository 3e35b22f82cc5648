import type { Server } from 'node:http'
import type { Dispatcher } from 'undici'

/** How long answers under way may take to end, ms; streams without an end are cut then. */
const grace = 1000

/** Takes no more requests after SIGINT or SIGTERM and lets the process end. A second signal ends it at once. */
export function stopOnSignal(servers: readonly Server[], dispatcher: Dispatcher): void {
  const stop = (): void => {
    for (const server of servers) {
      server.close()
      setTimeout(() => server.closeAllConnections(), grace).unref()
    }
    setTimeout(() => void dispatcher.destroy(), grace).unref()
  }
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
}
