import type { WebSocket } from 'ws'

/**
 * Intervals without a sign of life after which a client is gone: one that was asked and did not answer, or one that has
 * more to read before it comes to the question.
 */
const SILENT = 1
const SILENT_BEHIND = 4

/**
 * Ends a connection whose other side is gone without a word. Every `every` ms it is sent a ping; an answer is a sign of
 * life, and so is all that it says, and that it takes what waits for it.
 */
export class Heartbeat {
  readonly #socket: WebSocket
  readonly #timer: NodeJS.Timeout
  /** Pings since the last sign of life. */
  #asked = 0

  constructor(socket: WebSocket, every: number) {
    this.#socket = socket
    this.#timer = setInterval(() => this.#beat(), every).unref()
    // RFC 6455 section 5.5.3: a pong answers a ping. A message says as much.
    for (const sign of ['pong', 'ping', 'message'] as const) socket.on(sign, () => this.show())
    socket.once('close', () => this.stop())
  }

  /** The other side has shown that it is there. */
  show(): void {
    this.#asked = 0
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #beat(): void {
    const most = this.#socket.bufferedAmount > 0 ? SILENT_BEHIND : SILENT
    if (this.#asked >= most) this.#socket.terminate()
    else this.#socket.ping()
    this.#asked++
  }
}
