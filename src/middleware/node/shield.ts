import type { IncomingMessage, ServerResponse } from 'node:http'
import type { CacheOptions } from '../../core/cache/options.ts'
import type { ResponseCache } from '../../core/cache/response-cache.ts'
import { headOf } from '../../core/cache/url-head.ts'
import type { Compressor } from '../../core/compression/compressor.ts'
import { knownOptions, quote } from '../../core/options.ts'
import { serverMount } from './cache-mount.ts'
import { CompressionMount, type CompressionMountOptions } from './compression-mount.ts'
import { embedded, receivedUrl } from './embedded.ts'
import type { Switch } from './encoding-head.ts'
import { directOrigin, requestHead } from './request-head.ts'
import { ServerMount } from './serve.ts'
import type { Listener } from './shadow.ts'
import { personalOf } from './watch.ts'

/** Whether an answer may be encoded. */
type ShieldFilter = (request: IncomingMessage, response: ServerResponse) => unknown

export interface ShieldOptions {
  /** The response cache: its options, or a ResponseCache. */
  readonly cache?: CacheOptions<IncomingMessage> | ResponseCache | undefined
  /** Compression of answers: its options, or a Compressor. What the cache stores is encoded once. */
  readonly compression?: CompressionMountOptions<ShieldFilter> | Compressor | undefined
}

/**
 * Puts cache and compression in front of any `(request, response)` listener: a plain one, an Express app, Koa's `app.callback()`,
 * Fastify's or Nest's handler. A hit is answered before the framework is entered.
 *
 * Scheme and authority of the key are those of the connection and the Host field: a listener that is reached through
 * several host names has an entry for each.
 *
 * @throws TypeError or RangeError for an option it cannot use.
 */
export function shield(listener: Listener, options: ShieldOptions = {}): Listener {
  if (typeof listener !== 'function') {
    throw new TypeError(
      `shield takes a (request, response) listener, such as an Express app or app.callback(), not ${quote(listener)}`,
    )
  }
  knownOptions('shield', options, ['cache', 'compression'])
  const { cache, compression } = options
  const cached = cache === undefined ? listener : shieldByCache(listener, cache)
  return compression === undefined ? cached : encoded(cached, compression)
}

/** Encodes what a listener answers. */
function encoded(listener: Listener, options: CompressionMountOptions<ShieldFilter> | Compressor): Listener {
  const mount = new CompressionMount(options, (filter, request, response) => filter(request, response))
  return (request, response) => {
    mount.enter(request, response, response as Switch)
    return listener(request, response)
  }
}

function shieldByCache(listener: Listener, options: CacheOptions<IncomingMessage> | ResponseCache): Listener {
  const server = serverMount(options)
  const shielded: Listener = (request, response) => {
    const next = (): unknown => enter(listener, request, response)
    const fail = (error: unknown): void => {
      response.destroy()
      process.nextTick(() => {
        throw error
      })
    }
    const personal = personalOf(request, response)
    const head = requestHead(request, directOrigin(request), receivedUrl(request), server.realmOf(shielded), personal)
    return server.serve({ request, response, head, native: request, next, fail, root: embedded(shielded, request) })
  }
  server.mount.responses.attach({
    serves: () => true,
    run: (url, signal) => {
      const head = { ...headOf(url.href, 'GET', {}), realm: server.realmOf(shielded) }
      return server.warm(shielded, head, signal)
    },
  })
  return shielded
}

/** Runs the listener; where it throws before it answered, a stale answer stands in if that is allowed. */
function enter(listener: Listener, request: IncomingMessage, response: ServerResponse): unknown {
  const rescue = (error: unknown): void => {
    if (!ServerMount.lost(request, response)) throw error
  }
  try {
    const result = listener(request, response)
    return result instanceof Promise ? result.catch(rescue) : result
  } catch (error) {
    return rescue(error)
  }
}
