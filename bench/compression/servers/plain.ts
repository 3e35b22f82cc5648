import { shield } from '../../../dist/middleware/node/index.js'
import { CACHE_CONTROL, CONTENT_TYPE } from '../../answer.ts'
import type { Listener } from '../../subjects/subject.ts'
import { IMAGE, PRODUCTS, SMALL } from '../documents.ts'
import type { MakeServer, Settings } from './server.ts'

/** The routes without a framework. */
const plain =
  ({ ran }: Settings): Listener =>
  (request, response) => {
    ran()
    if (request.url === '/image') {
      response.writeHead(200, { 'Content-Type': 'image/png', 'Content-Length': IMAGE.length }).end(IMAGE)
      return
    }
    const isSmall = request.url === '/small'
    const body = Buffer.from(JSON.stringify(isSmall ? SMALL : { count: 0, products: PRODUCTS }))
    const lifetime = isSmall ? {} : { 'Cache-Control': CACHE_CONTROL }
    response.writeHead(200, { 'Content-Type': CONTENT_TYPE, 'Content-Length': body.length, ...lifetime }).end(body)
  }

export const plainAlone: MakeServer = plain

export const shieldOurs: MakeServer = (settings) => shield(plain(settings), { compression: {} })

export const shieldCached: MakeServer = (settings) => shield(plain(settings), { cache: {}, compression: {} })
