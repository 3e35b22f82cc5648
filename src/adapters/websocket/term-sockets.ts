import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type RawData, type WebSocket, WebSocketServer } from 'ws'
import { type Closing, TERMS_PROTOCOL } from '../../core/sequence/term-protocol.ts'
import { type TermChannel, type TermService, TermSession } from '../../core/sequence/term-session.ts'
import { Heartbeat } from './heartbeat.ts'

/** Bytes of a message: what a client has to say is short. */
const LARGEST_MESSAGE = 4 * 1024
/** Bytes that wait for a client to take them, before nothing more is made for it. */
const MOST_WAITING = 64 * 1024
/** ms that a client has to answer when the server closes. */
const FAREWELL = 2_000
/** RFC 6455 section 7.4.1. */
const GOING_AWAY = 1001

/** Clients of one router over WebSocket, by the package ws. */
export class TermSockets {
  readonly #service: TermService
  readonly #heartbeat: number
  readonly #open = new Set<WebSocket>()
  readonly #server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: LARGEST_MESSAGE,
    perMessageDeflate: false,
    handleProtocols: (offered) => offered.has(TERMS_PROTOCOL) && TERMS_PROTOCOL,
  })

  /** `heartbeat`: ms between two looks at whether a client is still there. */
  constructor(service: TermService, heartbeat: number) {
    this.#service = service
    this.#heartbeat = heartbeat
  }

  /** Answers a request to upgrade, by an error where it is none. `query` is that of its URL, without the `?`. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer, query: string): void {
    this.#server.handleUpgrade(request, socket, head, (client) => this.#serve(client, socket, query))
  }

  /** Tells all clients that the server goes away; those who do not answer within 2 s are cut off. */
  async close(): Promise<void> {
    const clients = [...this.#open]
    const gone = clients.map((client) => new Promise((resolve) => client.once('close', resolve)))
    for (const client of clients) client.close(GOING_AWAY, 'The server goes away')
    const timer = setTimeout(() => clients.forEach((client) => void client.terminate()), FAREWELL)
    await Promise.all(gone)
    clearTimeout(timer)
  }

  #serve(client: WebSocket, socket: Duplex, query: string): void {
    this.#open.add(client)
    const heartbeat = new Heartbeat(client, this.#heartbeat)
    const leave = (): void => session.leave()
    const session = new TermSession(this.#service, channelTo(client, gathered(socket), heartbeat, leave))
    client.on('message', (data: RawData, isBinary) => session.hear(isBinary ? undefined : data.toString()))
    // What breaks the protocol, ws answers and closes; there is nothing to add.
    client.on('error', leave)
    client.once('close', () => {
      this.#open.delete(client)
      leave()
    })
    // One that leaves without a word, and without reading what waits for it, would not be closed.
    socket.once('end', leave)
    session.open(query)
  }
}

/** `leave` is called where the client has said that it closes. */
function channelTo(client: WebSocket, gather: () => void, heartbeat: Heartbeat, leave: () => void): TermChannel {
  return {
    send(text) {
      if (client.readyState !== client.OPEN) {
        leave()
        return undefined
      }
      heartbeat.busy()
      gather()
      if (client.bufferedAmount < MOST_WAITING) {
        client.send(text, ignore)
        return undefined
      }
      const { promise, resolve } = Promise.withResolvers<void>()
      client.send(text, () => {
        // All room on the way was taken: it is the client that has made some.
        heartbeat.show()
        resolve()
      })
      return promise
    },
    close({ code, reason }: Closing) {
      heartbeat.stop()
      client.close(code, reason)
    },
  }
}

/** What is sent before others have their turn leaves at once: a write to a socket costs more than a small term. */
function gathered(socket: Duplex): () => void {
  let isHeld = false
  const release = (): void => {
    isHeld = false
    socket.uncork()
  }
  return () => {
    if (isHeld) return
    isHeld = true
    socket.cork()
    process.nextTick(release)
  }
}

/** Who leaves is told of by the event `close`. */
function ignore(): void {}
