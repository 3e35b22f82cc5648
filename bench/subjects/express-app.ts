import express, { type Express, type RequestHandler } from 'express'
import { CACHE_CONTROL, documentOf } from '../answer.ts'
import { pause, type Settings, type Subject } from './subject.ts'

/** A JSON route behind `first`, where there is one. */
export function expressApp({ bytes, delay, ran }: Settings, first?: RequestHandler): Express {
  const app = express()
  if (first !== undefined) app.use(first)
  app.get('/item/:id', async (request, response) => {
    ran()
    if (delay > 0) await pause(delay)
    response.set('Cache-Control', CACHE_CONTROL)
    response.json(documentOf(request.url, bytes))
  })
  return app
}

export const expressAlone: Subject = (settings) => expressApp(settings)
