import type { IncomingMessage, ServerResponse } from 'node:http'
import { Compressor } from '../../core/compression/compressor.ts'
import { isCompressible } from '../../core/compression/media-type.ts'
import type { CompressorOptions } from '../../core/compression/options.ts'
import { optionalFunction, quote } from '../../core/options.ts'
import { type EncodingRules, encodeResponse } from './encoding.ts'
import type { Switch } from './encoding-head.ts'

/** Options of a mount that encodes answers: those of a Compressor, or one that is there. */
export interface CompressionMountOptions<Filter> extends CompressorOptions {
  /**
   * Whether an answer may be encoded, asked when its head is final. Default: whether its Content-Type is one that
   * becomes smaller.
   */
  readonly filter?: Filter | undefined
  /** Encodes, remembers and counts for several mounts together. Its own options hold: then give only `filter` here. */
  readonly compressor?: Compressor | undefined
}

/** The filter of options, asked as its framework has it. */
type Ask<Filter> = (filter: Filter, request: IncomingMessage, response: ServerResponse, owner: Switch) => unknown

/** Encodes what a server answers. */
export class CompressionMount<Filter = unknown> implements EncodingRules {
  readonly compressor: Compressor
  readonly hasFilter: boolean
  readonly #filter: Filter | undefined
  readonly #ask: Ask<Filter>

  /** @throws TypeError or RangeError with the value quoted. */
  constructor(options: CompressionMountOptions<Filter> | Compressor, ask: Ask<Filter>) {
    if (typeof options !== 'object' || options === null || Array.isArray(options)) {
      throw new TypeError(`compression takes an object of options or a Compressor, not ${quote(options)}`)
    }
    const { filter, compressor, ...rest } = options instanceof Compressor ? { compressor: options } : { ...options }
    this.#filter = optionalFunction('filter', filter as Filter | undefined)
    this.hasFilter = filter !== undefined
    this.#ask = ask
    this.compressor = compressor === undefined ? new Compressor(rest) : shared(compressor, rest)
  }

  /** Whether an answer may be encoded, by the filter or else by its type. */
  allows(request: IncomingMessage, response: ServerResponse, owner: Switch, type: string | undefined): boolean {
    if (owner.compress === true) return true
    return this.#filter === undefined
      ? isCompressible(type)
      : Boolean(this.#ask(this.#filter, request, response, owner))
  }

  /** From now on the answer to a request is encoded where that may be. `owner` has the switch `compress`. */
  enter(request: IncomingMessage, response: ServerResponse, owner: Switch): void {
    encodeResponse(request, response, owner, this)
  }
}

function shared(compressor: Compressor, rest: object): Compressor {
  if (!(compressor instanceof Compressor)) throw new TypeError('compression: compressor must be a Compressor')
  const [name] = Object.keys(rest)
  if (name !== undefined)
    throw new TypeError(`compression: give ${name} to the Compressor, not to a mount that uses it`)
  return compressor
}
