import type { ResponseCache } from 'breakwater'
import { cache } from 'breakwater/express'
import express, { type ErrorRequestHandler, type Express } from 'express'
import { forward } from './forward.ts'
import type { Upstream } from './upstream.ts'

/** The cache, and behind it the way to the origin. What is stored, and for how long, the origin's answers say. */
export function gateway(upstream: Upstream, responses: ResponseCache): Express {
  const app = express()
  app.disable('x-powered-by')
  app.use(cache(responses))
  app.use((request, response) => forward(upstream, request, response))
  app.use(badGateway)
  return app
}

const badGateway: ErrorRequestHandler = (error, _request, response, next) => {
  if (response.headersSent) return next(error)
  const { code = 'an unusual answer' } = error as { code?: string }
  response.status(502).type('text/plain').send(`Bad gateway: the origin gave no answer (${code}).\n`)
}
