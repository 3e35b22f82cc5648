/** An app behind nginx: it encodes, and says how long each answer may be kept. nginx keeps what was encoded. */
import type { AddressInfo } from 'node:net'
import { compression } from 'breakwater/express'
import express from 'express'

const app = express()
app.set('trust proxy', 'loopback')
app.use(compression())

app.get('/api/fibonacci', (request, response) => {
  const count = Math.min(Number(request.query.count) || 10, 1000)
  // Without Cache-Control nginx would ask for it each time.
  response.set('Cache-Control', 'public, max-age=60')
  response.json({ results: fibonacci(count) })
})

app.get('/api/ticks', (_request, response) => {
  // nginx would collect the events otherwise.
  response.set({ 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no' })
  const tick = () => void response.write(`data: ${new Date().toISOString()}\n\n`)
  const timer = setInterval(tick, 1000)
  response.on('close', () => clearInterval(timer))
  tick()
})

/** As decimal digits: readers of JSON would round the numbers. */
function fibonacci(count: number): string[] {
  let [current, next] = [0n, 1n]
  return Array.from({ length: count }, () => {
    const digits = String(current)
    ;[current, next] = [next, current + next]
    return digits
  })
}

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/api/fibonacci?count=1000`)
})
