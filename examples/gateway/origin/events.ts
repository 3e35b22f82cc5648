import type { RequestListener } from 'node:http'

/** Server-sent events: one each second. A stream says no-store and passes through the cache untouched. */
export const events: RequestListener = (_request, response) => {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' })
  let count = 0
  const tell = (): void => {
    response.write(`data: ${JSON.stringify({ count: ++count, time: new Date().toISOString() })}\n\n`)
  }
  tell()
  const timer = setInterval(tell, 1000)
  response.once('close', () => clearInterval(timer))
}
