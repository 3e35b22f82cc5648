import type { Exchange } from '../../core/cache/exchange.ts'
import type { Decision, Mount } from '../../core/cache/mount.ts'
import { dismiss } from '../../core/cache/reply.ts'
import type { Runner } from '../../core/cache/warm.ts'
import { Forwarding } from './forwarding.ts'
import { isOriginLost } from './lost.ts'
import { namelessOrigin, parseOrigin } from './origin.ts'
import type { Origins } from './origins.ts'
import { play } from './play.ts'
import { isForeign, requestHead, settled } from './request.ts'
import { type KeptHeaders, withConditions } from './request-fields.ts'
import type { Dispatch, DispatchOptions, Handler } from './types.ts'
import { runUnattended } from './unattended.ts'
import { Waiting } from './waiting.ts'

type Signal = ConstructorParameters<typeof Waiting>[1]

/** One dispatch function with a cache before it. */
export class CachedDispatch implements Runner {
  readonly #mount: Mount
  readonly #origins: Origins | undefined
  readonly #next: Dispatch
  readonly #fallback = namelessOrigin()

  constructor(mount: Mount, origins: Origins | undefined, next: Dispatch) {
    this.#mount = mount
    this.#origins = origins
    this.#next = next
  }

  dispatch(original: DispatchOptions, handler: Handler): boolean {
    if (isForeign(original) || this.#origins?.includes(original.origin) === false) return this.#next(original, handler)
    const opts = settled(original)
    const request = requestHead(opts, this.#fallback)
    if (request === undefined) return this.#next(opts, handler)
    const { signal } = opts as { signal?: Signal }
    let decision: Decision | Promise<Decision>
    try {
      decision = this.#mount.lookup(request, opts, signal instanceof AbortSignal ? signal : undefined)
    } catch (error) {
      return refuse(handler, error)
    }
    if (!(decision instanceof Promise)) return this.#act(decision, opts, handler)
    void new Waiting(handler, signal).wait(decision, (decided) => this.#act(decided, opts, handler), giveBack)
    return true
  }

  #act(decision: Decision, opts: DispatchOptions, handler: Handler): boolean {
    switch (decision.kind) {
      case 'hit':
      case 'forbidden':
        play(decision.reply, handler)
        return true
      case 'stale':
        play(decision.reply, handler)
        if (decision.refresh !== undefined) void this.#refresh(decision.refresh, opts)
        return true
      case 'validate':
      case 'miss':
        return this.#forward(decision.exchange, opts, handler)
    }
  }

  #forward(exchange: Exchange, opts: DispatchOptions, handler: Handler): boolean {
    const { conditions } = exchange
    const sent =
      conditions === undefined ? opts : { ...opts, headers: withConditions(opts.headers as KeptHeaders, conditions) }
    try {
      return this.#next(sent, new Forwarding(handler, exchange))
    } catch (error) {
      const reply = isOriginLost(null, error) ? exchange.lost() : undefined
      if (reply !== undefined) {
        play(reply, handler)
        return true
      }
      exchange.abandon()
      return refuse(handler, error)
    }
  }

  async #refresh(exchange: Exchange, opts: DispatchOptions): Promise<void> {
    const { request } = exchange
    if ((await this.#mount.mayRefresh(exchange)) === false) return
    try {
      const { status } = await runUnattended(this.#next, opts, exchange, {
        timeout: this.#mount.settings.refreshTimeout,
      })
      this.#mount.tellRefresh(request, status < 500)
    } catch (error) {
      this.#mount.tellRefresh(request, false, error)
    }
  }

  // Warming

  serves(url: URL): boolean {
    return this.#origins?.includes(url) !== false && parseOrigin(url) !== undefined
  }

  async run(url: URL, signal: AbortSignal | undefined): Promise<boolean> {
    const opts: DispatchOptions = { origin: url.origin, path: url.pathname + url.search, method: 'GET', headers: {} }
    const request = requestHead(opts, this.#fallback)
    if (request === undefined) return false
    const exchange = this.#mount.warming(request, opts)
    return (await runUnattended(this.#next, opts, exchange, { signal })).stored
  }
}

/** Tells of a request that could not be sent, as a dispatcher does. */
function refuse(handler: Handler, error: unknown): boolean {
  if (typeof handler?.onResponseError !== 'function') throw error
  handler.onResponseError(null as never, error as Error)
  return false
}

/** Lets those who wait for this request's answer know that there will be none. */
function giveBack(decision: Decision): void {
  switch (decision.kind) {
    case 'hit':
      return dismiss(decision.reply)
    case 'stale':
      dismiss(decision.reply)
      return decision.refresh?.abandon()
    case 'validate':
    case 'miss':
      return decision.exchange.abandon()
  }
}
