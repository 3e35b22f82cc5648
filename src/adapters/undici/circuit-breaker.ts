import { tryEnter } from '../../core/breaker/breaker.ts'
import { CircuitOpenError } from '../../core/breaker/errors.ts'
import { quote } from '../../core/options.ts'
import { answerInstead } from './breaker-fallback.ts'
import { GuardedHandler } from './breaker-handler.ts'
import { type BreakerMount, breakerMount, type UndiciBreakerOptions } from './breaker-options.ts'
import { namelessOrigin, parseOrigin } from './origin.ts'
import type { Dispatch, DispatchOptions, Handler, Interceptor } from './types.ts'

/**
 * Circuit breakers for the requests that this process sends, one for each origin: `new Agent().compose(circuitBreaker())`.
 * `setGlobalDispatcher` of undici makes them serve `fetch` too. A refused request ends with a CircuitOpenError, or with
 * the `fallback`, and no socket is touched.
 *
 * Whether a request was slow is measured to the response head, whether it failed is judged at the end of the body.
 *
 * @throws TypeError or RangeError for an option it cannot use.
 */
export function circuitBreaker(options: UndiciBreakerOptions = {}): Interceptor {
  const mount = breakerMount(options)
  return (dispatch) => {
    const guarded = new GuardedDispatch(mount, dispatch)
    return (opts, handler) => guarded.dispatch(opts, handler)
  }
}

/** One dispatch function with breakers before it. */
class GuardedDispatch {
  readonly #mount: BreakerMount
  readonly #next: Dispatch
  readonly #nameless = namelessOrigin()

  constructor(mount: BreakerMount, next: Dispatch) {
    this.#mount = mount
    this.#next = next
  }

  dispatch(opts: DispatchOptions, handler: Handler): boolean {
    if (!this.#isMeant(opts, handler)) return this.#next(opts, handler)
    let key: string | undefined
    try {
      key = this.#keyOf(opts)
    } catch (error) {
      return refuse(handler, error as Error)
    }
    return key === undefined ? this.#next(opts, handler) : this.#send(key, opts, handler)
  }

  #send(key: string, opts: DispatchOptions, handler: Handler): boolean {
    const { registry, fallback } = this.#mount
    const entered = tryEnter(registry.of(key))
    if (entered instanceof CircuitOpenError) {
      if (fallback === undefined) return refuse(handler, entered)
      answerInstead(fallback, entered, opts, handler)
      return true
    }
    try {
      return this.#next(opts, new GuardedHandler(handler, entered, opts, this.#mount))
    } catch (error) {
      // Thrown in place of told to the handler: what was asked for cannot be sent.
      entered.release()
      throw error
    }
  }

  /** What is no request is undici's to refuse. */
  #isMeant(opts: DispatchOptions, handler: Handler): boolean {
    if (typeof opts?.method !== 'string' || typeof handler !== 'object' || handler === null) return false
    const { methods, origins } = this.#mount
    return methods?.has(opts.method) !== false && origins?.includes(opts.origin) !== false
  }

  #keyOf(opts: DispatchOptions): string | undefined {
    const { key } = this.#mount
    if (key === undefined) return opts.origin ? parseOrigin(opts.origin)?.name : this.#nameless.name
    const given: unknown = key(opts)
    if (given === undefined || (typeof given === 'string' && given !== '')) return given
    throw new TypeError(`key must give a string that is not empty, or undefined, not ${quote(given)}`)
  }
}

/** True, because the dispatcher can take more at once: for a false one waits for `drain`. */
function refuse(handler: Handler, error: Error): boolean {
  if (typeof handler.onResponseError !== 'function') throw error
  handler.onResponseError(null as never, error)
  return true
}
