import { type Clock, systemClock } from '../clock.ts'
import { eventChannel } from '../events.ts'
import { clockOption } from '../options.ts'
import type { Coding } from './coding.ts'
import { type CompressionCounts, Tallies } from './counts.ts'
import type { Encoder } from './encoders.ts'
import { EncodingFeed, type Sink } from './feed.ts'
import { Gate } from './gate.ts'
import { type Negotiation, negotiator } from './negotiate.ts'
import { type CompressorOptions, type CompressorSettings, compressorSettings } from './options.ts'
import { NOT_WORTH_IT, type Variant, Variants } from './variants.ts'

const encodings = eventChannel('breakwater:compression:encoded')
const variants = eventChannel('breakwater:compression:variant')
const futile = eventChannel('breakwater:compression:futile')

/** Bytes: up to here compressing takes less time than handing it to a thread. */
const LARGEST_AT_ONCE = 32 * 1024
/** Bytes: above this content is compressed as it is sent, and not remembered. */
const LARGEST_REMEMBERED = 1024 * 1024
/** An encoding has to save a twentieth. */
const WORTH_IT = 0.95
const NOTHING = Buffer.alloc(0)

/** Some content, and what is known of it. */
export interface WholeContent {
  readonly content: Uint8Array
  /** A name of this very content, if it has one. */
  readonly identity: string | undefined
  /** Whether other processes may have its encoding. */
  readonly isShareable: boolean
}

/**
 * Encodes answers: knows the codings, remembers what was encoded, and counts. One may serve any number of mounts, which
 * then share encodings, counts and the limit on threads.
 */
export class Compressor {
  /** @internal */
  readonly settings: CompressorSettings
  readonly #negotiate: (acceptEncoding: string) => Negotiation
  readonly #absent: Negotiation
  readonly #gate: Gate
  readonly #variants: Variants
  readonly #tallies = new Tallies()
  readonly #clock: Clock

  /** @throws TypeError or RangeError with the value quoted. */
  constructor(options: CompressorOptions & { readonly clock?: Clock | undefined } = {}) {
    this.settings = compressorSettings(options, ['clock'])
    const { order, enforceEncoding, concurrency } = this.settings
    this.#negotiate = negotiator(order)
    this.#absent =
      enforceEncoding === 'identity'
        ? { coding: undefined, identity: 'preferred' }
        : { coding: enforceEncoding, identity: 'acceptable' }
    this.#gate = new Gate(concurrency)
    this.#variants = new Variants(options.store, LARGEST_AT_ONCE)
    this.#clock = clockOption('clock', options.clock, systemClock)
  }

  /** What was encoded so far. */
  counts(): CompressionCounts {
    return this.#tallies.snapshot()
  }

  /** @internal What a request takes. Without Accept-Encoding it is as the options say (RFC 9110 section 12.5.3). */
  negotiate(acceptEncoding: string | undefined): Negotiation {
    return acceptEncoding === undefined ? this.#absent : this.#negotiate(acceptEncoding)
  }

  /**
   * @internal An encoding of content: found, made at once, or made in a thread; `stream` where it is too large for that.
   */
  encode(whole: WholeContent, coding: Coding): Variant | Promise<Variant> | 'stream' {
    const { content, identity } = whole
    if (content.length > LARGEST_REMEMBERED) return 'stream'
    const encoder = this.#encoder(coding)
    const { key, isNew } = this.#variants.keyOf(content, identity, encoder)
    const found = isNew ? undefined : this.#variants.find(key)
    if (found !== undefined) return this.#reused(found, coding, content.length)
    if (content.length <= LARGEST_AT_ONCE && !encoder.isSlow) {
      const made = this.#encodeNow(content, encoder)
      if (isNew) this.#variants.keepFirst(key, made)
      else this.#variants.keep(key, made)
      return made
    }
    return this.#encodeInThread(key, whole, encoder)
  }

  /**
   * @internal The name of an encoding, to be asked for again; undefined where none is remembered of so much content.
   * `identity` as in `WholeContent`.
   */
  keyOf(content: Uint8Array, identity: string, coding: Coding): string | undefined {
    if (content.length > LARGEST_REMEMBERED) return undefined
    return this.#variants.keyOf(content, identity, this.#encoder(coding)).key
  }

  /** @internal The encoding of that name, where this process has one. Who sends it tells so with `tellReuse`. */
  encodingOf(key: string): Buffer | undefined {
    return this.#variants.find(key)?.encoded
  }

  /** @internal An encoding was used again. */
  tellReuse(coding: Coding, bytes: number, encodedBytes: number): void {
    const tally = this.#tallies.of(coding)
    tally.reused++
    tally.bytes += bytes
    tally.encodedBytes += encodedBytes
    if (variants.hasSubscribers) variants.publish({ coding, bytes, encodedBytes })
  }

  /** @internal Encodes content as it comes. */
  feed(coding: Coding, sink: Sink, isEager: boolean, size: number | undefined): EncodingFeed {
    const started = this.#clock.monotonic()
    const tell = (bytes: number, encodedBytes: number): void =>
      this.#tellEncoded('stream', coding, bytes, encodedBytes, started)
    return new EncodingFeed(this.#encoder(coding), this.#gate, sink, { isEager, size, onEnd: tell })
  }

  #encoder(coding: Coding): Encoder {
    return this.settings.encoders.get(coding) as Encoder
  }

  #encodeNow(content: Uint8Array, encoder: Encoder): Variant {
    const started = this.#clock.monotonic()
    return this.#judge('sync', content.length, encoder.encodeNow(content), encoder, started)
  }

  async #encodeInThread(key: string, whole: WholeContent, encoder: Encoder): Promise<Variant> {
    const { identity } = whole
    const isShareable = whole.isShareable && whole.content.length > LARGEST_AT_ONCE
    // Should its owner change it meanwhile, the encoding would be remembered for what it was.
    const content = identity === undefined ? new Uint8Array(whole.content) : whole.content
    let isOurs = false
    const variant = await this.#variants.findOrMake(key, isShareable, () => {
      isOurs = true
      return this.#inThread(content, encoder)
    })
    return isOurs ? variant : this.#reused(variant, encoder.coding, content.length)
  }

  #inThread(content: Uint8Array, encoder: Encoder): Promise<Variant> {
    return new Promise((resolve, reject) => {
      this.#gate.enter(() => {
        const started = this.#clock.monotonic()
        const done = (error: Error | null, encoded: Buffer): void => {
          this.#gate.leave()
          if (error) reject(error)
          else resolve(this.#judge('async', content.length, encoded, encoder, started))
        }
        try {
          encoder.encode(content, done)
        } catch (error) {
          // zlib had no memory even to begin.
          done(error as Error, NOTHING)
        }
      })
    })
  }

  #judge(how: 'sync' | 'async', bytes: number, encoded: Buffer, { coding }: Encoder, started: number): Variant {
    if (encoded.length <= bytes * WORTH_IT) {
      this.#tellEncoded(how, coding, bytes, encoded.length, started)
      return { encoded }
    }
    this.#tallies.of(coding).futile++
    if (futile.hasSubscribers) futile.publish({ coding, bytes, encodedBytes: encoded.length })
    return NOT_WORTH_IT
  }

  #tellEncoded(
    how: 'sync' | 'async' | 'stream',
    coding: Coding,
    bytes: number,
    encodedBytes: number,
    started: number,
  ): void {
    const duration = this.#clock.monotonic() - started
    const tally = this.#tallies.of(coding)
    tally.encoded++
    tally.duration += duration
    tally.bytes += bytes
    tally.encodedBytes += encodedBytes
    if (encodings.hasSubscribers) encodings.publish({ coding, bytes, encodedBytes, how, duration })
  }

  #reused(variant: Variant, coding: Coding, bytes: number): Variant {
    if (variant.encoded !== undefined) this.tellReuse(coding, bytes, variant.encoded.length)
    return variant
  }
}
