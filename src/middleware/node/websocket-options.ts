import type { IncomingMessage } from 'node:http'
import { knownOptions, optionalFunction, positiveInteger, quote } from '../../core/options.ts'
import { type AllowedOrigins, originOf } from './upgrade-origin.ts'

/** Who may connect over WebSocket, and where. */
export interface SequenceWebSocketOptions {
  /**
   * The part of the path that is cut before the router sees it, such as `/fibonacci` of `app.use('/fibonacci', ...)`: a
   * request to upgrade comes with its whole path. Default '': nothing is cut.
   */
  readonly mount?: string | undefined
  /**
   * Origins whose pages may connect, such as `https://app.example`, beside those of the server's own host; `*`: all.
   * Default: none. Clients that are no browser send no origin, and are not asked for one.
   */
  readonly origins?: AllowedOrigins | undefined
  /** Whether a client may connect: only where it gives true. Cookies and tokens are looked at here. Default: all may. */
  readonly authorize?: ((request: IncomingMessage) => boolean | Promise<boolean>) | undefined
  /** Connections at the same time; more are answered with 503. Default 1,000. */
  readonly maxSockets?: number | undefined
}

/** The options, checked and complete. */
export interface WebSocketSettings {
  readonly mount: string
  readonly origins: AllowedOrigins
  readonly authorize: ((request: IncomingMessage) => boolean | Promise<boolean>) | undefined
  readonly maxSockets: number
}

/** @throws TypeError or RangeError with the value quoted. */
export function websocketSettings(options: SequenceWebSocketOptions | undefined): WebSocketSettings {
  knownOptions('websocket', options, ['mount', 'origins', 'authorize', 'maxSockets'])
  const { mount = '', origins, authorize, maxSockets } = options ?? {}
  return {
    mount: mountOption(mount),
    origins: originsOption(origins),
    authorize: optionalFunction('websocket.authorize', authorize),
    maxSockets: positiveInteger('websocket.maxSockets', maxSockets, 1_000),
  }
}

function mountOption(mount: unknown): string {
  if (typeof mount === 'string' && /^(\/[^/?#]+)*$/.test(mount)) return mount
  throw new TypeError(`websocket.mount must be a path such as '/fibonacci', or '', not ${quote(mount)}`)
}

function originsOption(origins: unknown): AllowedOrigins {
  if (origins === undefined || origins === '*') return origins ?? []
  if (!Array.isArray(origins)) {
    throw new TypeError(`websocket.origins must be a list of origins, or '*', not ${quote(origins)}`)
  }
  return origins.map((origin: unknown) => {
    const known = typeof origin === 'string' ? originOf(origin) : undefined
    if (known !== undefined) return known
    throw new TypeError(
      `websocket.origins must hold origins such as 'https://app.example', without a path, not ${quote(origin)}`,
    )
  })
}
