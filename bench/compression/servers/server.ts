import type { Listener } from '../../subjects/subject.ts'

/** What a server is started with. */
export interface Settings {
  /** What a server that knows its answer beforehand writes. */
  readonly answer?: EncodedAnswer | undefined
  /** Called whenever a handler runs. */
  readonly ran: () => void
}

/** An answer as it can be sent to another process. */
export interface EncodedAnswer {
  readonly status: number
  /** Field lines: name, value, name, value … */
  readonly lines: readonly string[]
  readonly base64: string
}

/** A server to measure: makes the listener of its HTTP server. */
export type MakeServer = (settings: Settings) => Listener
