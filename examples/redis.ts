/** The cache on Redis, so that several processes share it. While Redis is away they answer without it. */
import type { AddressInfo } from 'node:net'
import KeyvRedis from '@keyv/redis'
import { keyvStore, ResponseCache } from 'breakwater'
import { cache } from 'breakwater/express'
import express from 'express'
import Keyv from 'keyv'

const redis = new KeyvRedis(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379')
const store = keyvStore(new Keyv(redis, { namespace: 'responses' }))
const responses = new ResponseCache({ store, storeTimeout: 50 })
const app = express()

app.use(cache({ cache: responses, ttl: 60_000 }))

app.get('/', (_request, response) => {
  response.send(`Process ${process.pid} made this at ${new Date().toISOString()}\n`)
})

app.delete('/', async (request, response) => {
  await responses.purge({ url: `${request.protocol}://${request.host}/` })
  response.sendStatus(204)
})

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})
