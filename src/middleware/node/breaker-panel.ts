import type { IncomingMessage } from 'node:http'
import type { CircuitBreaker } from '../../core/breaker/breaker.ts'
import { BreakerRegistry } from '../../core/breaker/registry.ts'
import { duration, knownOptions, optionalFunction, quote } from '../../core/options.ts'
import { BreakerFeed } from './breaker-feed.ts'
import type { Problem } from './problem.ts'
import type { Origin } from './request-head.ts'

export interface BreakerRouterOptions<Request> {
  /** The breakers to show and to command. */
  readonly registry: BreakerRegistry
  /** Whether a request may see and command them. Required: without it everything is answered 403. */
  readonly authorize?: ((request: Request) => boolean | Promise<boolean>) | undefined
  /** The path beneath which it answers, such as `/breakers`; '' for everything. */
  readonly prefix?: string | undefined
  /** How often a silent event stream says that it is alive, ms. Default 15,000. */
  readonly heartbeat?: number | undefined
}

/** What to do with a request. */
export type PanelAnswer =
  | { readonly kind: 'pass' }
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'events' }
  | { readonly kind: 'problem'; readonly problem: Problem; readonly allow?: string }

type Route =
  | { readonly kind: 'list' }
  | { readonly kind: 'events' }
  | { readonly kind: 'one'; readonly key: string }
  | { readonly kind: 'command'; readonly key: string; readonly command: (breaker: CircuitBreaker) => void }

const COMMANDS: ReadonlyMap<string, (breaker: CircuitBreaker) => void> = new Map([
  ['isolate', (breaker: CircuitBreaker) => breaker.isolate()],
  ['force', (breaker) => breaker.forceClosed()],
  ['observe', (breaker) => breaker.observeOnly()],
  ['release', (breaker) => breaker.reset()],
  ['reset', (breaker) => breaker.reset()],
])

const PASS: PanelAnswer = { kind: 'pass' }

/** Shows the breakers of a registry and takes commands for them. Decides; bridges write. */
export class BreakerPanel<Request> {
  readonly feed: BreakerFeed
  readonly #registry: BreakerRegistry
  readonly #authorize: ((request: Request) => boolean | Promise<boolean>) | undefined
  readonly #prefix: string

  /** @throws TypeError or RangeError with the value quoted. */
  constructor(options: BreakerRouterOptions<Request>) {
    knownOptions('breakerRouter', options, ['registry', 'authorize', 'prefix', 'heartbeat'])
    const { registry, authorize, prefix = '', heartbeat } = options ?? {}
    if (!(registry instanceof BreakerRegistry)) {
      throw new TypeError(`breakerRouter: registry must be a BreakerRegistry, not ${quote(registry)}`)
    }
    if (typeof prefix !== 'string' || !/^(\/[^/?#]+)*$/.test(prefix)) {
      throw new TypeError(`prefix must be a path such as '/breakers', or '', not ${quote(prefix)}`)
    }
    this.#registry = registry
    this.#authorize = optionalFunction('authorize', authorize)
    this.#prefix = prefix
    this.feed = new BreakerFeed(registry, duration('heartbeat', heartbeat, 15_000))
  }

  /** @throws by the promise: what `authorize` throws. */
  async answer(request: IncomingMessage, native: Request, origin: Origin): Promise<PanelAnswer> {
    const path = this.#pathOf(request.url ?? '/')
    if (path === undefined) return PASS
    const route = routeOf(path)
    if (route === undefined) return PASS
    if (this.#authorize === undefined || (await this.#authorize(native)) !== true) {
      return problem(403, 'Forbidden', 'Not allowed to see or command circuit breakers')
    }
    if (route === 'malformed') return problem(400, 'Bad Request', 'A key in the path must be percent-encoded UTF-8')
    return route.kind === 'command' ? this.#command(request, route, origin) : this.#show(request, route)
  }

  /** The path below the prefix, without query; undefined where it is not ours. */
  #pathOf(target: string): string | undefined {
    const path = target.split('?', 1)[0] as string
    if (path === this.#prefix) return '/'
    return path.startsWith(`${this.#prefix}/`) ? path.slice(this.#prefix.length) : undefined
  }

  #show({ method }: IncomingMessage, route: Exclude<Route, { kind: 'command' }>): PanelAnswer {
    if (method !== 'GET' && method !== 'HEAD') return notAllowed('GET, HEAD')
    switch (route.kind) {
      case 'list':
        return { kind: 'json', value: { breakers: this.#registry.list().map((breaker) => breaker.status()) } }
      case 'events':
        return { kind: 'events' }
      case 'one': {
        const breaker = this.#registry.get(route.key)
        return breaker === undefined ? unknown(route.key) : { kind: 'json', value: breaker.status() }
      }
    }
  }

  #command(request: IncomingMessage, { key, command }: Route & { kind: 'command' }, origin: Origin): PanelAnswer {
    if (request.method !== 'POST') return notAllowed('POST')
    const type = request.headers['content-type']
    if (type !== undefined && !/^application\/json\s*(;|$)/i.test(type)) {
      return problem(415, 'Unsupported Media Type', 'A command needs no content; if it has some, it must be JSON')
    }
    if (isCrossSite(request, origin))
      return problem(403, 'Forbidden', 'Commands from pages of other sites are not taken')
    const breaker = this.#registry.get(key)
    if (breaker === undefined) return unknown(key)
    command(breaker)
    return { kind: 'json', value: breaker.status() }
  }
}

/**
 * `/`, `/events`, `/:key` and `/:key/:command`; the key percent-encoded. A breaker called `events` is asked for by
 * another encoding of its name, such as `/%65vents`.
 */
function routeOf(path: string): Route | 'malformed' | undefined {
  if (path === '/') return { kind: 'list' }
  if (path === '/events') return { kind: 'events' }
  const [, encoded = '', word, ...rest] = path.split('/')
  const command = COMMANDS.get(word ?? '')
  if (encoded === '' || rest.length > 0 || (word !== undefined && command === undefined)) return undefined
  const key = decoded(encoded)
  if (key === undefined) return 'malformed'
  return command === undefined ? { kind: 'one', key } : { kind: 'command', key, command }
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/**
 * Whether a browser says that a page of another site sends this. A form or a plain fetch of another site can POST with
 * the user's cookies; what is no browser says neither.
 */
function isCrossSite({ headers }: IncomingMessage, { scheme, authority }: Origin): boolean {
  const site = headers['sec-fetch-site']
  if (site !== undefined) return site !== 'same-origin' && site !== 'none'
  return headers.origin !== undefined && headers.origin.toLowerCase() !== `${scheme}://${authority}`
}

function problem(status: number, title: string, detail: string): PanelAnswer {
  return { kind: 'problem', problem: { status, title, detail } }
}

function unknown(key: string): PanelAnswer {
  return problem(404, 'Not Found', `No circuit breaker ${quote(key)} is here: there is one from its first call on`)
}

function notAllowed(allow: string): PanelAnswer {
  return { kind: 'problem', problem: { status: 405, title: 'Method Not Allowed', detail: `It takes ${allow}` }, allow }
}
