import type { Context, Middleware } from 'koa'
import type { Compressor } from '../../core/compression/compressor.ts'
import { isCompressible } from '../../core/compression/media-type.ts'
import { breakOff } from '../node/answer.ts'
import { CompressionMount, type CompressionMountOptions } from '../node/compression-mount.ts'
import { worksBeneath } from './outermost.ts'

/** Whether an answer may be encoded. */
type KoaFilter = (ctx: Context) => unknown

export type CompressionOptions = CompressionMountOptions<KoaFilter>

declare module 'koa' {
  interface ExtendableContext {
    /** `false`: this answer is not encoded. `true`: it is whatever its type. */
    compress?: boolean | undefined
  }
}

interface Compression {
  (options?: CompressionOptions | Compressor): Middleware
  /** The default filter: whether the answer's Content-Type is one that becomes smaller. */
  readonly filter: KoaFilter
}

/**
 * Compression of answers for Koa 2 and 3: `app.use(compression())`, before `cache()` and the routes. It encodes what Koa
 * sends: middleware outside sees the content as it was. What was encoded once is remembered. See docs/compression.md.
 *
 * @param options Options, or a Compressor to use with the default filter.
 * @throws TypeError or RangeError with the value quoted.
 */
export const compression: Compression = Object.assign(
  (options: CompressionOptions | Compressor = {}): Middleware => {
    const mount = new CompressionMount<KoaFilter>(options, (filter, _request, _response, ctx) => filter(ctx as Context))
    return worksBeneath(async (ctx, next) => {
      mount.enter(ctx.req, ctx.res, ctx)
      await next()
      cutWhenBroken(ctx)
    })
  },
  { filter: (ctx: Context) => isCompressible(ctx.response.get('Content-Type')) },
)

/** Koa 2 leaves a response open whose body broke off. */
function cutWhenBroken({ body, res }: Context): void {
  if (!isStream(body)) return
  body.once('error', (error) => res.headersSent && breakOff(res, error))
}

function isStream(body: unknown): body is NodeJS.ReadableStream {
  return typeof (body as { pipe?: unknown } | null | undefined)?.pipe === 'function'
}
