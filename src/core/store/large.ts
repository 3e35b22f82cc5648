import { crc32 } from 'node:zlib'
import { StoreError } from './errors.ts'
import { pieceSize, regrouped } from './pieces.ts'
import type { OpenBody, StoredBody } from './store.ts'

/** What a client of a folder or of objects does for bodies that are kept in one value each and read in parts. */
export interface ByteBodies {
  /** Keeps a body, replacing what was there, whole or not at all. Resolves with a word that names this very body. */
  write(key: string, body: Buffer, lifetime: number): Promise<string>
  /** Undefined where there is none, another, or one of another length, as far as that can be told without reading. */
  open(key: string, name: string, length: number): Promise<ByteBody | undefined>
  /**
   * Keeps the body that is there for so many ms from now. Resolves with false, and does nothing, where it is gone or
   * another one, as far as that can be told without reading.
   */
  extend(key: string, name: string, lifetime: number): Promise<boolean>
}

/** A body that a ByteBodies opened. */
export interface ByteBody {
  /**
   * The bytes from `start` up to `end`, exclusive; in pieces of `size` where that is no matter. Ends early where the body
   * is gone or has been replaced.
   */
  read(start: number, end: number, size: number): AsyncIterable<Uint8Array>
  /** Breaks off what is being read. */
  close(): void
}

/** Metadata of an item whose body is kept in one piece beside it. */
export interface LargeMeta {
  readonly kind: typeof kind
  /** Names the body that is meant: others may be writing under the same key. */
  readonly name: string
  readonly length: number
  readonly pieceSize: number
  /** CRC-32 of each piece, u32 big-endian, base64. */
  readonly sums: string
  readonly meta: object
}

const kind = 'breakwater:large'
/** Whoever can write to a store could name any size, and each reader holds a piece. */
const largestPiece = 4 * 1024 * 1024
/** Milliseconds within which the next piece must have come. */
const patience = 10_000

/** Describes a body whose pieces have the CRCs `sums`. */
export function largeMeta(name: string, body: Buffer, sums: Buffer, meta: object): LargeMeta {
  return { kind, name, length: body.length, pieceSize, sums: sums.toString('base64'), meta }
}

export function isLargeMeta(meta: object): meta is LargeMeta {
  return (meta as Partial<LargeMeta>).kind === kind
}

/** Where a large body lies, and who is told that it is damaged there. */
export interface Place {
  readonly bodies: ByteBodies
  readonly key: string
  readonly damaged: () => void
}

/** The body that `head` describes; undefined where the description cannot be true or is of more than `most` bytes. */
export function keptBody(head: LargeMeta, place: Place, most: number): KeptBody | undefined {
  const { name, length, pieceSize, sums, meta } = head
  if (!Number.isSafeInteger(length) || length < 1 || length > most) return undefined
  if (!Number.isSafeInteger(pieceSize) || pieceSize < 1 || pieceSize > largestPiece) return undefined
  if (typeof name !== 'string' || typeof sums !== 'string' || typeof meta !== 'object' || meta === null)
    return undefined
  const crcs = Buffer.from(sums, 'base64')
  return crcs.length === 4 * Math.ceil(length / pieceSize) ? new KeptBody(head, crcs, place) : undefined
}

/** A body in a place that is read in parts. */
export class KeptBody implements StoredBody {
  readonly length: number
  readonly head: LargeMeta
  readonly #sums: Buffer
  readonly #place: Place

  constructor(head: LargeMeta, sums: Buffer, place: Place) {
    this.head = head
    this.length = head.length
    this.#sums = sums
    this.#place = place
  }

  /** Whether it is kept there, and not under another key or by another store. */
  isAt(bodies: ByteBodies, key: string): boolean {
    return this.#place.bodies === bodies && this.#place.key === key
  }

  async open(start: number, end: number): Promise<OpenBody | undefined> {
    const { bodies, key, damaged } = this.#place
    const bytes = await bodies.open(key, this.head.name, this.length)
    if (bytes === undefined) return undefined
    const open = new VerifiedBody(bytes, this.head, this.#sums, damaged)
    try {
      if (await open.begins(start, end)) return open
    } catch (error) {
      open.close()
      throw error
    }
    open.close()
    return undefined
  }
}

interface Begun {
  readonly from: number
  readonly to: number
  first: Buffer
  readonly pieces: AsyncGenerator<Buffer, void, void>
}

/** Memory that a slow reader's generator would hold on to. */
function takeFirst(begun: Begun): Buffer {
  const { first } = begun
  begun.first = NOTHING
  return first
}

const NOTHING = Buffer.alloc(0)

/** What was opened turned out not to be whole: no fault of the client that reads it. */
class BrokenBodyError extends StoreError {}

/** The pieces of a body, each compared with its CRC. */
class VerifiedBody implements OpenBody {
  readonly #bytes: ByteBody
  readonly #head: LargeMeta
  readonly #sums: Buffer
  readonly #damaged: () => void
  /** What was begun when the body was opened: its first piece has been verified. */
  #begun: Begun | undefined

  constructor(bytes: ByteBody, head: LargeMeta, sums: Buffer, damaged: () => void) {
    this.#bytes = bytes
    this.#head = head
    this.#sums = sums
    this.#damaged = damaged
  }

  /** Whether the piece at `start` is there and undamaged. */
  async begins(start: number, end: number): Promise<boolean> {
    const [from, to] = this.#span(start, end)
    const pieces = this.#pieces(from, to)
    const { value: first } = await pieces.next()
    if (first === undefined || !this.#isUndamaged(from, first)) return false
    this.#begun = { from, to, first, pieces }
    return true
  }

  async *read(start: number, end: number): AsyncGenerator<Buffer, void, void> {
    const [from, to] = this.#span(start, end)
    let index = from
    for await (const piece of this.#verified(from, to)) {
      const offset = index * this.#head.pieceSize
      yield piece.subarray(Math.max(0, start - offset), Math.min(piece.length, end - offset))
      index++
    }
    if (index < to) throw new BrokenBodyError('A stored body was removed or replaced while it was read')
  }

  close(): void {
    this.#begun = undefined
    this.#bytes.close()
  }

  /** The pieces that hold the bytes from `start` up to `end`, exclusive. */
  #span(start: number, end: number): [from: number, to: number] {
    return [Math.floor(start / this.#head.pieceSize), Math.ceil(end / this.#head.pieceSize)]
  }

  /** Goes on with what was begun, where that is what is asked for; who comes second begins anew. */
  async *#verified(from: number, to: number): AsyncGenerator<Buffer, void, void> {
    const begun = this.#begun
    this.#begun = undefined
    let index = from
    let pieces = begun?.pieces
    if (begun?.from === from && begun.to === to) {
      yield takeFirst(begun)
      index++
    } else {
      void pieces?.return()
      pieces = this.#pieces(from, to)
    }
    for await (const piece of pieces ?? []) {
      if (!this.#isUndamaged(index, piece)) throw new BrokenBodyError('A stored body is damaged: a checksum is wrong')
      yield piece
      index++
    }
  }

  async *#pieces(from: number, to: number): AsyncGenerator<Buffer, void, void> {
    const { pieceSize: size, length } = this.#head
    const [start, end] = [from * size, Math.min(to * size, length)]
    const pieces = regrouped(this.#bytes.read(start, end, size), size, end - start)
    try {
      for (;;) {
        const next = await this.#inTime(pieces.next())
        if (next.done) return
        yield next.value
      }
    } finally {
      // Not waited for: it may be the very thing that hangs, and ends when the body is closed.
      pieces.return().catch(() => {})
    }
  }

  #inTime<T>(next: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new StoreError(`A stored body did not go on within ${patience} ms`))
        this.close()
      }, patience)
      next.then(resolve, reject).finally(() => clearTimeout(timer))
    })
  }

  #isUndamaged(index: number, piece: Buffer): boolean {
    const isRight = crc32(piece) === this.#sums.readUInt32BE(4 * index)
    if (!isRight) this.#damaged()
    return isRight
  }
}

/** All bytes of a stored body; undefined where it is gone or damaged. Rejects where it could not be read. */
export async function wholeBody(body: StoredBody): Promise<Buffer | undefined> {
  const open = await body.open(0, body.length)
  if (open === undefined) return undefined
  const whole = Buffer.allocUnsafeSlow(body.length)
  let position = 0
  try {
    for await (const piece of open.read(0, body.length)) position += piece.copy(whole, position)
  } catch (error) {
    if (!(error instanceof BrokenBodyError)) throw error
    return undefined
  } finally {
    open.close()
  }
  return position === body.length ? whole : undefined
}
