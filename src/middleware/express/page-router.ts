import type { Request, RequestHandler, Response } from 'express'
import { receivedUrl } from '../node/embedded.ts'
import { type PageAnswer, preparePageAnswer } from '../node/page-answer.ts'
import { PageEndpoint, type PageRouterOptions } from '../node/page-endpoint.ts'
import { type ExpressRequest, trustedOrigin } from './app.ts'

/**
 * Pages of a list: `app.use('/books', pageRouter({ source: books }))`, or as the handler of a route. It answers GET and
 * HEAD of its own path, and lets all else pass.
 *
 * @throws TypeError or RangeError with the value quoted.
 */
export function pageRouter<Item>(options: PageRouterOptions<Item, Request>): RequestHandler {
  const endpoint = new PageEndpoint<Item, Request>(options)
  const handler: RequestHandler = (request, response, next) => {
    const own = request as unknown as ExpressRequest
    const origin = trustedOrigin(own)
    const isRouted = isHandlerOf(request, handler)
    endpoint
      .answer({ request, response, native: request, target: receivedUrl(own), origin, isRouted })
      .then((answer) => (answer.kind === 'pass' ? next() : send(answer, response)))
      .catch(next)
  }
  return handler
}

/** Whether it stands in the route that is being run: then Express has compared the path. */
function isHandlerOf({ route }: Request, handler: RequestHandler): boolean {
  const { stack } = Object(route) as { readonly stack?: readonly { readonly handle?: unknown }[] }
  return Array.isArray(stack) && stack.some(({ handle }) => handle === handler)
}

function send(answer: Exclude<PageAnswer, { kind: 'pass' }>, response: Response): void {
  if (answer.kind === 'gone') return
  const { status, body } = preparePageAnswer(response, answer)
  response.statusCode = status
  response.end(body)
}
