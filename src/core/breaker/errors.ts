import type { BreakerState } from './state.ts'

/**
 * Why a call was refused. `open`: the upstream is given time; `half-open`: probes are under way and decide;
 * `isolated`: an operator said so; `concurrency`: `maxConcurrent` calls are under way.
 */
export type RefusalReason = 'open' | 'half-open' | 'isolated' | 'concurrency'

/**
 * A breaker refused a call: the upstream was not asked. It has no stack trace, because there may be thousands of them a
 * second, and where a call was refused tells nothing.
 */
export class CircuitOpenError extends Error {
  // On the prototype, where it costs nothing for each error.
  declare readonly name: 'CircuitOpenError'
  declare readonly code: 'CIRCUIT_OPEN'
  /** The breaker's name; in a registry, its key. */
  readonly breaker: string
  readonly reason: RefusalReason
  /** The state of the circuit when it refused. */
  readonly state: BreakerState
  /** After how many ms trying again makes sense, whole. 0 where nobody knows: every reason but `open`. */
  readonly retryAfter: number

  constructor(breaker: string, reason: RefusalReason, state: BreakerState, retryAfter: number) {
    const limit = Error.stackTraceLimit
    // Reflect.set: where the intrinsics are frozen it gives false instead of throwing.
    Reflect.set(Error, 'stackTraceLimit', 0)
    super(sentence(breaker, reason, retryAfter))
    Reflect.set(Error, 'stackTraceLimit', limit)
    this.breaker = breaker
    this.reason = reason
    this.state = state
    this.retryAfter = retryAfter
  }

  static {
    Object.defineProperties(CircuitOpenError.prototype, {
      name: { value: 'CircuitOpenError', configurable: true, writable: true },
      code: { value: 'CIRCUIT_OPEN', configurable: true, writable: true, enumerable: true },
    })
  }
}

function sentence(breaker: string, reason: RefusalReason, retryAfter: number): string {
  switch (reason) {
    case 'open':
      return `${breaker} is open because its upstream failed: try again in ${retryAfter} ms, or answer without it`
    case 'half-open':
      return `${breaker} is half-open and its probes are under way: try again soon, or answer without it`
    case 'isolated':
      return `${breaker} is isolated by an operator: answer without it until it is reset`
    case 'concurrency':
      return `${breaker} has as many calls under way as maxConcurrent allows: send fewer at once, or try again soon`
  }
}
