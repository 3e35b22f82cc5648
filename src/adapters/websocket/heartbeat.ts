import type { WebSocket } from 'ws'

/** Pings without an answer after which a client is gone: where there is nothing else for it to read, and where there is. */
const MOST_IDLE = 1
const MOST_BUSY = 4

/**
 * Ends a connection whose other side is gone without a word. Every `every` ms it is sent a ping; an answer is a sign of
 * life, and so is all that it says, and that it takes what waits for it.
 */
export class Heartbeat {
  readonly #socket: WebSocket
  readonly #timer: NodeJS.Timeout
  /** Pings since the last sign of life. */
  #asked = 0
  /** Whether it was sent something since then, which it may have to read before it comes to a ping. */
  #isBusy = false

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
    this.#isBusy = false
  }

  /** The other side was sent something. */
  busy(): void {
    this.#isBusy = true
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #beat(): void {
    if (this.#asked >= (this.#isBusy ? MOST_BUSY : MOST_IDLE)) this.#socket.terminate()
    else this.#socket.ping()
    this.#asked++
  }
}
