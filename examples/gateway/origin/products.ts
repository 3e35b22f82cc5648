import type { RequestListener } from 'node:http'
import { sendJson } from './send.ts'

const names = ['anchor', 'beacon', 'buoy', 'capstan', 'cleat', 'fender', 'hawser', 'jetty', 'lantern', 'sextant']
const all = names.map((name, index) => ({ id: index + 1, name, price: 1900 + 350 * index }))
const minutes = 'max-age=60, stale-while-revalidate=600'

export const products: RequestListener = (request, response) => {
  sendJson(request, response, all, { cache: minutes, groups: ['products'] })
}

export const product: RequestListener = (request, response) => {
  const found = all.find(({ id }) => request.url === `/products/${id}`)
  if (found === undefined) {
    sendJson(request, response, { error: 'There is no such product.' }, { status: 404, cache: 'max-age=5' })
  } else sendJson(request, response, found, { cache: minutes, groups: ['products', `product-${found.id}`] })
}
