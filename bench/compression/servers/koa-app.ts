import Koa, { type Middleware } from 'koa'
import { CACHE_CONTROL } from '../../answer.ts'
import type { Listener } from '../../subjects/subject.ts'
import { PRODUCTS } from '../documents.ts'
import type { Settings } from './server.ts'

/** The routes that are measured in Koa, behind `outer`. */
export function koaApp({ ran }: Settings, ...outer: Middleware[]): Listener {
  const app = new Koa()
  // It would print that wrk left.
  app.silent = true
  for (const middleware of outer) app.use(middleware)
  let count = 0
  app.use((context) => {
    ran()
    if (context.path === '/same') {
      context.set('Cache-Control', CACHE_CONTROL)
      context.body = { count: 0, products: PRODUCTS }
    }
    if (context.path === '/different') context.body = { count: ++count, products: PRODUCTS }
  })
  return app.callback()
}
