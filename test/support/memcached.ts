/** A private memcached for tests. */
import { connect } from 'node:net'
import { end, launchServer, onFreePort, requireProgram } from './servers.ts'

export interface MemcachedServer {
  /** `host:port` */
  readonly address: string
  readonly port: number
  /** Harmless if it is already gone. */
  stop(): Promise<void>
  /** Ends it at once, as a crash would. Clients see their connections break. */
  kill(): Promise<void>
  /** Starts it again, empty, on the same port, after stopping it if it still runs. */
  restart(): Promise<void>
  /** Freezes it: connections stay open, and nothing answers. */
  pause(): void
  resume(): void
}

/** Starts an empty memcached of our own on a free loopback port, with 256 MiB. `more` are arguments of its program. */
export async function startMemcached(more: readonly string[] = []): Promise<MemcachedServer> {
  const program = requireProgram('memcached')
  const launch = (port: number) =>
    launchServer(program, ['-l', '127.0.0.1', '-p', String(port), '-U', '0', '-m', '256', ...asNobody(), ...more], () =>
      answersVersion(port),
    )

  const { port, first } = await onFreePort(launch)
  let running = first
  return {
    address: `127.0.0.1:${port}`,
    port,
    stop: () => end(running, 'SIGTERM'),
    kill: () => end(running, 'SIGKILL'),
    restart: async () => {
      await end(running, 'SIGTERM')
      running = await launch(port)
    },
    pause: () => void running.kill('SIGSTOP'),
    resume: () => void running.kill('SIGCONT'),
  }
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
