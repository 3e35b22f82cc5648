import type { Request, RequestHandler, Response } from 'express'
import { CircuitOpenError } from '../../core/breaker/errors.ts'
import { isGone } from '../node/answer.ts'
import { CircuitMount, type CircuitMountOptions } from '../node/circuit-mount.ts'
import { markInstead, sendProblem } from '../node/problem.ts'
import { watchServing } from '../node/serving.ts'

/** Answers in place of a refused call. What it throws goes to the error handlers. */
type ExpressFallback = (request: Request, response: Response, error: CircuitOpenError) => unknown

/**
 * Circuit breaker for what Express 4 and 5 run behind it: `app.use('/orders', circuitBreaker({ name: 'orders' }))`.
 * A call lasts until the handler's `end()`, and fails with a 500, 502, 503 or 504, thrown errors included, or where its
 * response breaks off. Refused requests are answered 503 with Retry-After and a problem document (RFC 9457).
 *
 * Mounted inside `cache()`, a refusal is answered stale where nothing forbids it.
 *
 * @throws TypeError or RangeError with the value quoted.
 */
export function circuitBreaker(options: CircuitMountOptions<Request, ExpressFallback> = {}): RequestHandler {
  const mount = new CircuitMount<Request, ExpressFallback>(options)
  return (request, response, next) => {
    const entered = isGone(response) ? undefined : mount.enter(request)
    if (entered instanceof CircuitOpenError) {
      refuse(mount, entered, request, response).catch(next)
      return
    }
    if (entered !== undefined) watchServing(response, entered)
    next()
  }
}

async function refuse(
  mount: CircuitMount<Request, ExpressFallback>,
  error: CircuitOpenError,
  request: Request,
  response: Response,
): Promise<void> {
  markInstead(response)
  if (mount.fallback === undefined) sendProblem(response, mount.problem(error))
  else await mount.fallback(request, response, error)
}
