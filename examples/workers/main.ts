/** Digits of pi and long Fibonacci numbers, computed beside the server: it answers others meanwhile. */
import type { AddressInfo } from 'node:net'
import { fibonacci } from 'breakwater'
import { sequenceRouter } from 'breakwater/express'
import { workerPool } from 'breakwater/workers'
import express from 'express'
import { sequence as pi } from './pi.ts'

const app = express()
const workers = workerPool({ maxThreads: 2 })

app.use('/pi', sequenceRouter({ sequence: pi, workers }))
app.use('/fibonacci', sequenceRouter({ sequence: fibonacci, workers }))
app.get('/workers', (_request, response) => {
  response.json(workers.status())
})

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/pi/terms?start=2000&limit=50`)
})
