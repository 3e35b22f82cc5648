/** A server of streams behind compression, in a process of its own, that tells how much it holds. */
import { randomBytes } from 'node:crypto'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { shield } from 'breakwater/node'

/** Bytes that the handler has written, over all answers. */
let written = 0
let running = 0

/** Writes items that are new each time and cannot be made smaller, for as long as somebody takes them. */
async function stream(response: ServerResponse, bytes: number): Promise<void> {
  running++
  response.writeHead(200, { 'Content-Type': 'application/x-ndjson' })
  while (!response.destroyed) {
    const item = Buffer.from(randomBytes(bytes / 2).toString('hex'), 'latin1')
    for (let i = 0; i < item.length; i += 1024) item[i] = 10
    written += item.length
    if (!response.write(item)) await drained(response)
  }
  running--
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

const sizes: Record<string, number> = { '/items': 16 * 1024, '/large-items': 1024 * 1024 }

const server = createServer(
  shield(
    (request, response) => {
      const size = sizes[request.url ?? '']
      if (size !== undefined) return stream(response, size)
      response.writeHead(200, { 'Content-Type': 'text/plain' }).end('other '.repeat(20_000))
    },
    { compression: { concurrency: 2 } },
  ),
)
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))

let most = 0
setInterval(() => {
  most = Math.max(most, process.memoryUsage.rss())
}, 5).unref()

process.on('message', (message) => {
  if (message === 'collect') for (let i = 0; i < 3; i++) globalThis.gc?.()
  process.send?.({ most, rss: process.memoryUsage.rss(), written, running, handles: process.getActiveResourcesInfo() })
  most = process.memoryUsage.rss()
})
