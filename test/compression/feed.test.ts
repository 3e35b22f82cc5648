/** How content is encoded as it comes: never ahead of who reads it, and nothing stays of what is given up. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Coding } from '../../src/core/compression/coding.ts'
import { type EncodingStream, encoderOf } from '../../src/core/compression/encoders.ts'
import { EncodingFeed, type Sink } from '../../src/core/compression/feed.ts'
import { Gate } from '../../src/core/compression/gate.ts'
import { decode } from '../support/decode.ts'
import { codings } from './wire.ts'

const KB = 1024
/** Nothing makes it smaller. */
const block = randomBytes(4 * 1024 * KB)
/** Bytes that may come of one step, at most: some codings collect content before they give any. */
const LUMP = 256 * KB

/** A reader who takes so many pieces before he is behind. */
class Reader implements Sink {
  readonly pieces: Buffer[] = []
  readonly told: string[] = []
  takes = Infinity

  write(encoded: Buffer): boolean {
    this.pieces.push(encoded)
    return --this.takes > 0
  }

  end(): void {
    this.told.push('end')
  }

  drain(): void {
    this.told.push('drain')
  }

  fail(error: Error): void {
    this.told.push(error.message)
  }

  get bytes(): number {
    return this.pieces.reduce((sum, { length }) => sum + length, 0)
  }
}

interface Feeding {
  readonly feed: EncodingFeed
  readonly reader: Reader
  readonly gate: Gate
  readonly stream: EncodingStream
  /** Bytes of each piece that zlib was given. */
  readonly steps: number[]
  readonly ended: ReturnType<typeof vi.fn>
}

const streams: EncodingStream[] = []

function start(coding: Coding, { isEager = false, concurrency = 1 } = {}): Feeding {
  const encoder = encoderOf(coding, {})
  const [reader, gate, ended] = [new Reader(), new Gate(concurrency), vi.fn()]
  const steps: number[] = []
  let stream: EncodingStream | undefined
  const observed = {
    ...encoder,
    stream: (...given: Parameters<typeof encoder.stream>) => {
      stream = encoder.stream(...given)
      const { write } = stream
      stream.write = ((...given: [Buffer, never]) => {
        // A flush is a write of nothing.
        if (given[0].length > 0) steps.push(given[0].length)
        return write.apply(stream, given)
      }) as typeof write
      streams.push(stream)
      return stream
    },
  }
  const feed = new EncodingFeed(observed, gate, reader, { isEager, size: undefined, onEnd: ended })
  return { feed, reader, gate, stream: stream as EncodingStream, steps, ended }
}

/** When whoever had a place in the gate, or waited for one, has had it: what could go on has gone on. */
async function turns(gate: Gate, count = 10): Promise<void> {
  for (let i = 0; i < count; i++) {
    await new Promise<void>((resolve) => gate.enter(resolve))
    gate.leave()
    await new Promise((resolve) => setImmediate(resolve))
  }
}

afterEach(() => {
  for (const stream of streams.splice(0)) stream.destroy()
})

describe.each(codings)('in %s', (coding) => {
  let feeding: Feeding
  beforeEach(() => {
    // With its usual window Brotli collects 4 MB.
    feeding = start(coding, { isEager: coding === 'br' })
  })

  test('no step is larger than 64 KiB, and all of it arrives', async () => {
    const { feed, reader, steps } = feeding
    feed.write(block)
    feed.write(block.subarray(0, 100))
    feed.end()
    await expect.poll(() => reader.told).toContain('end')
    expect(Math.max(...steps)).toBe(64 * KB)
    expect(steps.reduce((sum, size) => sum + size, 0)).toBe(block.length + 100)
    const content = Buffer.concat([block, block.subarray(0, 100)])
    expect(decode(coding, Buffer.concat(reader.pieces)).equals(content)).toBe(true)
  })

  test('nothing is encoded ahead of a reader who is behind, however much waits', async () => {
    const { feed, reader, gate, steps } = feeding
    reader.takes = 1
    feed.write(block)
    await expect.poll(() => reader.pieces.length).toBeGreaterThan(0)
    await turns(gate)
    const [bytes, begun] = [reader.bytes, steps.length]
    expect(bytes).toBeLessThan(LUMP)
    await turns(gate)
    expect([reader.bytes, steps.length]).toEqual([bytes, begun])
    reader.takes = 1
    feed.drained()
    await turns(gate)
    expect(reader.bytes).toBeGreaterThan(bytes)
    expect(reader.bytes - bytes).toBeLessThan(LUMP)
    expect(reader.told).toEqual([])
  })

  test('who writes is told to wait while the reader is behind, whatever little he writes, and to go on after it', async () => {
    const { feed, reader, gate } = feeding
    reader.takes = 1
    feed.write(block.subarray(0, 60 * KB))
    feed.flush()
    await expect.poll(() => reader.pieces.length).toBeGreaterThan(0)
    await turns(gate)
    expect(feed.write(Buffer.from('a little'))).toBe(false)
    await turns(gate)
    expect(reader.told).toEqual([])
    reader.takes = Infinity
    feed.drained()
    await expect.poll(() => reader.told).toEqual(['drain'])
    await turns(gate)
    expect(feed.write(Buffer.from('a little'))).toBe(true)
    expect(reader.told).toEqual(['drain'])
  })

  test('who writes is told to wait where 64 KiB wait to be encoded, and to go on when none do', async () => {
    const { feed, reader, gate, steps } = feeding
    const place = Promise.withResolvers<void>()
    gate.enter(() => void place.promise.then(() => gate.leave()))
    expect(feed.write(block.subarray(0, 40 * KB))).toBe(true)
    expect(feed.write(block.subarray(0, 23 * KB))).toBe(true)
    expect(feed.write(block.subarray(0, KB))).toBe(false)
    expect([steps, reader.told]).toEqual([[], []])
    place.resolve()
    await expect.poll(() => reader.told).toEqual(['drain'])
    expect(steps.slice(0, 3)).toEqual([40 * KB, 23 * KB, KB])
  })

  test('a place in the gate is kept for no longer than a step takes, whoever is behind', async () => {
    const { feed, reader, gate } = feeding
    reader.takes = 1
    feed.write(block)
    await expect.poll(() => reader.pieces.length).toBeGreaterThan(0)
    // With one place only, this would wait for ever.
    await turns(gate)
  })

  describe('what is given up', () => {
    test('between two steps is closed at once, sends nothing more and leaves its place', async () => {
      const { feed, reader, gate, stream, ended } = feeding
      reader.takes = 1
      feed.write(block)
      await expect.poll(() => reader.pieces.length).toBeGreaterThan(0)
      await turns(gate)
      const pieces = reader.pieces.length
      feed.destroy()
      expect(stream.destroyed).toBe(true)
      feed.drained()
      await turns(gate)
      expect([reader.pieces.length, reader.told, ended.mock.calls]).toEqual([pieces, [], []])
    })

    test('in the middle of a step is closed behind it, and leaves its place', async () => {
      const { feed, reader, gate, stream, steps } = feeding
      feed.write(block)
      expect(steps).toHaveLength(1)
      feed.destroy()
      await once(stream, 'close')
      await turns(gate)
      expect([steps.length, reader.pieces, reader.told]).toEqual([1, [], []])
    })

    test('while it waits for its turn never begins, is closed when that comes, and leaves its place', async () => {
      const { feed, gate, stream, steps } = feeding
      const place = Promise.withResolvers<void>()
      gate.enter(() => void place.promise.then(() => gate.leave()))
      feed.write(block)
      feed.destroy()
      place.resolve()
      await once(stream, 'close')
      await turns(gate)
      expect(steps).toEqual([])
    })

    test('tells who waits', async () => {
      const { feed, reader, gate } = feeding
      reader.takes = 1
      const told: unknown[] = []
      const tell = (error?: Error | null): void => void told.push((error as NodeJS.ErrnoException)?.code)
      feed.write(block, tell)
      feed.write(block, tell)
      await expect.poll(() => reader.pieces.length).toBeGreaterThan(0)
      await turns(gate)
      feed.destroy()
      await turns(gate)
      expect(told).toEqual(['ERR_STREAM_DESTROYED', 'ERR_STREAM_DESTROYED'])
    })
  })

  test('what fails in the middle of a step tells its reader and its writer once, and leaves its place', async () => {
    const { feed, reader, gate, stream } = feeding
    const told: (string | undefined)[] = []
    feed.write(block.subarray(0, KB), (error) => told.push(error?.message))
    stream.destroy(new Error('on purpose'))
    await turns(gate)
    expect([reader.told, told]).toEqual([['on purpose'], ['on purpose']])
  })
})
