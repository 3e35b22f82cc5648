import { createServer, type RequestListener } from 'node:http'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'

const HEAD_END = Buffer.from('\r\n\r\n')
const LAST_CHUNK = Buffer.from('0\r\n\r\n')

/**
 * A connection to a listener that never leaves the process: node:http parses and writes as always, but there is no
 * socket, and nobody else has to run for an answer to arrive. One request at a time.
 */
export class Wire extends Duplex {
  /** Node asks connections for it. */
  readonly remoteAddress = '127.0.0.1'
  #answered: ((head: string) => void) | undefined
  #head = ''
  /** Bytes of the answer that are still to come; undefined before its head. */
  #left: number | undefined

  constructor(listener: RequestListener) {
    super()
    const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0 }, listener)
    server.emit('connection', this as unknown as Socket)
  }

  /** Sends a request as it stands and resolves, with the head of the answer, when all of that was written. */
  ask(request: Buffer): Promise<string> {
    return new Promise((resolve) => {
      this.#answered = resolve
      this.push(request)
    })
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#take(chunk)
    done()
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    for (const { chunk } of chunks) this.#take(chunk)
    done()
  }

  #take(chunk: Buffer): void {
    if (this.#left === undefined) {
      const end = chunk.indexOf(HEAD_END)
      this.#head = chunk.toString('latin1', 0, end)
      this.#left = contentLength(this.#head) + end + HEAD_END.length
    }
    this.#left -= chunk.length
    const isLast = this.#left === Infinity && chunk.subarray(-LAST_CHUNK.length).equals(LAST_CHUNK)
    if (this.#left > 0 && !isLast) return
    this.#left = undefined
    this.#answered?.(this.#head)
  }

  // What node:http asks of sockets.

  setTimeout(): this {
    return this
  }

  setNoDelay(): this {
    return this
  }

  setKeepAlive(): this {
    return this
  }

  ref(): this {
    return this
  }

  unref(): this {
    return this
  }
}

/** Infinity: it comes in chunks. */
function contentLength(head: string): number {
  if (head.startsWith('HTTP/1.1 304')) return 0
  return Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? Infinity)
}
