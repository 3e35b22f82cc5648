import { Readable } from 'node:stream'
import type { Context, Middleware } from 'koa'
import { breakOff } from '../node/answer.ts'
import { prepareSequenceAnswer, type SequenceBody } from '../node/sequence-answer.ts'
import { SequenceEndpoint } from '../node/sequence-endpoint.ts'
import type { SequenceRouterOptions } from '../node/sequence-options.ts'
import type { SequenceUpgrades } from '../node/sequence-upgrade.ts'
import type { MarkedRequest } from '../node/symbols.ts'
import { trustedOrigin } from './app.ts'

/**
 * A sequence over HTTP: `app.use(sequenceRouter({ prefix: '/fibonacci', sequence: fibonacci }))`. It describes itself at
 * its root, gives terms at `/terms` and one at `/terms/{index}`, and lets other paths pass. Koa cuts no paths, so
 * `prefix` has to be given; '' where something like koa-mount cuts it. Its `upgrade` serves `/terms/stream` over
 * WebSocket.
 *
 * @throws TypeError or RangeError with the value quoted.
 */
export function sequenceRouter(options: SequenceRouterOptions): Middleware & SequenceUpgrades {
  const endpoint = new SequenceEndpoint(options)
  if (options.prefix === undefined) {
    throw new TypeError(
      "sequenceRouter: prefix must be given in Koa, such as '/fibonacci', or '' where koa-mount cuts it",
    )
  }
  const handle: Middleware = async (ctx, next) => {
    const { req, res } = ctx
    const target = (req as MarkedRequest).originalUrl ?? ctx.originalUrl
    const answer = await endpoint.answer({ request: req, response: res, target, origin: trustedOrigin(ctx) })
    if (answer.kind === 'pass') return next()
    if (answer.kind === 'gone') return
    const { status, body } = prepareSequenceAnswer(res, answer)
    ctx.status = status
    if (body !== undefined) ctx.body = bodyOf(ctx, body)
  }
  const { upgrade, close } = endpoint.upgrades
  return Object.assign(handle, { upgrade, close })
}

function bodyOf(ctx: Context, body: NonNullable<SequenceBody>): Buffer | string | Readable {
  if (typeof body === 'string' || Buffer.isBuffer(body)) return body
  const stream = Readable.from(body, { objectMode: false })
  // Koa 2 leaves a response open whose body broke off.
  stream.once('error', (error) => ctx.headerSent && breakOff(ctx.res, error))
  return stream
}
