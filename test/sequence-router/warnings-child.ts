/** Answers one stream in Koa through cache and compression, and prints what Node warns of: vitest hears other warnings. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { primes } from 'breakwater'
import { cache, compression, sequenceRouter } from 'breakwater/koa'
import Koa from 'koa'

process.on('warning', ({ name, message }) => console.log(`${name}: ${message}`))

const app = new Koa()
app.use(compression())
app.use(cache({}))
app.use(sequenceRouter({ prefix: '/primes', sequence: primes }))
const server = app.listen(0, '127.0.0.1')
await once(server, 'listening')
const { port } = server.address() as AddressInfo
const asked = { headers: { accept: 'application/x-ndjson', 'accept-encoding': 'gzip' } }
const answer = await fetch(`http://127.0.0.1:${port}/primes/terms?limit=5`, asked)
console.log(answer.headers.get('content-encoding'), (await answer.text()).split('\n').length - 1)
// Warnings come a turn later.
await sleep(50)
process.exit()
