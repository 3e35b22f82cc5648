import type { RequestListener } from 'node:http'
import { send, sendJson } from './send.ts'

let asked = 0

/** Fails every second time. Its last good answer, fresh for a second, stands in for an hour. */
export const unsteady: RequestListener = (request, response) => {
  if (++asked % 2 === 0) {
    send(request, response, { status: 503, type: 'text/plain; charset=utf-8', body: 'Out of order.\n' })
  } else sendJson(request, response, { asked }, { cache: 'max-age=1, stale-if-error=3600' })
}
