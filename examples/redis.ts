/** Memory before Redis, so that several processes share one cache. While Redis is away they answer without it. */
import type { AddressInfo } from 'node:net'
import { memoryStore, ResponseCache, tieredStore } from 'breakwater'
import { cache, setCachePolicy } from 'breakwater/express'
import { redisStore } from 'breakwater/stores/redis'
import express from 'express'

const redis = redisStore({ url: process.env.REDIS_URL ?? 'redis://127.0.0.1:6379' })
const responses = new ResponseCache({ store: tieredStore(memoryStore(), redis) })
const app = express()

app.use(cache({ cache: responses, ttl: 60_000 }))

app.get('/', (_request, response) => {
  setCachePolicy(response, { groups: ['front-page'] })
  response.send(`Process ${process.pid} made this at ${new Date().toISOString()}\n`)
})

app.delete('/', async (_request, response) => {
  await responses.purge({ group: 'front-page' })
  response.sendStatus(204)
})

// Not needed, for the first request connects as well; but what is wrong is said here.
await redis.ready().catch((error: Error) => console.error(error.message))

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})
