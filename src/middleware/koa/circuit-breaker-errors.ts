import type { Middleware } from 'koa'
import { type CircuitErrorsOptions, refusalOf } from '../node/circuit-errors.ts'
import { markInstead } from '../node/problem.ts'
import { putProblem } from './problem.ts'

/**
 * Answers a call that a circuit breaker refused inside a middleware, such as one of the undici interceptor, 503 with
 * Retry-After and a problem document: `app.use(circuitBreakerErrors())`, before the routes. The refusal may be the cause
 * of what was thrown. Other errors, and those after the head was sent, go on.
 *
 * @throws TypeError with the value quoted.
 */
export function circuitBreakerErrors(options: CircuitErrorsOptions = {}): Middleware {
  const problemOf = refusalOf(options)
  return async (ctx, next) => {
    try {
      await next()
    } catch (error) {
      const problem = ctx.headerSent || ctx.respond === false ? undefined : problemOf(error)
      if (problem === undefined) throw error
      markInstead(ctx.res)
      putProblem(ctx, problem)
    }
  }
}
