import type { IncomingMessage, ServerResponse } from 'node:http'
import { pathReference, uriText } from '../../core/sequence/link.ts'
import { splitTarget } from '../../core/sequence/query.ts'
import { type Origin, originText } from './request-head.ts'

/** A request as a bridge hands it over. */
export interface SequenceCall {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Path and query as received. */
  readonly target: string
  /** Scheme and authority by a proxy that is trusted; undefined where there is none. */
  readonly origin: Origin | undefined
}

/** What is known of a request before anything is decided. */
export class SequenceAsked {
  readonly request: IncomingMessage
  readonly headers: IncomingMessage['headers']
  readonly response: ServerResponse
  readonly isHead: boolean
  readonly isHttp1: boolean
  readonly query: string
  /** What links depend on. */
  readonly vary: readonly string[]
  /** Whether links have to name scheme and host. */
  readonly isAbsolute: boolean
  /** The index of a term that reading goes on from; undefined: none, or the store was not asked. */
  kept: number | undefined = undefined
  readonly #origin: string | undefined
  readonly #target: string
  readonly #local: string

  constructor({ request, response, target, origin }: SequenceCall, local: string, query: string, isAbsolute: boolean) {
    this.#origin = isAbsolute ? originText(origin) : undefined
    this.#target = target
    this.#local = local
    this.request = request
    this.headers = request.headers
    this.response = response
    this.isHead = request.method === 'HEAD'
    this.isHttp1 = request.httpVersionMajor === 1
    this.query = query
    this.isAbsolute = this.#origin !== undefined
    this.vary = this.isAbsolute ? ['X-Forwarded-Proto', 'X-Forwarded-Host'] : []
  }

  /** Where paths in links begin: the mount, absolute where a proxy is trusted. */
  get root(): string {
    const { path } = splitTarget(this.#target)
    const mount = path.endsWith(this.#local) ? path.slice(0, -this.#local.length) : path
    return this.#origin === undefined ? pathReference(mount) : this.#origin + uriText(mount)
  }
}
