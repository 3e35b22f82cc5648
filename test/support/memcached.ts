/** A private memcached for tests. */
import { connect } from 'node:net'
import { launchServer, requireProgram, startServer, type TestServer } from './servers.ts'

export interface MemcachedServer extends TestServer {
  /** `host:port` */
  readonly address: string
}

/**
 * Starts an empty memcached of our own with 256 MiB. After a restart it is empty. `more` are arguments of its program.
 */
export async function startMemcached(more: readonly string[] = []): Promise<MemcachedServer> {
  const program = requireProgram('memcached')
  const launch = (port: number) =>
    launchServer(program, ['-l', '127.0.0.1', '-p', String(port), '-U', '0', '-m', '256', ...asNobody(), ...more], () =>
      answersVersion(port),
    )
  const server = await startServer(launch)
  return { ...server, address: `127.0.0.1:${server.port}` }
}

/** It refuses to run as root. */
function asNobody(): string[] {
  return process.getuid?.() === 0 ? ['-u', 'nobody'] : []
}

function answersVersion(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('version\r\n'))
    const answer = (is: boolean) => {
      socket.destroy()
      resolve(is)
    }
    socket.once('data', (chunk) => answer(chunk.toString().startsWith('VERSION')))
    socket.once('error', () => answer(false))
    socket.setTimeout(1000, () => answer(false))
  })
}
