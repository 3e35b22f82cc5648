import type { IncomingMessage, ServerResponse } from 'node:http'
import { defaultCache, ResponseCache } from '../../core/cache/response-cache.ts'
import { flag, knownOptions, quote } from '../../core/options.ts'
import type { Origin } from './request-head.ts'

export interface PurgeHandlerOptions<Request> {
  /** Whether a request may purge. Required: without it the handler answers 403. */
  readonly authorize?: ((request: Request) => boolean | Promise<boolean>) | undefined
  /** Default: the cache that mounts without one of their own share. */
  readonly cache?: ResponseCache | undefined
  /** Makes stale instead of removing. Default false; a request may ask for it by `Purge-Mode: soft`. */
  readonly soft?: boolean | undefined
}

/** What to answer to a PURGE request. */
export interface PurgeAnswer {
  readonly status: number
  readonly body: string
}

/** Answers HTTP PURGE: removes what is stored for the request's own URL. */
export class PurgeEndpoint<Request> {
  readonly #options: PurgeHandlerOptions<Request>
  readonly #cache: ResponseCache

  constructor(options: PurgeHandlerOptions<Request> = {}) {
    knownOptions('purgeHandler', options, ['authorize', 'cache', 'soft'])
    const { authorize, cache, soft } = options
    if (authorize !== undefined && typeof authorize !== 'function') {
      throw new TypeError(
        `purgeHandler: authorize must be a function that tells whether a request may purge, not ${quote(authorize)}`,
      )
    }
    if (cache !== undefined && !(cache instanceof ResponseCache)) {
      throw new TypeError(`purgeHandler: cache must be a ResponseCache, not ${quote(cache)}`)
    }
    flag('soft', soft, false)
    this.#options = options
    this.#cache = cache ?? defaultCache()
  }

  async answer(request: IncomingMessage, native: Request, origin: Origin, target: string): Promise<PurgeAnswer> {
    const { authorize, soft = false } = this.#options
    if (authorize === undefined || (await authorize(native)) !== true) {
      return { status: 403, body: 'Not allowed to purge\n' }
    }
    const url = `${origin.scheme}://${origin.authority}${target}`
    if (!target.startsWith('/') || !URL.canParse(url)) return { status: 400, body: 'No such URL can be purged\n' }
    const isSoft = soft || request.headers['purge-mode'] === 'soft'
    await this.#cache.purge({ url, soft: isSoft })
    return { status: 200, body: `Purged ${target}\n` }
  }
}

/** Writes the answer to a PURGE. */
export function sendPurgeAnswer(response: ServerResponse, { status, body }: PurgeAnswer): void {
  response.statusCode = status
  response.setHeader('Content-Type', 'text/plain; charset=utf-8')
  response.setHeader('Cache-Control', 'no-store')
  response.end(body)
}
