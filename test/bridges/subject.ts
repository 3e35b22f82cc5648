/** What the behaviour suite knows of a bridge: a handler behind a cache, and a way to ask it. */
import type { Readable } from 'node:stream'
import { type CacheOptions, type CacheRule, memoryStore, ResponseCache, type Store } from 'breakwater'
import { afterEach } from 'vitest'
import { ManualClock } from '../support/engine.ts'

/** What a handler is asked. Reading a field is seen by the guard, where there is one. */
export interface Question {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** What a framework makes of the fields of a proxy. */
  readonly resolved?: () => { readonly hostname: string; readonly protocol: string }
}

/** What a handler answers; exactly one of `body` and `stream`, or neither. */
export interface Answer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly body?: string | Buffer
  readonly stream?: () => Readable
  /** Given by `setCachePolicy`. */
  readonly rule?: CacheRule
}

/** A handler may throw: a fault of its own on a server, a connection reset for a client. */
export type Handler = (question: Question) => Answer | Promise<Answer>

/** What came over the wire. */
export interface Got {
  readonly status: number
  /** Lower-case names; repeated fields joined by ", ". */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface Asking {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string
}

interface PurgeSetting {
  readonly authorize?: () => boolean
  readonly soft?: boolean
}

export interface Setting {
  readonly clock: ManualClock
  // biome-ignore lint/suspicious/noExplicitAny: each bridge has a request type of its own
  readonly cache: CacheOptions<any>
  readonly handler: Handler
  /** A second mount within the first. */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly inner?: CacheOptions<any>
  readonly trustProxy?: boolean
  readonly purge?: PurgeSetting
}

interface Running {
  /** Of the server that the cache is in; undefined for a client. */
  readonly port?: number
  request(path: string, asking?: Asking): Promise<Got>
  close(): Promise<void>
}

/** A bridge under test. */
export interface Bridge {
  readonly name: string
  readonly side: 'server' | 'client'
  /** Whether a thrown error reaches the cache as a lost origin, before a framework has made a page of it. */
  readonly seesErrors: boolean
  /** Whether it has `setCachePolicy`, `purgeHandler` and trust in proxies: a framework. */
  readonly isFramework: boolean
  start(setting: Setting): Promise<Running>
}

export interface SubjectOptions extends Partial<Omit<Setting, 'clock' | 'handler'>> {
  /** Default: a memory store of its own. */
  readonly store?: Store
  readonly storeTimeout?: number
}

/** A running bridge with all that a test needs to look at. */
export interface Subject extends Running {
  readonly clock: ManualClock
  readonly responses: ResponseCache
  /** What the handler was asked, in order. */
  readonly asked: readonly Question[]
}

const running: Running[] = []

afterEach(async () => {
  await Promise.all(running.splice(0).map((subject) => subject.close()))
})

/** Starts a handler behind a bridge, with a cache and a clock of its own. It is closed after the test. */
export async function startSubject(
  bridge: Bridge,
  { cache = {}, store, storeTimeout, ...options }: SubjectOptions,
  handler: Handler,
): Promise<Subject> {
  const clock = new ManualClock()
  const responses = new ResponseCache({ clock, store: store ?? memoryStore({ clock }), storeTimeout })
  const asked: Question[] = []
  const started = await bridge.start({
    ...options,
    clock,
    cache: { cache: responses, ...cache },
    handler: (question) => {
      asked.push(question)
      return handler(question)
    },
  })
  running.push(started)
  return { ...started, clock, responses, asked }
}

/** A handler that answers with a body of its own for each call, so that every answer tells which call made it. */
export function counting(headers: Answer['headers'] = {}, rest: Answer = {}): Handler {
  let calls = 0
  return () => ({ body: `answer ${++calls}`, ...rest, headers })
}

/** The members of Cache-Status beyond the cache's name. */
export function statusOf({ headers }: Got): string {
  return (headers['cache-status'] ?? '').replace(/^Breakwater; /, '')
}

export function isHit(got: Got): boolean {
  return /; hit\b/.test(got.headers['cache-status'] ?? '')
}
