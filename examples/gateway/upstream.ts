import type { ResponseCache } from 'breakwater'
import { cache } from 'breakwater/undici'
import { Agent, type Dispatcher } from 'undici'

/** Where requests go that the cache in front cannot answer. */
export interface Upstream {
  readonly origin: string
  /** For requests that may be answered alike for everybody. */
  readonly dispatcher: Dispatcher
  /** For requests with somebody's credentials. */
  readonly personal: Dispatcher
}

const limits = { connect: { timeout: 5_000 }, headersTimeout: 30_000, bodyTimeout: 60_000 }

/** The built-in origin, without a second cache on the way. */
export function toOwnOrigin(origin: string): Upstream {
  const agent = new Agent(limits)
  return { origin, dispatcher: agent, personal: agent }
}

/** Any origin, through the client cache. What it keeps is handed on to everybody, so it is as strict as a server's. */
export function toAnyOrigin(origin: string, responses: ResponseCache): Upstream {
  const agent = new Agent(limits)
  const cached = agent.compose(cache({ cache: responses, policy: 'safe', cacheStatus: 'Upstream' }))
  return { origin, dispatcher: cached, personal: agent }
}
