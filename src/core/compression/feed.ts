import type { Encoder, EncodingStream } from './encoders.ts'
import type { Gate } from './gate.ts'

/** Where an encoding goes. */
export interface Sink {
  /** False: it wants no more until `drained` is called on the feed. */
  write(encoded: Buffer): boolean
  end(): void
  /** There is room for more content again. */
  drain(): void
  fail(error: Error): void
}

/** Bytes of content that wait to be encoded, above which `write` asks to wait. */
const HIGH_WATER = 64 * 1024
/** Bytes of content that are handed to zlib at once, so that what comes out of one step is small, too. */
const LARGEST_STEP = 64 * 1024

type Callback = (error?: Error | null) => void

interface Chunk {
  readonly content: Uint8Array
  readonly callback: Callback | undefined
}

export interface FeedSettings {
  /** Whether all that was written is sent at once; otherwise when the writer is idle for a turn of the event loop. */
  readonly isEager: boolean
  /** Bytes to come, if that is known. */
  readonly size: number | undefined
  /** Told how many bytes went in and came out. */
  readonly onEnd: (bytesIn: number, bytesOut: number) => void
}

/**
 * Encodes content as it comes, one step at a time, and never a step ahead of a reader who is behind: so a place in the
 * gate is held for one step of computing only, whatever the reader does.
 */
export class EncodingFeed {
  readonly #stream: EncodingStream
  readonly #flushKind: number
  readonly #isEager: boolean
  readonly #gate: Gate
  readonly #sink: Sink
  #queue: Chunk[] = []
  /** Bytes. */
  #queued = 0
  #bytesIn = 0
  #isWorking = false
  #isBehind = false
  #isEnding = false
  #isFinished = false
  #isOver = false
  #wantsDrain = false
  #wantsFlush = false
  #holdsContent = false
  #idle: NodeJS.Immediate | undefined
  /** What the step under way calls when it is done. */
  #settle: Callback | undefined

  constructor(encoder: Encoder, gate: Gate, sink: Sink, { isEager, size, onEnd }: FeedSettings) {
    // What is sent record by record is mostly sent for long.
    this.#stream = encoder.stream(size, isEager)
    this.#flushKind = encoder.flushKind
    this.#gate = gate
    this.#sink = sink
    this.#isEager = isEager
    let bytesOut = 0
    this.#stream.on('data', (encoded: Buffer) => {
      bytesOut += encoded.length
      if (!this.#isOver && !sink.write(encoded)) this.#isBehind = true
    })
    this.#stream.on('end', () => {
      if (this.#isOver) return
      this.#isOver = true
      sink.end()
      onEnd(this.#bytesIn, bytesOut)
    })
    this.#stream.on('error', (error) => {
      this.#fail(error)
      this.#settle?.(error)
    })
  }

  /** Takes content; false: wait until `sink.drain` is called. `callback` is called once it is encoded. */
  write(content: Uint8Array, callback?: Callback): boolean {
    this.#queue.push({ content, callback })
    this.#queued += content.length
    this.#bytesIn += content.length
    this.#advance()
    const mayGoOn = this.#queued < HIGH_WATER && !this.#isBehind
    if (!mayGoOn) this.#wantsDrain = true
    return mayGoOn
  }

  /** All that was written is sent as soon as it is encoded. */
  flush(): void {
    this.#wantsFlush = true
    this.#advance()
  }

  /** No more content comes. */
  end(): void {
    this.#isEnding = true
    this.#advance()
  }

  /** The reader wants more. Whoever saw him behind waits to be told, whether or not he has written anything yet. */
  drained(): void {
    this.#isBehind = false
    this.#wantsDrain = true
    this.#advance()
  }

  /** Gives up: nothing more is sent, and who waits for a callback is told. */
  destroy(): void {
    if (this.#isOver) return
    this.#isOver = true
    clearImmediate(this.#idle)
    const left = this.#queue
    this.#queue = []
    // A step under way goes on to its end; the stream is closed behind it.
    if (!this.#isWorking) this.#stream.destroy()
    for (const { callback } of left) if (callback !== undefined) process.nextTick(callback, closedError())
  }

  #advance(): void {
    if (this.#isWorking || this.#isBehind || this.#isOver) return
    const [first] = this.#queue
    if (first !== undefined) return this.#encode(first)
    if (this.#isEnding) return this.#finish()
    if (this.#holdsContent && (this.#wantsFlush || this.#isEager)) {
      this.#holdsContent = false
      this.#wantsFlush = false
      return this.#step((settle) => this.#stream.flush(this.#flushKind, settle))
    }
    if (this.#holdsContent) this.#flushWhenIdle()
    this.#tellDrain()
  }

  #finish(): void {
    if (this.#isFinished) return
    this.#isFinished = true
    this.#step((settle) => this.#stream.end(settle))
  }

  /** Does one thing with the stream, when it is its turn, then goes on. `after` is called if it was begun. */
  #step(run: (settle: Callback) => void, after?: Callback): void {
    this.#isWorking = true
    clearImmediate(this.#idle)
    const leave = (): void => {
      this.#gate.leave()
      this.#isWorking = false
      if (this.#isOver) this.#stream.destroy()
      else this.#advance()
    }
    const settle = (error?: Error | null): void => {
      // Of a step that fails zlib may tell nobody but those who listen for errors, or both.
      if (this.#settle !== settle) return
      this.#settle = undefined
      after?.(error)
      leave()
    }
    this.#gate.enter(() => {
      if (this.#isOver) return leave()
      this.#settle = settle
      run(settle)
    })
  }

  #encode({ content, callback }: Chunk): void {
    const isLarge = content.length > LARGEST_STEP
    const part = isLarge ? content.subarray(0, LARGEST_STEP) : content
    const write = (settle: Callback): void => {
      if (isLarge) this.#queue[0] = { content: content.subarray(LARGEST_STEP), callback }
      else this.#queue.shift()
      this.#holdsContent = true
      this.#stream.write(part, settle)
    }
    this.#step(write, (error) => {
      this.#queued -= part.length
      if (!isLarge) callback?.(error)
    })
  }

  #flushWhenIdle(): void {
    clearImmediate(this.#idle)
    this.#idle = setImmediate(() => {
      if (this.#queue.length === 0 && !this.#isEnding) this.flush()
    })
  }

  #tellDrain(): void {
    if (!this.#wantsDrain) return
    this.#wantsDrain = false
    this.#sink.drain()
  }

  #fail(error: Error): void {
    if (this.#isOver) return
    this.destroy()
    this.#sink.fail(error)
  }
}

/** For whoever waited to hear that something was sent, and the client went away. */
export function closedError(): Error {
  const error = new Error('The response was closed before this was sent')
  return Object.assign(error, { code: 'ERR_STREAM_DESTROYED' })
}
