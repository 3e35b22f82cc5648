/** A circuit breaker for the requests that a process sends: here for its `fetch`, to a service that fails for a while. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { circuitBreaker } from 'breakwater/undici'
import { Agent, setGlobalDispatcher } from 'undici'

let isWell = false
let asked = 0
const service = createServer((_request, response) => {
  asked++
  response.writeHead(isWell ? 200 : 503).end(isWell ? 'well again' : 'sorry')
}).listen(0, '127.0.0.1')
await once(service, 'listening')
const address = `http://127.0.0.1:${(service.address() as AddressInfo).port}`

const fallback = { statusCode: 200, body: 'a default' }
setGlobalDispatcher(new Agent().compose(circuitBreaker({ consecutiveFailures: 3, openDuration: 500, fallback })))

const ask = async (): Promise<void> => console.log(await (await fetch(address)).text(), `(asked ${asked} times)`)

for (let i = 0; i < 5; i++) await ask()
isWell = true
await sleep(600)
await ask()
service.close()
