import { knownOptions, positiveInteger, quote } from '../options.ts'
import type { KeyvLike } from '../store/keyv.ts'
import type { Store } from '../store/store.ts'
import { CODINGS, type Coding } from './coding.ts'
import { availableCodings, type Encoder, type EncoderOptions, encoderOf } from './encoders.ts'

/** How answers are encoded. Options of the same name mean what they mean in `compression`. */
export interface CompressorOptions extends EncoderOptions {
  /**
   * Content of fewer bytes is sent as it is, where the client takes it so: a number, or a string such as '2kb'
   * (1 kb = 1024 bytes). Default: 1024.
   */
  readonly threshold?: number | string | undefined
  /**
   * The codings to use, the one to prefer among those that a client likes equally first. What is left out is not used.
   * Default: zstd where this Node has it, br, gzip, deflate.
   */
  readonly order?: readonly Coding[] | undefined
  /** The coding for requests without Accept-Encoding. Default: 'identity'. */
  readonly enforceEncoding?: Coding | 'identity' | undefined
  /**
   * Where encodings are remembered. In a store that other processes use, too, only large ones are kept, and none of
   * answers marked `private` or `no-store`: those stay in this process. Default: the memory store that this process shares.
   */
  readonly store?: Store | KeyvLike | undefined
  /** How many steps of compressing may run in threads at once; Node has four threads for that, files and DNS. Default: 3. */
  readonly concurrency?: number | undefined
}

/** `level` to `chunkSize` for gzip and deflate, default level 5, or 4 up to 32 KiB, else as zlib; `brotli`: default quality 4; `zstd`: default level 3. */
const KNOWN = [
  'threshold',
  'level',
  'memLevel',
  'strategy',
  'windowBits',
  'chunkSize',
  'brotli',
  'zstd',
  'order',
  'enforceEncoding',
  'store',
  'concurrency',
]

/** What these options of koa-compress are called here. */
const RENAMED: Readonly<Record<string, string>> = {
  br: 'brotli',
  gzip: 'level, memLevel, strategy, windowBits and chunkSize for its settings, or order without gzip to turn it off',
  deflate:
    'level, memLevel, strategy, windowBits and chunkSize for its settings, or order without deflate to turn it off',
  defaultEncoding: 'enforceEncoding',
  encodingPreference: 'order',
  preferredEncodings: 'order',
  encodings: 'order',
  wildcardAcceptEncoding: "order: '*' stands for its codings",
}

export interface CompressorSettings {
  /** Bytes. */
  readonly threshold: number
  readonly order: readonly Coding[]
  readonly encoders: ReadonlyMap<Coding, Encoder>
  readonly enforceEncoding: Coding | 'identity'
  readonly concurrency: number
}

/** @throws TypeError or RangeError with the value quoted. */
export function compressorSettings(options: CompressorOptions, more: readonly string[] = []): CompressorSettings {
  refuseRenamed(options)
  knownOptions('compression', options, [...KNOWN, ...more])
  const order = orderOption(options.order)
  return {
    threshold: bytesOption(options.threshold),
    order,
    encoders: new Map(order.map((coding) => [coding, encoderOf(coding, options)])),
    enforceEncoding: enforceOption(options.enforceEncoding, order),
    concurrency: positiveInteger('concurrency', options.concurrency, 3),
  }
}

function refuseRenamed(options: CompressorOptions): void {
  for (const name of Object.keys(options ?? {})) {
    const now = Object.hasOwn(RENAMED, name) ? RENAMED[name] : undefined
    if (now !== undefined) throw new TypeError(`compression has no option ${quote(name)}; use ${now}`)
  }
  for (const name of ['brotli', 'zstd'] as const) {
    const value: unknown = options[name]
    if (value === undefined || (typeof value === 'object' && value !== null)) continue
    throw new TypeError(
      `compression: ${name} must be an object of node:zlib's options, not ${quote(value)}; leave it out of order to turn it off`,
    )
  }
}

function orderOption(order: readonly Coding[] | undefined): readonly Coding[] {
  const available = availableCodings()
  if (order === undefined) return available
  if (!Array.isArray(order) || order.length === 0 || new Set(order).size < order.length) {
    throw new TypeError(`order must be a list of different codings out of ${listed(CODINGS)}, not ${quote(order)}`)
  }
  for (const coding of order) {
    if (available.includes(coding)) continue
    const reason = CODINGS.includes(coding) ? 'this Node does not have it' : `there are ${listed(CODINGS)}`
    throw new TypeError(`order cannot have ${quote(coding)}: ${reason}`)
  }
  return [...order]
}

function enforceOption(value: Coding | 'identity' | undefined, order: readonly Coding[]): Coding | 'identity' {
  const choices = ['identity', ...order] as const
  if (value === undefined || choices.includes(value)) return value ?? 'identity'
  throw new TypeError(`enforceEncoding must be one of ${listed(choices)}, not ${quote(value)}`)
}

const UNITS: Readonly<Record<string, number>> = { b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 }

function bytesOption(value: number | string | undefined): number {
  if (value === undefined) return 1024
  const match = typeof value === 'string' ? /^(\d+(?:\.\d+)?) *([kmg]?b)?$/i.exec(value) : undefined
  const bytes = match ? Math.floor(Number(match[1]) * (UNITS[(match[2] ?? 'b').toLowerCase()] as number)) : value
  if (typeof bytes === 'number' && bytes >= 0) return bytes
  throw new RangeError(`threshold must be bytes, as a number or a string such as '2kb', not ${quote(value)}`)
}

function listed(values: readonly string[]): string {
  return values.map(quote).join(', ')
}
