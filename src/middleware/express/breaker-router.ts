import type { NextFunction, Request, RequestHandler, Response } from 'express'
import type { BreakerFeed } from '../node/breaker-feed.ts'
import { BreakerPanel, type BreakerRouterOptions, type PanelAnswer } from '../node/breaker-panel.ts'
import { preparePanelAnswer } from '../node/panel-answer.ts'
import { type ExpressRequest, resolvedOrigin } from './app.ts'

/**
 * Circuit breakers for operators: `app.use('/breakers', breakerRouter({ registry, authorize }))`. Lists them, shows one,
 * takes commands by POST and streams what happens as server-sent events. Without `authorize` all of it is answered 403.
 *
 * @throws TypeError or RangeError with the value quoted.
 */
export function breakerRouter(options: BreakerRouterOptions<Request>): RequestHandler {
  const panel = new BreakerPanel<Request>(options)
  return (request, response, next) => {
    panel
      .answer(request, request, resolvedOrigin(request as unknown as ExpressRequest))
      .then((answer) => send(answer, panel.feed, response, next))
      .catch(next)
  }
}

function send(answer: PanelAnswer, feed: BreakerFeed, response: Response, next: NextFunction): void {
  switch (answer.kind) {
    case 'pass':
      return next()
    case 'events':
      return feed.send(response, response.req.method)
    default: {
      const { status, body } = preparePanelAnswer(response, answer)
      response.statusCode = status
      response.end(body)
    }
  }
}
