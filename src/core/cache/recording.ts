import type { Store } from '../store/store.ts'
import type { Entry } from './entry.ts'

/** Why a recording failed. */
export type RecordingFailure = 'too-large' | 'no-memory' | 'content-length' | 'truncated' | 'credentials-read'

/** The bytes of a response on their way to the client, kept for the store and for those who follow. */
export type RecordingState = 'open' | 'complete' | 'failed'

/**
 * Copies the chunks of one response. It never slows the response down: when the memory for recordings or the store's
 * entry limit is used up it fails, and the response goes on without it. With a declared length all memory is reserved
 * at the start, so that a follower who has received bytes is never cut for want of memory.
 */
export class Recording {
  state: RecordingState = 'open'
  readonly length: number | undefined
  /** Called once when the recording fails, with the reason. */
  onFail: ((reason: RecordingFailure) => void) | undefined
  readonly #store: Pick<Store, 'reserve' | 'release' | 'maxEntrySize'>
  #chunks: Buffer[] | undefined
  #whole: Buffer | undefined
  #bytes = 0
  #reserved = 0
  #waiting: (() => void)[] | undefined
  /** Most recordings have none. */
  #readers: Set<Reader> | undefined

  private constructor(store: Pick<Store, 'reserve' | 'release' | 'maxEntrySize'>, length: number | undefined) {
    this.#store = store
    this.length = length
  }

  /** A recording of `length` bytes (undefined: not known yet), or why there can be none. */
  static open(
    store: Pick<Store, 'reserve' | 'release' | 'maxEntrySize'>,
    length: number | undefined,
  ): Recording | 'too-large' | 'no-memory' {
    if (length !== undefined && length > store.maxEntrySize) return 'too-large'
    const recording = new Recording(store, length)
    if (length !== undefined) {
      if (!store.reserve(length)) return 'no-memory'
      recording.#reserved = length
    }
    return recording
  }

  /** Bytes copied so far. */
  get bytes(): number {
    return this.#bytes
  }

  /** Everything that was declared is here: the content is complete, though nobody has said so yet. */
  get isWhole(): boolean {
    return this.state === 'open' && this.length !== undefined && this.#bytes === this.length
  }

  /**
   * Copies a chunk; the caller may reuse its memory afterwards. Returns the copy, which stays as it is, or undefined if
   * the recording has failed.
   */
  write(chunk: Uint8Array): Buffer | undefined {
    if (this.state !== 'open') return undefined
    const total = this.#bytes + chunk.length
    const copy = this.length === undefined ? this.#append(chunk, total) : this.#fill(chunk, total, this.length)
    if (copy === undefined) return undefined
    this.#bytes = total
    if (chunk.length > 0) this.#wake()
    return copy
  }

  #fill(chunk: Uint8Array, total: number, length: number): Buffer | undefined {
    if (total > length) return this.#failed('content-length')
    this.#whole ??= Buffer.allocUnsafeSlow(length)
    this.#whole.set(chunk, this.#bytes)
    return total - this.#bytes === length ? this.#whole : this.#whole.subarray(this.#bytes, total)
  }

  #append(chunk: Uint8Array, total: number): Buffer | undefined {
    if (total > this.#store.maxEntrySize) return this.#failed('too-large')
    if (!this.#store.reserve(chunk.length)) return this.#failed('no-memory')
    this.#reserved += chunk.length
    const copy = Buffer.allocUnsafeSlow(chunk.length)
    copy.set(chunk)
    this.#chunks ??= []
    this.#chunks.push(copy)
    return copy
  }

  #failed(reason: RecordingFailure): undefined {
    this.fail(reason)
  }

  /** Ends the recording; false if it had failed or its bytes disagree with the declared length. */
  complete(): boolean {
    if (this.state !== 'open') return false
    if (this.length !== undefined && this.#bytes !== this.length) {
      this.fail('content-length')
      return false
    }
    this.#whole ??= joined(this.#chunks ?? [], this.#bytes)
    this.#chunks = undefined
    this.#readers = undefined
    this.state = 'complete'
    this.#giveBack()
    this.#wake()
    return true
  }

  /** Drops the recording; who follows it is cut. */
  fail(reason: RecordingFailure): void {
    if (this.state !== 'open') return
    this.state = 'failed'
    this.#chunks = undefined
    this.#whole = undefined
    this.#readers = undefined
    this.#giveBack()
    this.#wake()
    this.onFail?.(reason)
  }

  /** The whole content of a complete recording. */
  get body(): Buffer {
    return this.#whole ?? EMPTY
  }

  /** Bytes from `position` on that are here already; only for recordings with a declared length. */
  from(position: number): Buffer {
    return this.#whole === undefined ? EMPTY : this.#whole.subarray(position, this.#bytes)
  }

  /** Resolves when there is more to read, or nothing more will come. */
  changed(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting ??= []
      this.#waiting.push(resolve)
    })
  }

  /** Somebody reads along from now on: see `Reader` for `suits`. Only for recordings with a declared length. */
  read(suits: Reader['suits']): Reader {
    const reader: Reader = { recording: this, suits, isCut: false }
    this.#readers ??= new Set()
    this.#readers.add(reader)
    return reader
  }

  /**
   * The response turns out to differ by more than was known: whom it does not suit is cut, the others read on, and so
   * do all where no byte is to come any more.
   */
  narrow(entry: Entry, variant: string): void {
    if (this.isWhole) return
    for (const reader of this.#readers ?? []) {
      if (reader.suits(entry, variant)) continue
      reader.isCut = true
      this.#readers?.delete(reader)
    }
    this.#wake()
  }

  #giveBack(): void {
    if (this.#reserved > 0) this.#store.release(this.#reserved)
    this.#reserved = 0
  }

  #wake(): void {
    if (this.#waiting === undefined) return
    const waiting = this.#waiting
    this.#waiting = undefined
    for (const resolve of waiting) resolve()
  }
}

const EMPTY = Buffer.alloc(0)

/** One piece of memory of its own: `Buffer.concat` would keep a whole pool alive for a small body. */
function joined(chunks: readonly Buffer[], length: number): Buffer {
  if (chunks.length === 1) return chunks[0] as Buffer
  const whole = Buffer.allocUnsafeSlow(length)
  let position = 0
  for (const chunk of chunks) position += chunk.copy(whole, position)
  return whole
}

/** Somebody who reads a recording along. */
export interface Reader {
  readonly recording: Recording
  /** Whether a response that differs by what `entry` says, and is this `variant`, is theirs. */
  readonly suits: (entry: Entry, variant: string) => boolean
  isCut: boolean
}

/** The recording ended before its content was complete, its leader failed or left; or it turned out to be another's. */
export class RecordingLostError extends Error {
  override readonly name = 'RecordingLostError'
  readonly code = 'ERR_BREAKWATER_RECORDING_LOST'

  constructor() {
    super('The response being followed ended before it was complete; ask again')
  }
}

/** The content of a recording in flight, pulled at the reader's own speed. */
export async function* follow(reader: Reader): AsyncGenerator<Buffer, void, void> {
  const { recording } = reader
  let position = 0
  for (;;) {
    if (recording.state === 'failed' || reader.isCut) throw new RecordingLostError()
    const chunk = recording.from(position)
    if (chunk.length > 0) {
      position += chunk.length
      yield chunk
    } else if (recording.state === 'complete') return
    else await recording.changed()
  }
}
