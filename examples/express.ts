/** A page that is slow to make, made once and served from memory while it is refreshed behind. */
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { ResponseCache } from 'breakwater'
import { cache, setCachePolicy } from 'breakwater/express'
import express from 'express'

const responses = new ResponseCache()
const app = express()

app.use(cache({ cache: responses, ttl: 60_000, staleWhileRevalidate: 600_000 }))

app.get('/products/:id', async (request, response) => {
  await sleep(500)
  setCachePolicy(response, { groups: [`product-${request.params.id}`] })
  response.json({ id: request.params.id, made: new Date() })
})

app.put('/products/:id', async (request, response) => {
  await responses.purge({ group: `product-${request.params.id}` })
  response.sendStatus(204)
})

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/products/42`)
})
