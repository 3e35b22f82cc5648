/** One server in a process of its own; tells its CPU time when asked. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import express, { type Express } from 'express'
import { fibonacci, ResponseCache } from '../../dist/index.js'
import { cache, sequenceRouter } from '../../dist/middleware/express/index.js'
import { settings } from '../settings.ts'
import { SEQUENCE, type ServerName, type ServerSettings } from './servers.ts'

const { name, answer } = await settings<ServerSettings>()

const SERVERS: Record<ServerName, (app: Express) => void> = {
  'sequence, 304': (app) => app.use(SEQUENCE, sequenceRouter({ sequence: fibonacci })),
  'route, 304': (app) => app.get(`${SEQUENCE}/terms`, (_request, response) => response.status(304).end()),
  'route with the same fields, 304': (app) => {
    app.get(`${SEQUENCE}/terms`, (_request, response) => response.set(answer.fields).status(304).end())
  },
  'sequence, cached': (app) => {
    app.use(cache(new ResponseCache()))
    app.use(SEQUENCE, sequenceRouter({ sequence: fibonacci }))
  },
  'handler, cached': (app) => {
    app.use(cache(new ResponseCache()))
    app.get(`${SEQUENCE}/terms`, (_request, response) => {
      response.set({ ...answer.fields, ...answer.content }).send(answer.body)
    })
  },
}

let requests = 0
const app = express()
SERVERS[name](app)
const server = createServer((request, response) => {
  requests++
  app(request, response)
})

process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send?.({ cpu: user + system, requests })
})
process.on('disconnect', () => process.exit())

server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
