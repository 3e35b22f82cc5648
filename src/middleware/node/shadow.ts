import { AsyncResource } from 'node:async_hooks'
import { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import type { Exchange } from '../../core/cache/exchange.ts'
import type { Mount } from '../../core/cache/mount.ts'
import { combined } from '../../core/http/message.ts'
import { type MarkedRequest, SHADOW, type Shadow } from './symbols.ts'

/** Any `(request, response)` function: an Express app, Koa's `app.callback()`, a plain listener. */
export type Listener = (request: IncomingMessage, response: ServerResponse) => unknown

/** Runs the root listener again without a client, so that its answer is recorded. */
export class ShadowRunner {
  /** Keeps the runs out of the async context of the request that caused them. */
  readonly #resource = new AsyncResource('breakwater.shadow')
  readonly #mount: Mount

  constructor(mount: Mount) {
    this.#mount = mount
  }

  /**
   * Resolves with whether the answer was stored. The request carries the exchange's fields and validators only.
   * @throws Error where the handler did not answer in time or the request did not reach the mount, and the reason of
   *   `signal`.
   */
  run(listener: Listener, exchange: Exchange, timeout: number, signal?: AbortSignal): Promise<boolean> {
    // The streams are made inside, too: what they emit is emitted in the context they were made in.
    return this.#resource.runInAsyncScope(() => this.#run(listener, exchange, timeout, signal))
  }

  #run(listener: Listener, exchange: Exchange, timeout: number, signal: AbortSignal | undefined): Promise<boolean> {
    const shadow: Shadow = { mount: this.#mount, exchange, reached: false }
    return new Promise<boolean>((resolve, reject) => {
      const socket = new ShadowSocket(exchange.request.scheme === 'https')
      const request = shadowRequest(socket, exchange)
      request[SHADOW] = shadow
      const response = new ServerResponse(request)
      const timer = setTimeout(() => fail(new Error(`The handler did not answer within ${timeout} ms`)), timeout)
      timer.unref()
      const onAbort = (): void => fail(signal?.reason)
      signal?.addEventListener('abort', onAbort)
      const leave = (): void => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', onAbort)
      }
      const fail = (error: unknown): void => {
        leave()
        exchange.discard()
        socket.destroy()
        reject(error)
      }
      // A handler may break off with an error, or write after the end of a run that was given up.
      socket.on('error', () => {})
      response.on('error', () => {})
      response.once('finish', () => {
        request.resume()
        socket.destroy()
      })
      response.once('close', () => {
        leave()
        if (!response.writableFinished) request.destroy()
        if (shadow.reached) resolve(exchange.stored)
        else fail(new Error('The request did not reach the cache: something before it answered'))
      })
      response.assignSocket(socket as unknown as Socket)
      try {
        const result = listener(request, response)
        if (result instanceof Promise) result.catch(fail)
      } catch (error) {
        fail(error)
      }
    })
  }
}

/** A GET with only what the exchange carries. */
function shadowRequest(socket: ShadowSocket, exchange: Exchange): MarkedRequest {
  const request = new IncomingMessage(socket as unknown as Socket) as MarkedRequest
  request.method = 'GET'
  request.url = exchange.request.target
  request.httpVersion = '1.1'
  request.httpVersionMajor = 1
  request.httpVersionMinor = 1
  // Host is what the cause's authority was resolved to: fields of a proxy are not carried.
  for (const [name, value] of Object.entries({ ...exchange.request.fields, host: exchange.request.authority })) {
    const line = combined(value)
    if (line === undefined || name.startsWith(':')) continue
    request.headers[name] = line
    request.rawHeaders.push(name, line)
  }
  request.complete = true
  request.push(null)
  return request
}

/** The far end of a shadow: takes everything at once and keeps nothing. */
class ShadowSocket extends Duplex {
  readonly encrypted: boolean
  /** An address of nobody (RFC 5737): what is granted to some clients, the own machine first, is not granted here. */
  readonly remoteAddress = '192.0.2.0'
  readonly remoteFamily = 'IPv4'
  readonly remotePort = 0
  readonly localAddress = '127.0.0.1'
  readonly localPort = 0

  constructor(encrypted: boolean) {
    super({ writableHighWaterMark: Number.MAX_SAFE_INTEGER })
    this.encrypted = encrypted
  }

  override _read(): void {}

  override _write(_chunk: unknown, _encoding: unknown, done: () => void): void {
    done()
  }

  override _writev(_chunks: unknown, done: () => void): void {
    done()
  }

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

  address(): object {
    return {}
  }
}
