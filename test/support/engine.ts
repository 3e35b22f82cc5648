import type { Exchange, HeadOutcome } from '../../src/core/cache/exchange.ts'
import { type Decision, Mount } from '../../src/core/cache/mount.ts'
import { type CacheOptions, mountSettings } from '../../src/core/cache/options.ts'
import { follow } from '../../src/core/cache/recording.ts'
import type { Reply } from '../../src/core/cache/reply.ts'
import { ResponseCache } from '../../src/core/cache/response-cache.ts'
import type { Clock } from '../../src/core/clock.ts'
import { formatHttpDate } from '../../src/core/http/date.ts'
import type { FieldValue, RequestHead, ResponseHead } from '../../src/core/http/message.ts'
import { memoryStore } from '../../src/core/store/memory.ts'
import type { Store, StoreItem } from '../../src/core/store/store.ts'

/** A clock that moves only when told to. */
export class ManualClock implements Clock {
  time = Date.UTC(2026, 0, 1)

  now(): number {
    return this.time
  }

  monotonic(): number {
    return this.time
  }

  /** Seconds. */
  pass(seconds: number): void {
    this.time += seconds * 1000
  }

  /** An HTTP date, `seconds` from now. */
  date(seconds = 0): string {
    return formatHttpDate(this.time + seconds * 1000)
  }
}

export interface Engine {
  readonly clock: ManualClock
  readonly store: Store
  readonly responses: ResponseCache
  readonly mount: Mount
}

/** A mount of its own on a memory store of its own, with a clock that stands still. */
export function engine<Request = unknown>(
  options: CacheOptions<Request> = {},
  direction: 'in' | 'out' = 'in',
  given?: Store,
): Engine {
  const clock = new ManualClock()
  const store = given ?? memoryStore({ clock })
  const responses = new ResponseCache({ store, clock })
  return { clock, store, responses, mount: new Mount(responses, mountSettings(options, direction)) }
}

/** The same store behind promises, and what it keeps gone through JSON. */
export function farStore(near: Store = memoryStore()): Store {
  const revived = (item: StoreItem | undefined): StoreItem | undefined =>
    item && { meta: JSON.parse(JSON.stringify(item.meta)), body: Buffer.from(item.body) }
  return {
    name: 'far',
    near: false,
    maxEntrySize: near.maxEntrySize,
    get: async (key) => revived((await near.get(key)) as StoreItem | undefined),
    set: async (key, item, lifetime) => near.set(key, item, lifetime),
    delete: async (key) => void (await near.delete(key)),
    clear: async () => near.clear(),
    reserve: (bytes) => near.reserve(bytes),
    release: (bytes) => near.release(bytes),
  }
}

export interface Asked {
  readonly method?: string
  /** A path, or an absolute URL. */
  readonly url?: string
  readonly headers?: Readonly<Record<string, FieldValue>>
  readonly hasBody?: boolean
  readonly signal?: AbortSignal
}

export function requestHead({ method = 'GET', url = '/', headers = {}, hasBody = false }: Asked = {}): RequestHead {
  const at = url.startsWith('/') ? `http://example.test${url}` : url
  const { protocol, host } = new URL(at)
  const target = at.slice(at.indexOf('/', protocol.length + 2))
  return { method, scheme: protocol.slice(0, -1), authority: host, target, fields: { host, ...headers }, hasBody }
}

export function lookup(mount: Mount, asked: Asked = {}): Decision | Promise<Decision> {
  const head = requestHead(asked)
  return mount.lookup(head, head, asked.signal)
}

/** What a near store's mount decides, at once. */
export function ask(mount: Mount, asked: Asked = {}): Decision {
  const decision = lookup(mount, asked)
  if (decision instanceof Promise) throw new Error('it waits')
  return decision
}

/** A lookup that must wait for another's answer. */
export function waitingFor(mount: Mount, asked: Asked = {}): Promise<Decision> {
  const decision = lookup(mount, asked)
  if (!(decision instanceof Promise)) throw new Error(`it does not wait: ${decision.kind}`)
  decision.catch(() => {})
  return decision
}

/** The exchange of a request that goes forward. */
export function exchangeOf(decision: Decision): Exchange {
  if (decision.kind === 'miss' || decision.kind === 'validate') return decision.exchange
  if (decision.kind === 'stale' && decision.refresh !== undefined) return decision.refresh
  throw new Error(`nothing goes forward: ${decision.kind}`)
}

export interface Answer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly body?: string
}

export function responseHead({ status = 200, headers = {} }: Answer = {}): ResponseHead {
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    (typeof value === 'string' ? [value] : value).flatMap((line) => [name, line]),
  )
  return { status, statusText: '', lines }
}

/** Lets the origin answer an exchange in full. */
export function answer(exchange: Exchange, response: Answer = {}): HeadOutcome {
  const outcome = exchange.head(responseHead(response))
  if (outcome.kind === 'record') {
    outcome.recording.write(Buffer.from(response.body ?? 'body'))
    exchange.finish()
  }
  return outcome
}

/** Asks, and lets the origin answer if the request goes forward. */
export function exchange(mount: Mount, asked: Asked, response: Answer = {}): HeadOutcome {
  return answer(exchangeOf(ask(mount, asked)), response)
}

/** The reply of a decision that needs no origin. */
export function replyOf(decision: Decision | HeadOutcome): Reply {
  if ('reply' in decision) return decision.reply
  throw new Error(`no reply: ${decision.kind}`)
}

/** The value of a reply's field; undefined if absent. */
export function field(reply: Reply, name: string): string | undefined {
  for (let i = 0; i < reply.lines.length; i += 2) {
    if (reply.lines[i]?.toLowerCase() === name) return reply.lines[i + 1]
  }
  return undefined
}

/** The content of a reply, read to its end. */
export async function content(reply: Reply): Promise<string> {
  if (reply.follows === undefined) return reply.body?.toString() ?? ''
  let text = ''
  for await (const chunk of follow(reply.follows)) text += chunk.toString()
  return text
}

/** What becomes of the same request afterwards: `hit`, `stale`, `validate`, `miss` … Leaves nothing under way. */
export function fate(mount: Mount, asked: Asked = {}): Decision['kind'] {
  const decision = ask(mount, asked)
  if ('exchange' in decision) decision.exchange.abandon()
  if (decision.kind === 'stale') decision.refresh?.abandon()
  return decision.kind
}

/** Stores an answer and tells whether it was kept in whatever form. */
export function isStored(options: CacheOptions, direction: 'in' | 'out', asked: Asked, response: Answer): boolean {
  const { mount } = engine(options, direction)
  return exchange(mount, asked, response).kind === 'record'
}
