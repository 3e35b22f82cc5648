import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Exchange } from '../../core/cache/exchange.ts'
import type { Decision, Mount } from '../../core/cache/mount.ts'
import { isUnsafe } from '../../core/cache/policy/invalidation.ts'
import { dismiss, type Reply } from '../../core/cache/reply.ts'
import type { RequestHead } from '../../core/http/message.ts'
import { isGone, sendReply } from './answer.ts'
import type { Listener, ShadowRunner } from './shadow.ts'
import { type MarkedRequest, type MarkedResponse, OUTER, SHADOW, STANDS_FOR } from './symbols.ts'
import { answerInstead, tap } from './tap.ts'
import { setFields, watchReads } from './watch.ts'

/** What a framework adds to a request on its way through the cache. */
export interface Passage {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly head: RequestHead
  /** Handed to the functions of the mount's options. */
  readonly native: unknown
  /** Runs the handler. */
  readonly next: () => unknown
  /** Told when deciding failed: a fault in a function of the mount's options. */
  readonly fail: (error: unknown) => void
  /** The listener from which the handler can be run again. */
  readonly root: Listener
}

/** Where a mount answers and records: both on the same layer, so that what lies outside it is applied once. */
export interface Outlet<P extends Passage> {
  /** Answers from the cache. */
  answer(passage: P, reply: Reply): void
  /** Runs the handler and records what it answers. */
  forward(passage: P, exchange: Exchange): unknown
}

/** Answers and records on the response itself. */
const responseOutlet: Outlet<Passage> = {
  answer({ response }, reply) {
    sendReply(response, reply)
  },
  forward({ response, next }, exchange) {
    tap(response, exchange)
    return next()
  },
}

/** A mount on a server: answers from the cache, or lets the handler answer and records it. */
export class ServerMount {
  readonly mount: Mount
  readonly #shadows: ShadowRunner
  readonly #definesKey: boolean
  readonly #isUnnamed: boolean

  /** `isUnnamed`: the cache is the one that all mounts of the process share unless told otherwise. */
  constructor(mount: Mount, shadows: ShadowRunner, isUnnamed: boolean) {
    this.mount = mount
    this.#isUnnamed = isUnnamed
    this.#shadows = shadows
    this.#definesKey = mount.settings.key !== undefined || mount.settings.vary.length > 0
  }

  /**
   * Applications that share the process-wide cache only because no other was named do not share entries: Host is the
   * client's to choose, and would open one application's answers to the clients of another.
   */
  realmOf(application: Listener): string | undefined {
    return this.#isUnnamed ? realmOf(application) : undefined
  }

  /** One request. Returns what `next` returned where the handler was run at once. */
  serve<P extends Passage>(passage: P, outlet: Outlet<P> = responseOutlet): unknown {
    const marked = passage.request as MarkedRequest
    if (marked[OUTER] !== undefined) return this.#nested(marked[OUTER], passage)
    if (marked[SHADOW] !== undefined) return this.#shadowed(marked, passage, outlet)
    const decision = this.mount.lookup(passage.head, passage.native)
    if (!(decision instanceof Promise)) return this.#act(decision, passage, outlet)
    return decision.then((settled) => this.#act(settled, passage, outlet), passage.fail)
  }

  #act<P extends Passage>(decision: Decision, passage: P, outlet: Outlet<P>): unknown {
    // While a store or another's answer was waited for, the client may have left or a layer outside have answered.
    const isLate = isGone(passage.response) || passage.response.headersSent
    switch (decision.kind) {
      case 'hit':
      case 'forbidden':
        return isLate ? dismiss(decision.reply) : answerUnasked(passage, outlet, decision.reply)
      case 'stale':
        try {
          if (isLate) dismiss(decision.reply)
          else answerUnasked(passage, outlet, decision.reply)
        } finally {
          if (decision.refresh !== undefined) this.refresh(passage.root, decision.refresh)
        }
        return
      case 'miss':
      case 'validate':
        return isLate ? decision.exchange.abandon() : this.#forward(decision.exchange, passage, outlet)
    }
  }

  #forward<P extends Passage>(exchange: Exchange, passage: P, outlet: Outlet<P>): unknown {
    const marked = passage.request as MarkedRequest
    marked[OUTER] = exchange
    setConditions(marked, exchange)
    watchReads(marked, passage.response, exchange, this.mount.settings)
    const { method } = exchange.request
    // TRACE and the like neither store nor invalidate anything.
    if (method !== 'GET' && method !== 'HEAD' && !isUnsafe(method)) return passage.next()
    return outlet.forward(passage, exchange)
  }

  /** Within another mount: only the rule counts. */
  #nested(outer: Exchange, { next }: Passage): unknown {
    if (this.#definesKey) {
      throw new TypeError(
        'cache(): key and vary have no effect within another cache mount, which has looked the request up already; ' +
          'give them to the outer mount, or take the outer mount off this route',
      )
    }
    outer.addRule(this.mount.settings.rule)
    return next()
  }

  /** The request was made to record an answer: there is nothing to look up. */
  #shadowed<P extends Passage>(marked: MarkedRequest, passage: P, outlet: Outlet<P>): unknown {
    const shadow = marked[SHADOW]
    if (shadow?.mount !== this.mount) return passage.next()
    shadow.reached = true
    return this.#forward(shadow.exchange, passage, outlet)
  }

  /** Runs the handler behind a stale answer. */
  refresh(root: Listener, exchange: Exchange): void {
    const may = this.mount.mayRefresh(exchange)
    if (may === true) this.#refreshNow(root, exchange)
    else void may.then((isOurs) => isOurs && this.#refreshNow(root, exchange))
  }

  #refreshNow(root: Listener, exchange: Exchange): void {
    const { settings } = this.mount
    this.#shadows.run(root, exchange, settings.refreshTimeout).then(
      (ok) => this.mount.tellRefresh(exchange.request, ok),
      (error: unknown) => this.mount.tellRefresh(exchange.request, false, error),
    )
  }

  /**
   * Runs the handler for warming; resolves with whether the answer was stored. There is no request: the options'
   * functions are handed `head`.
   */
  warm(root: Listener, head: RequestHead, signal: AbortSignal | undefined): Promise<boolean> {
    return this.#shadows.run(root, this.mount.warming(head, head), this.mount.settings.refreshTimeout, signal)
  }

  /** The handler threw before it answered: a stale answer where that is allowed. True if one was sent. */
  static lost(request: IncomingMessage, response: ServerResponse): boolean {
    const exchange = (request as MarkedRequest)[OUTER]
    if (exchange === undefined || response.headersSent) return false
    const reply = exchange.lost()
    if (reply === undefined) return false
    ;(response as MarkedResponse)[STANDS_FOR] = 'lost'
    answerInstead(response, reply)
    return true
  }
}

/** Answers without running the handler, and leaves a note of that for layers outside which judge it. */
function answerUnasked<P extends Passage>(passage: P, outlet: Outlet<P>, reply: Reply): void {
  ;(passage.response as MarkedResponse)[STANDS_FOR] = 'unasked'
  outlet.answer(passage, reply)
}

const realms = new WeakMap<Listener, string>()
let applications = 0

function realmOf(application: Listener): string {
  let realm = realms.get(application)
  if (realm === undefined) {
    realm = String(++applications)
    realms.set(application, realm)
  }
  return realm
}

const REPLACED = ['if-none-match', 'if-modified-since', 'if-match', 'if-unmodified-since', 'if-range', 'range']

/** The stored response's validators in place of the client's own conditions, which the cache answers itself. */
function setConditions(request: MarkedRequest, exchange: Exchange): void {
  const { conditions } = exchange
  if (conditions === undefined) return
  const headers = { ...request.headers }
  for (const name of REPLACED) delete headers[name]
  Object.assign(headers, conditions)
  setFields(request, headers)
}
