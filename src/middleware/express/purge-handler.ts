import type { Request, RequestHandler } from 'express'
import { PurgeEndpoint, type PurgeHandlerOptions, sendPurgeAnswer } from '../node/purge.ts'
import { type ExpressRequest, resolvedOrigin } from './app.ts'

/**
 * Answers HTTP PURGE for the request's own URL and lets everything else pass: `app.use(purgeHandler({ authorize }))`.
 * Without `authorize` every PURGE is answered 403.
 *
 * @throws TypeError with the value quoted.
 */
export function purgeHandler(options: PurgeHandlerOptions<Request> = {}): RequestHandler {
  const endpoint = new PurgeEndpoint<Request>(options)
  return (request, response, next) => {
    if (request.method !== 'PURGE') return next()
    const own = request as unknown as ExpressRequest
    endpoint
      .answer(request, request, resolvedOrigin(own), own.originalUrl)
      .then((answer) => sendPurgeAnswer(response, answer))
      .catch(next)
  }
}
