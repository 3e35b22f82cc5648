/** One server in a process of its own; tells its CPU time when asked. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { settings } from '../settings.ts'
import { SERVERS, type ServerName } from './servers/index.ts'
import type { EncodedAnswer } from './servers/server.ts'

const { name, answer } = await settings<{ name: ServerName; answer?: EncodedAnswer | undefined }>()
let requests = 0
let runs = 0
const make = await SERVERS[name]()
const listener = make({ answer, ran: () => void runs++ })
const server = createServer((request, response) => {
  requests++
  listener(request, response)
})

process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send?.({ cpu: user + system, requests, runs })
})
process.on('disconnect', () => process.exit())

server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
