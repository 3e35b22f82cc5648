import type { WebSocket } from 'ws'

/**
 * Ends a connection whose other side is gone without a word: one that was sent a ping and neither answered nor said
 * anything nor took what it was sent until the next one is due, `every` ms later.
 */
export class Heartbeat {
  readonly #socket: WebSocket
  readonly #timer: NodeJS.Timeout
  #isAlive = true

  constructor(socket: WebSocket, every: number) {
    this.#socket = socket
    this.#timer = setInterval(() => this.#beat(), every).unref()
    // RFC 6455 section 5.5.3: a pong answers a ping. A message says as much.
    for (const sign of ['pong', 'ping', 'message'] as const) socket.on(sign, () => this.show())
    socket.once('close', () => this.stop())
  }

  /** The other side has shown that it is there. */
  show(): void {
    this.#isAlive = true
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #beat(): void {
    if (!this.#isAlive) {
      this.#socket.terminate()
      return
    }
    this.#isAlive = false
    this.#socket.ping()
  }
}
