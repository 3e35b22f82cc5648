/** A shop that answers although a service behind it fails: at once, from memory where it may, and with a panel to look at. */
import type { AddressInfo } from 'node:net'
import { BreakerRegistry } from 'breakwater'
import { breakerRouter, cache, circuitBreaker, circuitBreakerErrors } from 'breakwater/express'
import express from 'express'

const registry = new BreakerRegistry({ consecutiveFailures: 3 })
const app = express()
let works = true

// Anybody on this machine may look and command; a real service asks who it is.
app.use('/breakers', breakerRouter({ registry, authorize: ({ socket }) => socket.remoteAddress === '127.0.0.1' }))
// Outside the breaker: while it is open, the cache answers with what it has.
app.use('/prices', cache(), circuitBreaker({ registry, name: 'prices' }))

app.get('/prices/:id', async (request, response) => {
  if (!works) throw new Error('the price service does not answer')
  response.set('Cache-Control', 'max-age=1').json({ id: request.params.id, price: 42 })
})

app.put('/works/:whether', (request, response) => {
  works = request.params.whether === 'yes'
  response.sendStatus(204)
})

app.use(circuitBreakerErrors())

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})
