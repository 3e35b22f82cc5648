/** Clients over WebSocket of a sequence under test. */
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { memoryStore } from 'breakwater'
import type { SequenceUpgrades } from 'breakwater/express'
import { afterEach } from 'vitest'
import { WebSocket as WsSocket } from 'ws'
import { type Framework, MOUNT, type Setting } from './frameworks.ts'

export const PROTOCOL = 'breakwater.terms.v1'
export const STREAM = `${MOUNT}/terms/stream`

/** What a client is told. */
export interface Said {
  readonly index?: number
  readonly term?: unknown
  readonly end?: boolean
  readonly error?: { readonly status: number; readonly [name: string]: unknown }
}

export interface Ended {
  readonly code: number
  readonly reason: string
}

export interface SocketSubject {
  readonly port: number
  readonly router: SequenceUpgrades
  connect(query?: string, kind?: ClientKind): Promise<Client>
}

/** The package ws, or what Node has itself, which is as in browsers. */
export type ClientKind = 'ws' | 'global'
export const clientKinds: readonly ClientKind[] = ['ws', 'global']

type Upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => unknown

const closing: (() => Promise<unknown>)[] = []

afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()))
})

/** `others`: what takes an upgrade that the router leaves alone. */
export async function startSockets(
  framework: Framework,
  setting: Setting,
  others: Upgrade = (_, socket) => socket.destroy(),
): Promise<SocketSubject> {
  const options = { store: memoryStore(), ...setting.router }
  const { listener, router } = framework.mounted({ ...setting, router: options })
  const server = createServer(listener)
  const sockets = new Set<Duplex>()
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    if (!router.upgrade(request, socket, head)) others(request, socket, head)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(async () => {
    for (const socket of sockets) socket.destroy()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const { port } = server.address() as AddressInfo
  const url = `ws://127.0.0.1:${port}${STREAM}`
  return { port, router, connect: (query = '', kind = 'ws') => Client.open(`${url}${query}`, kind) }
}

export class Client {
  readonly said: Said[] = []
  readonly ended: Promise<Ended>
  readonly socket: WsSocket | WebSocket
  #wake = (): void => {}

  static async open(url: string, kind: ClientKind): Promise<Client> {
    const client = new Client(url, kind)
    await new Promise<void>((resolve, reject) => {
      client.socket.onopen = () => resolve()
      client.socket.onerror = () => reject(new Error('It was not connected'))
    })
    return client
  }

  private constructor(url: string, kind: ClientKind) {
    this.socket = kind === 'ws' ? new WsSocket(url, PROTOCOL) : new WebSocket(url, PROTOCOL)
    const { promise, resolve } = Promise.withResolvers<Ended>()
    this.ended = promise
    this.socket.onmessage = ({ data }: { data: unknown }) => {
      this.said.push(JSON.parse(String(data)))
      this.#wake()
    }
    this.socket.onclose = ({ code, reason }: Ended) => {
      resolve({ code, reason })
      this.#wake()
    }
  }

  /** The package's own client, for what only that one can do. */
  get ws(): WsSocket {
    return this.socket as WsSocket
  }

  say(message: object | string): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message))
  }

  /** Resolved when so many messages have come. */
  async heard(count: number): Promise<readonly Said[]> {
    while (this.said.length < count) {
      if (this.socket.readyState === this.socket.CLOSED) throw new Error('It ended before')
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.said
  }

  get terms(): unknown[] {
    return this.said.filter(({ index }) => index !== undefined).map(({ term }) => term)
  }

  get indexes(): unknown[] {
    return this.said.filter(({ index }) => index !== undefined).map(({ index }) => index)
  }

  get last(): Said | undefined {
    return this.said.at(-1)
  }
}

/** The answer to a request to upgrade that is refused, and what the request was. */
export async function refusedUpgrade(
  port: number,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number; readonly body: string; readonly headers: IncomingMessage['headers'] }> {
  const client = new WsSocket(`ws://127.0.0.1:${port}${path}`, PROTOCOL, { headers })
  return new Promise((resolve, reject) => {
    client.once('open', () => {
      client.terminate()
      reject(new Error('It was connected'))
    })
    client.once('error', reject)
    client.once('unexpected-response', (_request, response: IncomingMessage) => {
      let body = ''
      response.on('data', (chunk: Buffer) => {
        body += chunk
      })
      response.once('end', () => resolve({ status: response.statusCode ?? 0, body, headers: response.headers }))
    })
  })
}
