import type { ServerResponse } from 'node:http'
import type { Reply } from '../../core/cache/reply.ts'

/** The functions of a response that really write, beneath whatever we put over them. */
export interface Writer {
  readonly writeHead: (this: ServerResponse, ...args: never[]) => ServerResponse
  readonly write: (this: ServerResponse, ...args: never[]) => boolean
  readonly end: (this: ServerResponse, ...args: never[]) => ServerResponse
}

/** Knows some answers from the cache as they are once they are encoded. */
export interface Shortcut extends Writer {
  /** The answer to write beneath what encodes; undefined: write this one as any other. */
  encoded(response: ServerResponse, reply: Reply): Reply | undefined
}
