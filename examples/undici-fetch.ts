/** A cache for the requests that a process sends: here for its `fetch`, to a small service in the same file. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { cache } from 'breakwater/undici'
import { Agent, setGlobalDispatcher } from 'undici'

const service = createServer((_request, response) => {
  response.setHeader('Cache-Control', 'max-age=60')
  response.end(`Made at ${new Date().toISOString()}\n`)
})
service.listen(0, '127.0.0.1')
await once(service, 'listening')
const address = `http://127.0.0.1:${(service.address() as AddressInfo).port}`

setGlobalDispatcher(new Agent().compose(cache()))

for (let i = 0; i < 2; i++) {
  const response = await fetch(address)
  console.log(response.headers.get('cache-status'), await response.text())
}
service.close()
