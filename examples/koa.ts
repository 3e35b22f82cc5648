/** The same cache in Koa; its answers go through whatever middleware is mounted before it. */
import type { AddressInfo } from 'node:net'
import { cache, setCachePolicy } from 'breakwater/koa'
import Koa from 'koa'

const app = new Koa()

app.use(cache({ ttl: 60_000 }))

app.use((ctx) => {
  if (ctx.path === '/now') {
    setCachePolicy(ctx, { ttl: 1_000, staleWhileRevalidate: 60_000 })
    ctx.body = { now: new Date() }
  } else if (ctx.path === '/') ctx.body = 'Kept for a minute\n'
})

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})
