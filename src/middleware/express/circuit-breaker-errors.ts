import type { ErrorRequestHandler } from 'express'
import { type CircuitErrorsOptions, refusalOf } from '../node/circuit-errors.ts'
import { markInstead, sendProblem } from '../node/problem.ts'

/**
 * Answers a call that a circuit breaker refused inside a handler, such as one of the undici interceptor, 503 with
 * Retry-After and a problem document: `app.use(circuitBreakerErrors())`, behind the routes. The refusal may be the cause
 * of what was thrown. Other errors, and those after the head was sent, go on.
 *
 * @throws TypeError with the value quoted.
 */
export function circuitBreakerErrors(options: CircuitErrorsOptions = {}): ErrorRequestHandler {
  const problemOf = refusalOf(options)
  return (error, _request, response, next) => {
    const problem = response.headersSent ? undefined : problemOf(error)
    if (problem === undefined) return next(error)
    markInstead(response)
    sendProblem(response, problem)
  }
}
