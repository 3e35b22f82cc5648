import { shield } from '../../dist/middleware/node/index.js'
import { CACHE_CONTROL, CONTENT_TYPE, documentOf, ETAG } from '../answer.ts'
import { pause, type Settings, type Subject } from './subject.ts'

const plain: Subject =
  ({ bytes, delay, ran }: Settings) =>
  async (request, response) => {
    ran()
    if (delay > 0) await pause(delay)
    const body = JSON.stringify(documentOf(request.url ?? '/', bytes))
    response.writeHead(200, { 'Content-Type': CONTENT_TYPE, 'Cache-Control': CACHE_CONTROL, ETag: ETAG })
    response.end(body)
  }

/** A plain listener behind `shield`. */
export const shielded: Subject = (settings) => shield(plain(settings), { cache: {} })
