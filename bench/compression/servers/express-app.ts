import express, { type RequestHandler } from 'express'
import { CACHE_CONTROL } from '../../answer.ts'
import type { Listener } from '../../subjects/subject.ts'
import { IMAGE, PRODUCTS, SMALL } from '../documents.ts'
import { raw } from './raw.ts'
import type { MakeServer, Settings } from './server.ts'

/** The routes of all servers, behind `first`. */
export function expressApp({ ran }: Settings, ...first: RequestHandler[]): Listener {
  const app = express()
  for (const middleware of first) app.use(middleware)
  app.get('/same', (_request, response) => {
    ran()
    response.set('Cache-Control', CACHE_CONTROL).json({ count: 0, products: PRODUCTS })
  })
  let count = 0
  app.get('/different', (_request, response) => {
    ran()
    response.json({ count: ++count, products: PRODUCTS })
  })
  app.get('/small', (_request, response) => {
    ran()
    response.json(SMALL)
  })
  app.get('/image', (_request, response) => {
    ran()
    response.type('image/png').send(IMAGE)
  })
  return app
}

export const expressAlone: MakeServer = (settings) => expressApp(settings)

/** What any middleware costs. */
export const expressNext: MakeServer = (settings) => expressApp(settings, (_request, _response, next) => next())

/** What any middleware costs that answers what it knows beforehand. */
export const expressRaw: MakeServer = (settings) => {
  const write = raw(settings)
  return expressApp(settings, (request, response) => void write(request, response))
}
