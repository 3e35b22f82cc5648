/** Fibonacci and prime numbers over HTTP, each page made once, compressed and kept. */
import type { AddressInfo } from 'node:net'
import { fibonacci, primes, ResponseCache } from 'breakwater'
import { cache, compression, sequenceRouter } from 'breakwater/express'
import express from 'express'

const app = express()

app.use(compression())
app.use(cache(new ResponseCache()))
app.use('/fibonacci', sequenceRouter({ sequence: fibonacci }))
app.use('/api/fibonacci', sequenceRouter({ sequence: fibonacci, counted: 'exact' }))
app.use('/primes', sequenceRouter({ sequence: primes }))

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/fibonacci/terms?start=1000&limit=10`)
})
