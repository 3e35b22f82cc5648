import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Exchange } from '../../core/cache/exchange.ts'
import type { Mount } from '../../core/cache/mount.ts'
import type { ReadLog } from '../../core/cache/read-log.ts'
import type { CacheRule } from '../../core/cache/rule.ts'
import type { Shortcut } from './writer.ts'

/** A re-run of the handler for which no client waits. */
export interface Shadow {
  readonly mount: Mount
  readonly exchange: Exchange
  /** Whether it came as far as the mount it was started for. */
  reached: boolean
}

/** The exchange that a mount further out has under way for a request. */
export const OUTER: unique symbol = Symbol('breakwater.exchange')
/** Marks a shadow request; not a header, so it cannot be forged. */
export const SHADOW: unique symbol = Symbol('breakwater.shadow')
/** What the handler of a request reads. */
export const READS: unique symbol = Symbol('breakwater.reads')
/** A rule given for one answer before its exchange was known. */
export const ANSWER_RULE: unique symbol = Symbol('breakwater.rule')
/** Names the body being sent, for layers that remember encodings of it. */
export const BODY_IDENTITY: unique symbol = Symbol.for('breakwater.bodyIdentity')

/** The body that BODY_IDENTITY names: what a layer between makes of it has another content. */
export const IDENTIFIED_BODY: unique symbol = Symbol('breakwater.identifiedBody')

/** Leads an answer from the cache around what encodes it, where it was encoded before. */
export const SHORTCUT: unique symbol = Symbol('breakwater.shortcut')

/** Set where an answer is made in place of one that a circuit breaker refused. */
export const INSTEAD: unique symbol = Symbol('breakwater.instead')
/** What an answer from the cache stands in for. */
export const STANDS_FOR: unique symbol = Symbol('breakwater.standsFor')

/** A request as our mounts know it. */
export interface MarkedRequest extends IncomingMessage {
  [OUTER]?: Exchange
  [SHADOW]?: Shadow
  [READS]?: ReadLog
  /** What Express keeps the original URL in. */
  originalUrl?: string
  /** The part of it that Express has cut off. */
  baseUrl?: string
}

/** A response as our mounts know it. */
export interface MarkedResponse extends ServerResponse {
  [ANSWER_RULE]?: CacheRule
  [BODY_IDENTITY]?: string | undefined
  [IDENTIFIED_BODY]?: Buffer | undefined
  [SHORTCUT]?: Shortcut
  [INSTEAD]?: true
  /** The handler's own status; `unasked` where it was not run; `lost` where it gave no answer. */
  [STANDS_FOR]?: number | 'unasked' | 'lost'
}
