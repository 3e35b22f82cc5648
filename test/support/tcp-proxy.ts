/** Between a client and a server on this machine: adds latency, and resets connections. */

import type { AddressInfo } from 'node:net'
import { connect, createServer, type Socket } from 'node:net'
import { Transform } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'

export interface TcpProxy {
  readonly port: number
  /** Ms that all that comes is held back, either way. */
  delay: number
  /** Ends all connections as a network does that loses them. */
  reset(): void
  close(): void
}

export async function startTcpProxy(to: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>()
  const held = (): Transform =>
    new Transform({
      transform: (chunk: Buffer, _, done) => {
        if (proxy.delay === 0) done(null, chunk)
        else void sleep(proxy.delay).then(() => done(null, chunk))
      },
    })
  const server = createServer((socket) => {
    const beyond = connect(to, '127.0.0.1')
    socket.pipe(held()).pipe(beyond)
    beyond.pipe(held()).pipe(socket)
    for (const [end, other] of [
      [socket, beyond],
      [beyond, socket],
    ] as const) {
      sockets.add(end)
      end.on('error', () => {})
      end.on('close', () => {
        sockets.delete(end)
        other.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const proxy: TcpProxy = {
    port: (server.address() as AddressInfo).port,
    delay: 0,
    reset: () => {
      for (const socket of sockets) socket.resetAndDestroy()
    },
    close: () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
  return proxy
}
