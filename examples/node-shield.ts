/** The cache before any listener: a plain one here, an Express app or `app.callback()` just as well. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Listener, shield } from 'breakwater/node'

const listener: Listener = (request, response) => {
  response.setHeader('Content-Type', 'text/plain; charset=utf-8')
  // The guard sees that the answer depends on this field, so each language has an answer of its own.
  const greeting = request.headers['accept-language']?.startsWith('de') ? 'Guten Tag' : 'Good day'
  response.end(`${greeting}, it is ${new Date().toISOString()}\n`)
}

const server = createServer(shield(listener, { cache: { ttl: 60_000 } }))

server.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})
