/** A server of large streamed answers that tells its parent the most memory it used. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { shield } from 'breakwater/node'

const size = 200 * 1024 * 1024
const block = Buffer.alloc(64 * 1024, 'x')
let runs = 0

async function stream(request: IncomingMessage, response: ServerResponse): Promise<void> {
  runs++
  if (request.url?.includes('known')) response.setHeader('Content-Length', size)
  for (let sent = 0; sent < size && !response.destroyed; sent += block.length) {
    if (!response.write(block)) await drained(response)
  }
  response.end()
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done)
      resolve()
    }
    response.on('drain', done).on('close', done)
  })
}

const shielded = shield(stream, { cache: { ttl: 60_000 } })
const server = createServer((request, response) => {
  const listener = request.url?.startsWith('/bare') ? stream : shielded
  void listener(request, response)
})

let most = 0
setInterval(() => {
  most = Math.max(most, process.memoryUsage.rss())
}, 5)
process.on('message', () => {
  process.send?.({ most, runs })
  most = process.memoryUsage.rss()
})
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
