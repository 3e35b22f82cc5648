import { promisify } from 'node:util'
import * as zlib from 'node:zlib'
import { knownOptions, oneOf, quote } from '../options.ts'
import type { KeyvLike } from './keyv.ts'
import { wholeBody } from './large.ts'
import type { LargeItem, Store, StoreItem, StoreStreams } from './store.ts'
import { type Answer, after, storeToWrap, type WrappedStore, Wrapper } from './wrapper.ts'

export type StoreCompression = 'zstd' | 'brotli'

export interface CompressedStoreOptions {
  /** Bytes: a smaller body is kept as it is. Default 1024. */
  readonly threshold?: number | undefined
  /** What new bodies are compressed with; both are read. Default `zstd`, or `brotli` where this Node has no zstd. */
  readonly algorithm?: StoreCompression | undefined
  /** zstd: 1 to 22, default 3. brotli: 0 to 11, default 4. */
  readonly level?: number | undefined
}

/** Metadata of an item whose body is compressed, or whose own metadata could be taken for this. */
interface Mark {
  readonly kind: typeof kind
  readonly algorithm: StoreCompression | 'none'
  /** Bytes of the body as it was. */
  readonly length: number
  readonly meta: object
}

interface Codec {
  compress(body: Buffer, level: number): Promise<Buffer>
  compressNow(body: Buffer, level: number): Buffer
  inflate(body: Buffer, length: number): Promise<Buffer>
  inflateNow(body: Buffer, length: number): Buffer
  readonly levels: readonly [lowest: number, highest: number, fallback: number]
}

const kind = 'breakwater:compressed'
const {
  ZSTD_c_compressionLevel: zstdLevel,
  BROTLI_PARAM_QUALITY: brotliQuality,
  BROTLI_PARAM_SIZE_HINT: brotliSizeHint,
} = zlib.constants
const hasZstd = typeof zlib.zstdCompressSync === 'function'

const zstdOptions = (level: number): zlib.ZstdOptions => ({ params: { [zstdLevel]: level } })
const brotliOptions = (level: number, size: number): zlib.BrotliOptions => ({
  params: { [brotliQuality]: level, [brotliSizeHint]: size },
})

const zstd = (): Codec => {
  const [compress, inflate] = [promisify(zlib.zstdCompress), promisify(zlib.zstdDecompress)]
  return {
    compress: (body, level) => compress(body, zstdOptions(level)),
    compressNow: (body, level) => zlib.zstdCompressSync(body, zstdOptions(level)),
    inflate: (body, maxOutputLength) => inflate(body, { maxOutputLength }),
    inflateNow: (body, maxOutputLength) => zlib.zstdDecompressSync(body, { maxOutputLength }),
    levels: [1, 22, 3],
  }
}

const brotli = (): Codec => {
  const [compress, inflate] = [promisify(zlib.brotliCompress), promisify(zlib.brotliDecompress)]
  return {
    compress: (body, level) => compress(body, brotliOptions(level, body.length)),
    compressNow: (body, level) => zlib.brotliCompressSync(body, brotliOptions(level, body.length)),
    inflate: (body, maxOutputLength) => inflate(body, { maxOutputLength }),
    inflateNow: (body, maxOutputLength) => zlib.brotliDecompressSync(body, { maxOutputLength }),
    levels: [0, 11, 4],
  }
}

const codecs = new Map<string, Codec>([['brotli', brotli()]])
if (hasZstd) codecs.set('zstd', zstd())

/**
 * Keeps bodies compressed in `store`. What would not become smaller is kept as it is. Before a far store the work is
 * done beside the event loop; before a near one, which answers at once, each set and each hit waits for it.
 * `maxEntrySize` counts bodies as they were; a kept body that would inflate beyond what was recorded is a miss.
 *
 * @throws TypeError or RangeError with the value quoted.
 */
export function compressed(store: Store | KeyvLike, options: CompressedStoreOptions = {}): WrappedStore {
  knownOptions('compressed', options, ['threshold', 'algorithm', 'level'])
  return new Compressed(storeToWrap('compressed', store), options)
}

class Compressed extends Wrapper {
  readonly streams?: StoreStreams
  readonly #threshold: number
  readonly #algorithm: StoreCompression
  readonly #codec: Codec
  readonly #level: number

  constructor(inner: Store, options: CompressedStoreOptions) {
    super('compressed', inner, inner.capabilities)
    const { threshold = 1024 } = options
    if (!Number.isSafeInteger(threshold) || threshold < 0) {
      throw new RangeError(`threshold must be a whole number of bytes, 0 or more, not ${quote(threshold)}`)
    }
    this.#threshold = threshold
    this.#algorithm = oneOf('algorithm', options.algorithm, ['zstd', 'brotli'], hasZstd ? 'zstd' : 'brotli')
    const codec = codecs.get(this.#algorithm)
    if (codec === undefined) throw new TypeError(`algorithm 'zstd' needs Node 22.15 or newer; 'brotli' is everywhere`)
    this.#codec = codec
    const [lowest, highest, fallback] = codec.levels
    const { level = fallback } = options
    if (!Number.isInteger(level) || level < lowest || level > highest) {
      throw new RangeError(
        `level must be a whole number from ${lowest} to ${highest} for ${this.#algorithm}, not ${quote(level)}`,
      )
    }
    this.#level = level
    if (inner.streams !== undefined) this.streams = this.#streams(inner.streams)
  }

  get(key: string): Answer<StoreItem | undefined> {
    return after(this.inner.get(key), (found) => found && this.#open(found))
  }

  set(key: string, item: StoreItem, lifetime: number): Answer<void> {
    if (!this.isKept(item, lifetime) || item.body.length < this.#threshold || item.body.length === 0) {
      return this.inner.set(key, escaped(item), lifetime)
    }
    const { body } = item
    const smaller = this.near ? this.#codec.compressNow(body, this.#level) : this.#codec.compress(body, this.#level)
    return after(smaller, (bytes) => this.inner.set(key, this.#marked(item, bytes), lifetime))
  }

  delete(key: string): void | Promise<void> | Promise<boolean> {
    return this.inner.delete(key)
  }

  /** What could not be made smaller is read from where it lies; what is compressed is read whole. */
  #streams(own: StoreStreams): StoreStreams {
    return {
      get: async (key) => {
        const found = await own.get(key)
        if (found === undefined) return undefined
        return isWhole(found) ? this.#open(found) : this.#openLarge(found)
      },
      renew: (key, item, lifetime) => own.renew(key, escaped(item), lifetime),
    }
  }

  async #openLarge({ meta, body }: LargeItem): Promise<StoreItem | LargeItem | undefined> {
    if (!isMark(meta)) return { meta, body }
    if (meta.algorithm === 'none') return { meta: meta.meta, body }
    const whole = await wholeBody(body)
    return whole && this.#open({ meta, body: whole })
  }

  #marked(item: StoreItem, bytes: Buffer): StoreItem {
    if (bytes.length >= item.body.length) return escaped(item)
    const mark: Mark = { kind, algorithm: this.#algorithm, length: item.body.length, meta: item.meta }
    // The memory that zlib wrote into may be larger by far.
    return { meta: mark, body: bytes.buffer.byteLength === bytes.length ? bytes : copyOf(bytes) }
  }

  #open(found: StoreItem): Answer<StoreItem | undefined> {
    if (!isMark(found.meta)) return found
    const { algorithm, length, meta } = found.meta
    if (algorithm === 'none') return { meta, body: found.body }
    const codec = codecs.get(algorithm)
    // Zlib refuses to write beyond a length, but takes none below 1.
    if (codec === undefined || !(Number.isSafeInteger(length) && length >= 1 && length <= this.maxEntrySize)) return
    const whole = (body: Buffer): StoreItem | undefined => (body.length === length ? { meta, body } : undefined)
    if (!this.near) return codec.inflate(found.body, length).then(whole, missing)
    try {
      return whole(codec.inflateNow(found.body, length))
    } catch {
      return undefined
    }
  }
}

function escaped<T extends StoreItem | LargeItem>(item: T): T {
  if (!isMark(item.meta)) return item
  const mark: Mark = { kind, algorithm: 'none', length: item.body.length, meta: item.meta }
  return { ...item, meta: mark }
}

function isWhole(item: StoreItem | LargeItem): item is StoreItem {
  return Buffer.isBuffer(item.body)
}

function isMark(meta: object): meta is Mark {
  return (meta as Partial<Mark>).kind === kind
}

function missing(): undefined {
  return undefined
}

function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  copy.set(bytes)
  return copy
}
