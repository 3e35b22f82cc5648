import type { RequestListener } from 'node:http'
import { type Listening, listen } from '../listen.ts'
import { events } from './events.ts'
import { home } from './home.ts'
import { news } from './news.ts'
import { picture } from './picture.ts'
import { product, products } from './products.ts'
import { report } from './report.ts'
import { send } from './send.ts'
import { unsteady } from './unsteady.ts'

const pages: Readonly<Record<string, RequestListener>> = {
  '/': home,
  '/events': events,
  '/news': news,
  '/picture.svg': picture,
  '/products': products,
  '/report': report,
  '/unsteady': unsteady,
}

/** A small service of its own on a free port, for the gateway to stand in front of. */
export function startOrigin(): Promise<Listening> {
  return listen((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://origin')
    const page = pages[pathname] ?? (pathname.startsWith('/products/') ? product : notFound)
    page(request, response)
  }, 0)
}

const notFound: RequestListener = (request, response) => {
  send(request, response, { status: 404, type: 'text/plain; charset=utf-8', body: 'There is nothing here.\n' })
}
