import { defineCachedHandler } from 'ocache'
import { CACHE_CONTROL, CONTENT_TYPE, documentOf, ETAG } from '../answer.ts'
import { pause, type Subject } from './subject.ts'

/** ocache takes fetch's Request and gives its Response: the least that joins it to node:http. */
export const ocache: Subject = ({ bytes, delay, ran }) => {
  const handle = defineCachedHandler(
    async ({ req }) => {
      ran()
      if (delay > 0) await pause(delay)
      return new Response(JSON.stringify(documentOf(req.url, bytes)), {
        headers: { 'content-type': CONTENT_TYPE, 'cache-control': CACHE_CONTROL, etag: ETAG },
      })
    },
    { maxAge: 3600, swr: false },
  )
  return async (request, response) => {
    const url = `http://${request.headers.host}${request.url}`
    const answer = (await handle({
      req: new Request(url, { headers: request.headers as Record<string, string> }),
    })) as Response
    response.writeHead(answer.status, Object.fromEntries(answer.headers))
    response.end(Buffer.from(await answer.arrayBuffer()))
  }
}
