import type { Request, RequestHandler, Response } from 'express'
import type { Compressor } from '../../core/compression/compressor.ts'
import { isCompressible } from '../../core/compression/media-type.ts'
import { CompressionMount, type CompressionMountOptions } from '../node/compression-mount.ts'
import { textOf } from '../node/encoding-head.ts'

/** Whether an answer may be encoded. */
type ExpressFilter = (request: Request, response: Response) => unknown

export type CompressionOptions = CompressionMountOptions<ExpressFilter>

declare global {
  namespace Express {
    interface Response {
      /** Sends what was written so far, where the answer is encoded as it comes. */
      flush(): void
      /** `false`: this answer is not encoded. `true`: it is whatever its type. */
      compress?: boolean | undefined
    }
  }
}

interface Compression {
  (options?: CompressionOptions | Compressor): RequestHandler
  /** The default filter: whether the answer's Content-Type is one that becomes smaller. */
  readonly filter: ExpressFilter
}

/**
 * Compression of answers for Express 4 and 5: `app.use(compression())`, before `cache()` and the routes. Takes the options
 * of the package `compression`; zstd and brotli are preferred, and what was encoded once is remembered. See
 * docs/compression.md.
 *
 * @param options Options, or a Compressor to use with the default filter.
 * @throws TypeError or RangeError with the value quoted.
 */
export const compression: Compression = Object.assign(
  (options: CompressionOptions | Compressor = {}): RequestHandler => {
    const mount = new CompressionMount<ExpressFilter>(options, (filter, request, response) =>
      filter(request as Request, response as Response),
    )
    return (request, response, next) => {
      mount.enter(request, response, response)
      next()
    }
  },
  { filter: (_request: Request, response: Response) => isCompressible(textOf(response.getHeader('Content-Type'))) },
)
