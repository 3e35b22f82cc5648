import type { Transform } from 'node:stream'
import zlib, { type BrotliOptions, type ZlibOptions, type ZstdOptions } from 'node:zlib'
import { quote } from '../options.ts'
import { CODINGS, type Coding } from './coding.ts'

/** Settings of the codings, as node:zlib has them. */
export interface EncoderOptions
  extends Pick<ZlibOptions, 'level' | 'memLevel' | 'strategy' | 'windowBits' | 'chunkSize'> {
  readonly brotli?: BrotliOptions | undefined
  readonly zstd?: ZstdOptions | undefined
}

/** What node:zlib makes encodings with; it can be flushed. */
export interface EncodingStream extends Transform {
  flush(kind: number, callback: () => void): void
}

/** Encodes content in one coding with fixed settings. */
export interface Encoder {
  readonly coding: Coding
  /** Differs from that of an encoder whose encodings may differ. */
  readonly variant: string
  /** What `flush` of its streams has to be given so that all that was written can be decoded. */
  readonly flushKind: number
  /** Whether even little content takes so long that others would have to wait for it. */
  readonly isSlow: boolean
  encodeNow(content: Uint8Array): Buffer
  encode(content: Uint8Array, callback: (error: Error | null, encoded: Buffer) => void): void
  /**
   * @param size Bytes to come, if that is known.
   * @param isEndless Whether it may stay open for hours, as one of many: it is given little memory.
   */
  stream(size: number | undefined, isEndless: boolean): EncodingStream
}

const constants = zlib.constants

/** 8 MiB: what every client has to take (RFC 9659 section 3). */
const LARGEST_WINDOW_LOG = 23
/** From this level on zstd would use larger ones. */
const LARGE_WINDOW_LEVEL = 20

/** The codings that this Node has: zstd came with 22.15. */
export function availableCodings(): readonly Coding[] {
  return CODINGS.filter((coding) => coding !== 'zstd' || typeof zlib.createZstdCompress === 'function')
}

/** @throws RangeError or TypeError where node:zlib refuses the settings. */
export function encoderOf(coding: Coding, options: EncoderOptions): Encoder {
  const encoder = makeEncoder(coding, options)
  try {
    encoder.encodeNow(Buffer.from('x'))
  } catch (cause) {
    const reason = (cause as Error).message
    throw new RangeError(`compression: the settings for ${coding} cannot be used: ${reason}`, { cause })
  }
  return encoder
}

function makeEncoder(coding: Coding, options: EncoderOptions): Encoder {
  switch (coding) {
    case 'zstd':
      return zstdEncoder(zstdSettings(options.zstd))
    case 'br':
      return brotliEncoder(options.brotli)
    case 'gzip':
      return deflatingEncoder('gzip', options, zlib.gzipSync, zlib.gzip, zlib.createGzip)
    case 'deflate':
      return deflatingEncoder('deflate', options, zlib.deflateSync, zlib.deflate, zlib.createDeflate)
  }
}

function zstdEncoder(settings: ZstdOptions): Encoder {
  const lean = { ...settings, params: { ...LEAN_ZSTD, ...settings.params } }
  const isQuick = Number(settings.params?.[constants.ZSTD_c_compressionLevel]) <= LAST_QUICK_ZSTD
  const small = isQuick ? { ...settings, params: { ...SMALL_ZSTD, ...settings.params } } : settings
  // With the size known, zstd takes tables that fit it.
  const of = (size: number): ZstdOptions => ({ ...(size <= SMALL ? small : settings), pledgedSrcSize: size })
  return {
    coding: 'zstd',
    variant: variantOf('zstd', settings),
    flushKind: constants.ZSTD_e_flush,
    isSlow: Number(settings.params?.[constants.ZSTD_c_compressionLevel]) > 12,
    encodeNow: (content) => zlib.zstdCompressSync(content, of(content.length)),
    encode: (content, callback) => zlib.zstdCompress(content, of(content.length), callback),
    stream: (size, isEndless) => zlib.createZstdCompress(isEndless ? lean : size === undefined ? settings : of(size)),
  }
}

/** Bytes: content of which zstd's own tables would take ten times as much memory, which has to be cleared first. */
const SMALL = 32 * 1024
/** Two tables of 64 KiB: a tenth less time, for one or two thousandths more bytes. */
const SMALL_ZSTD = { [constants.ZSTD_c_hashLog]: 14, [constants.ZSTD_c_chainLog]: 14 }
/** The last level whose tables are only for finding the latest place. */
const LAST_QUICK_ZSTD = 4

/** 64 KiB are far enough to look back over events, and tables as small. */
const LEAN_ZSTD = {
  [constants.ZSTD_c_windowLog]: 16,
  [constants.ZSTD_c_hashLog]: 13,
  [constants.ZSTD_c_chainLog]: 13,
}
const LEAN_BROTLI = { [constants.BROTLI_PARAM_QUALITY]: 2, [constants.BROTLI_PARAM_LGWIN]: 16 }

/** RFC 9659 section 3: no window above 8 MiB. */
function zstdSettings(given: ZstdOptions = {}): ZstdOptions {
  const { ZSTD_c_compressionLevel, ZSTD_c_windowLog, ZSTD_c_enableLongDistanceMatching } = constants
  const { [ZSTD_c_compressionLevel]: level = 3, [ZSTD_c_windowLog]: windowLog, ...rest } = given.params ?? {}
  if (Number(windowLog ?? 0) > LARGEST_WINDOW_LOG) {
    throw new RangeError(
      `compression: zstd's windowLog must be at most ${LARGEST_WINDOW_LOG}, which is all that clients have to take (RFC 9659), not ${quote(windowLog)}`,
    )
  }
  const isLarge = Number(level) >= LARGE_WINDOW_LEVEL || Boolean(rest[ZSTD_c_enableLongDistanceMatching])
  const capped = windowLog ?? (isLarge ? LARGEST_WINDOW_LOG : undefined)
  return {
    ...given,
    params: { ...rest, [ZSTD_c_compressionLevel]: level, ...(capped && { [ZSTD_c_windowLog]: capped }) },
  }
}

/** zlib's own default of 11 takes a hundred times as long as this. */
const BROTLI_QUALITY = 4

function brotliEncoder(given: BrotliOptions = {}): Encoder {
  const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_SIZE_HINT } = constants
  const settings = { ...given, params: { [BROTLI_PARAM_QUALITY]: BROTLI_QUALITY, ...given.params } }
  const lean = { ...given, params: { ...LEAN_BROTLI, ...given.params } }
  const of = (size: number): BrotliOptions => ({
    ...settings,
    params: { ...settings.params, [BROTLI_PARAM_SIZE_HINT]: size },
  })
  return {
    coding: 'br',
    variant: variantOf('br', settings),
    flushKind: constants.BROTLI_OPERATION_FLUSH,
    isSlow: Number(settings.params[BROTLI_PARAM_QUALITY]) > 6,
    encodeNow: (content) => zlib.brotliCompressSync(content, of(content.length)),
    encode: (content, callback) => zlib.brotliCompress(content, of(content.length), callback),
    stream: (size, isEndless) => zlib.createBrotliCompress(isEndless ? lean : size === undefined ? settings : of(size)),
  }
}

/** One less than zlib's own default: a tenth to a fifth less time, for two to eighteen thousandths more bytes. */
const DEFLATE_LEVEL = 5
/** Of content that is encoded while others wait: a quarter less time than by the level above, for 2 to 4 % more bytes. */
const DEFLATE_LEVEL_AT_ONCE = 4

function deflatingSettings(
  { level, memLevel, strategy, windowBits, chunkSize }: EncoderOptions,
  usualLevel: number,
): ZlibOptions {
  const given = { level: level ?? usualLevel, memLevel, strategy, windowBits, chunkSize }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

function deflatingEncoder(
  coding: 'gzip' | 'deflate',
  options: EncoderOptions,
  encodeNow: (content: Uint8Array, settings: ZlibOptions) => Buffer,
  encode: (
    content: Uint8Array,
    settings: ZlibOptions,
    callback: (error: Error | null, encoded: Buffer) => void,
  ) => void,
  stream: (settings: ZlibOptions) => EncodingStream,
): Encoder {
  const settings = deflatingSettings(options, DEFLATE_LEVEL)
  const atOnce = deflatingSettings(options, DEFLATE_LEVEL_AT_ONCE)
  return {
    coding,
    variant: variantOf(coding, settings),
    flushKind: constants.Z_SYNC_FLUSH,
    isSlow: false,
    encodeNow: (content) => encodeNow(content, atOnce),
    encode: (content, callback) => encode(content, settings, callback),
    stream: () => stream(settings),
  }
}

function variantOf(coding: Coding, settings: object): string {
  return `${coding} ${JSON.stringify(settings)}`
}
