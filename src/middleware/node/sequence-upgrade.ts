import { type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { eventChannel } from '../../core/events.ts'
import { splitTarget } from '../../core/sequence/query.ts'
import { TERMS_PROTOCOL } from '../../core/sequence/term-protocol.ts'
import type { TermService } from '../../core/sequence/term-session.ts'
import { type TermSockets, termSockets } from './first-use.ts'
import { termsProblem } from './page-problem.ts'
import type { SequenceSettings } from './sequence-options.ts'
import { problemOf } from './sequence-reading.ts'
import { mayConnect } from './upgrade-origin.ts'

/** What a router does beside answering requests: it takes connections that become WebSockets. */
export interface SequenceUpgrades {
  /**
   * Serves `{prefix}/terms/stream` over WebSocket: `server.on('upgrade', router.upgrade)`. Gives false, and leaves the
   * socket alone, where the request is for something else; true where it is answered here.
   */
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => boolean
  /**
   * Tells all clients of `upgrade` that the server goes away, and takes no more of them. Resolved when the last one has
   * left, after 2 s at most: until then they keep a server from closing.
   */
  readonly close: () => Promise<void>
}

/** Why a client is not connected. */
interface Refusal {
  readonly status: 400 | 403 | 500 | 501 | 503
  readonly detail: string
}

const broken = eventChannel('breakwater:sequence:broken')
const fault = eventChannel('breakwater:sequence:fault')

/** s after which a client that was too much may come back. */
const RETRY_AFTER = 5
const CLOSED: Refusal = { status: 503, detail: 'The server goes away' }
const MISSING: Refusal = { status: 501, detail: 'The server lacks the package ws, which WebSocket needs' }

/** Decides who is connected; what is said over a connection is decided by its session. */
export class SequenceUpgrade implements SequenceUpgrades {
  readonly #settings: SequenceSettings
  readonly #path: string
  /** Clients that are connected, and those that are being decided on. */
  #count = 0
  #isClosed = false
  /** Loaded with the first client; undefined within: the package ws is missing. */
  #sockets: Promise<TermSockets | undefined> | undefined

  constructor(settings: SequenceSettings) {
    this.#settings = settings
    this.#path = `${settings.websocket.mount}${settings.prefix}/terms/stream`
  }

  readonly upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): boolean => {
    const { path, query } = splitTarget(request.url ?? '/')
    if (path !== this.#path || request.headers.upgrade?.toLowerCase() !== 'websocket') return false
    // That a client leaves before it is answered is no error.
    socket.on('error', () => {})
    const refusal = this.#refusalOf(request)
    if (refusal === undefined) void this.#connect(request, socket, head, query)
    else refuse(socket, refusal)
    return true
  }

  readonly close = async (): Promise<void> => {
    this.#isClosed = true
    await (await this.#sockets)?.close()
  }

  /** What can be told at once. */
  #refusalOf(request: IncomingMessage): Refusal | undefined {
    const { origins, maxSockets } = this.#settings.websocket
    if (!mayConnect(request, origins)) return { status: 403, detail: 'Pages of this origin may not connect' }
    if (!speaksOurs(request)) return { status: 400, detail: `The sub-protocol here is ${TERMS_PROTOCOL}` }
    if (this.#count >= maxSockets) return { status: 503, detail: 'Too many clients are connected: try again later' }
    return undefined
  }

  async #connect(request: IncomingMessage, socket: Duplex, head: Buffer, query: string): Promise<void> {
    this.#count++
    socket.once('close', () => {
      this.#count--
    })
    const refusal = await this.#unauthorized(request)
    const sockets = refusal === undefined ? await this.#load() : undefined
    if (socket.destroyed) return
    if (refusal !== undefined) refuse(socket, refusal)
    else if (sockets === undefined) refuse(socket, MISSING)
    else if (this.#isClosed) refuse(socket, CLOSED)
    else sockets.accept(request, socket, head, query)
  }

  async #unauthorized(request: IncomingMessage): Promise<Refusal | undefined> {
    const { sequence, websocket } = this.#settings
    if (websocket.authorize === undefined) return undefined
    try {
      const isAllowed = await websocket.authorize(request)
      return isAllowed === true ? undefined : { status: 403, detail: 'This client may not connect' }
    } catch (error) {
      if (fault.hasSubscribers) fault.publish({ sequence: sequence.id, error })
      return { status: 500, detail: 'Whether this client may connect could not be found out' }
    }
  }

  #load(): Promise<TermSockets | undefined> {
    this.#sockets ??= termSockets(serviceOf(this.#settings), this.#settings.heartbeat).catch((error: Error) => {
      // For who runs the server: a client cannot install it.
      process.emitWarning('WebSocket of sequenceRouter needs the package ws: npm install ws', {
        code: 'BREAKWATER_NO_WEBSOCKET',
        detail: error.message,
      })
      return undefined
    })
    return this.#sockets
  }
}

function serviceOf({ sequence, reader, limit, limits }: SequenceSettings): TermService {
  return {
    reader,
    bounds: { reader, length: sequence.length, limit: Math.min(limit, limits.stream.count), limits: limits.stream },
    refusalOf: termsProblem,
    failureOf(error, index) {
      if (broken.hasSubscribers) broken.publish({ sequence: sequence.id, index, format: 'websocket', error })
      return problemOf(error, index)
    },
  }
}

/** A client that names sub-protocols must name ours; one that names none is taken to speak it. */
function speaksOurs({ headers }: IncomingMessage): boolean {
  const offered = headers['sec-websocket-protocol']
  return offered === undefined || offered.split(',').some((name) => name.trim() === TERMS_PROTOCOL)
}

/** Answers as a server that does not upgrade, and ends the connection. */
function refuse(socket: Duplex, { status, detail }: Refusal): void {
  const title = STATUS_CODES[status] as string
  const body = JSON.stringify({ type: 'about:blank', status, title, detail })
  const lines = [
    `HTTP/1.1 ${status} ${title}`,
    'Connection: close',
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
    ...(status === 503 ? [`Retry-After: ${RETRY_AFTER}`] : []),
  ]
  // A client that does not end its side would keep the connection.
  socket.once('finish', () => void socket.destroy())
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`)
}
