/** A circuit for each tenant: what one of them breaks does not close the shop for the others. */
import type { AddressInfo } from 'node:net'
import { BreakerRegistry } from 'breakwater'
import { breakerRouter, circuitBreaker } from 'breakwater/koa'
import Koa, { type Context } from 'koa'

const registry = new BreakerRegistry({ consecutiveFailures: 3 })
const app = new Koa()

// Anybody on this machine may look and command; a real service asks who it is.
app.use(breakerRouter({ prefix: '/breakers', registry, authorize: (ctx: Context) => ctx.ip === '127.0.0.1' }))

app.use(
  circuitBreaker({
    registry,
    key: (ctx) => ctx.path.split('/')[1] ?? '',
    fallback: (ctx, { retryAfter }) => {
      ctx.body = { orders: [], note: `Not available; try again in ${Math.ceil(retryAfter / 1000)} s` }
    },
  }),
)

app.use((ctx) => {
  if (ctx.path.startsWith('/broken')) throw new Error('the orders of this tenant cannot be read')
  ctx.body = { orders: [1, 2, 3] }
})

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})
