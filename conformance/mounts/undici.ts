import type { RequestListener } from 'node:http'
import { pipeline } from 'node:stream'
import { cache } from 'breakwater/undici'
import { Agent } from 'undici'
import { answerLost, forwardedFields, relayedLines, relayInterim } from '../forward.ts'
import type { Policy } from '../subjects.ts'

/** A plain proxy that asks the origin through undici, where the cache is. */
export function mounted(originPort: number, policy: Policy): RequestListener {
  // Not `type: 'private'`: a proxy serves everybody. No connection is used twice, see forward.ts.
  const dispatcher = new Agent({ pipelining: 0 }).compose(cache({ policy }))
  return (request, response) => {
    const hasBody =
      request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined
    dispatcher
      .request({
        origin: `http://127.0.0.1:${originPort}`,
        path: request.url ?? '/',
        method: request.method ?? 'GET',
        headers: forwardedFields({ ...request.headers }),
        body: hasBody ? request : null,
        onInfo: ({ statusCode, headers }) => relayInterim(response, statusCode, headers),
      })
      .then(({ statusCode, statusText, headers, body }) => {
        const lines = Object.entries(headers).flatMap(([name, value]) =>
          [value].flat().flatMap((line) => [name, line ?? '']),
        )
        response.writeHead(statusCode, statusText, relayedLines(lines))
        pipeline(body, response, () => {})
      })
      .catch(() => answerLost(response))
  }
}
