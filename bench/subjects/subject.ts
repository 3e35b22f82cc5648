import type { IncomingMessage, ServerResponse } from 'node:http'

export type Listener = (request: IncomingMessage, response: ServerResponse) => unknown

/** What a subject is started with. */
export interface Settings {
  /** Bytes of the JSON document that answers. */
  readonly bytes: number
  /** Milliseconds that the handler takes; 0 answers at once. */
  readonly delay: number
  /** What a server that knows its answer beforehand writes: that of a Breakwater cache. */
  readonly answer?: FixedAnswer | undefined
  /** Called whenever a handler runs. */
  readonly ran: () => void
}

export interface FixedAnswer {
  readonly status: number
  /** Field lines: name, value, name, value … */
  readonly lines: readonly string[]
  readonly body: string
}

/** A server to measure: makes the listener of its HTTP server. */
export type Subject = (settings: Settings) => Listener

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
