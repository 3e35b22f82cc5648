import type { Context, Middleware } from 'koa'
import { CircuitOpenError } from '../../core/breaker/errors.ts'
import { isGone } from '../node/answer.ts'
import { CircuitMount, type CircuitMountOptions } from '../node/circuit-mount.ts'
import { markInstead } from '../node/problem.ts'
import { type Serving, watchServing } from '../node/serving.ts'
import { statusOf } from './passage.ts'
import { putProblem } from './problem.ts'

/** Answers in place of a refused call. */
type KoaFallback = (ctx: Context, error: CircuitOpenError) => unknown

/**
 * Circuit breaker for what Koa 2 and 3 run behind it: `app.use(circuitBreaker({ name: 'orders' }))`. A call lasts until
 * the middleware inside has returned and its body, where that is a stream, has ended. It fails with a 500, 502, 503 or
 * 504, with an error that is thrown, other than one with a status of 4xx, or where its response breaks off. Refused
 * requests are answered 503 with Retry-After and a problem document (RFC 9457).
 *
 * Mounted inside `cache()`, a refusal is answered stale where nothing forbids it.
 *
 * @throws TypeError or RangeError with the value quoted.
 */
export function circuitBreaker(options: CircuitMountOptions<Context, KoaFallback> = {}): Middleware {
  const mount = new CircuitMount<Context, KoaFallback>(options)
  return (ctx, next) => {
    const entered = isGone(ctx.res) ? undefined : mount.enter(ctx)
    if (entered === undefined) return next()
    return entered instanceof CircuitOpenError ? refuse(mount, entered, ctx) : run(entered, ctx, next)
  }
}

async function run(serving: Serving, ctx: Context, next: () => Promise<unknown>): Promise<void> {
  watchServing(ctx.res, serving)
  try {
    await next()
  } catch (error) {
    serving.broke(error, statusOf(error))
    throw error
  }
  if (isWholeInHand(ctx)) serving.ended(ctx.res, ctx.status)
  else if (isStream(ctx.body)) ctx.body.once('error', (error: unknown) => serving.broke(error))
}

async function refuse(mount: CircuitMount<Context, KoaFallback>, error: CircuitOpenError, ctx: Context): Promise<void> {
  markInstead(ctx.res)
  if (mount.fallback === undefined) putProblem(ctx, mount.problem(error))
  else await mount.fallback(ctx, error)
}

/** Whether nothing more is made: what middleware outside does from now on is not the handler's time. */
function isWholeInHand(ctx: Context): boolean {
  const { body } = ctx
  if (ctx.respond === false || ctx.headerSent || !ctx.writable) return false
  return !isStream(body) && !(body instanceof Blob || body instanceof ReadableStream || body instanceof Response)
}

function isStream(body: unknown): body is NodeJS.ReadableStream {
  return typeof (body as { pipe?: unknown } | null | undefined)?.pipe === 'function'
}
