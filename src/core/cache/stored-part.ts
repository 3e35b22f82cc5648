import { StoreError } from '../store/errors.ts'
import type { GuardedBody, StoreBudget } from '../store/guard.ts'
import type { OpenBody } from '../store/store.ts'
import type { Held } from './shelf.ts'

/** An open body that several answers may read. It is closed when the last of those who hold it lets go. */
export class Pin {
  readonly #body: OpenBody
  #holders = 1

  constructor(body: OpenBody) {
    this.#body = body
  }

  /** One holder more. */
  share(): this {
    this.#holders++
    return this
  }

  read(start: number, end: number): AsyncGenerator<Buffer, void, void> {
    return this.#body.read(start, end)
  }

  /** One holder less. */
  release(): void {
    if (--this.#holders === 0) this.#body.close()
  }
}

/** Whether a stored response has a large body that nobody holds open. */
export function isUnpinned({ body, pin }: Held): boolean {
  return !Buffer.isBuffer(body) && pin === undefined
}

/** Holds the body of a stored response open, whatever becomes of it in the store; undefined where it is gone. */
export async function pinned(held: Held, budget?: StoreBudget, signal?: AbortSignal): Promise<Held | undefined> {
  const { body } = held
  if (Buffer.isBuffer(body)) return held
  const open = await body.open(0, body.length, budget, signal)
  return open && { ...held, pin: new Pin(open) }
}

/** The same without its hold. */
export function unpinned(held: Held): Held {
  const { pin, ...rest } = held
  pin?.release()
  return rest
}

const over: IteratorReturnResult<void> = { done: true, value: undefined }

/**
 * The part of a large stored body that is an answer's content. It is read once, at the reader's own speed, and must be
 * read to its end, returned or closed.
 */
export class StoredPart implements AsyncIterableIterator<Buffer, void, void> {
  readonly start: number
  readonly end: number
  readonly #body: GuardedBody
  #pin: Pin | undefined
  #pieces: AsyncGenerator<Buffer, void, void> | undefined
  #isOver = false

  /** Positions in bytes, `end` exclusive. */
  constructor(body: GuardedBody, start: number, end: number) {
    this.#body = body
    this.start = start
    this.end = end
  }

  /** Makes sure that it can be read before anything is said of it; false where it cannot. */
  async open(budget: StoreBudget | undefined, signal: AbortSignal | undefined): Promise<boolean> {
    const body = await this.#body.open(this.start, this.end, budget, signal)
    if (body === undefined) return false
    this.use(new Pin(body))
    return true
  }

  /** Reads from a body that is open already, which it lets go of in the end. */
  use(pin: Pin): void {
    if (this.#isOver || this.#pin !== undefined) pin.release()
    else this.#pin = pin
  }

  async next(): Promise<IteratorResult<Buffer, void>> {
    if (this.#isOver) return over
    try {
      if (this.#pin === undefined && !(await this.open(undefined, undefined))) {
        throw new StoreError('A stored body was removed or replaced before it was read')
      }
      this.#pieces ??= this.#pin?.read(this.start, this.end)
      const piece = await this.#pieces?.next()
      if (piece !== undefined && !piece.done) return piece
      this.close()
      return over
    } catch (error) {
      this.close()
      throw error
    }
  }

  async return(): Promise<IteratorReturnResult<void>> {
    this.close()
    return over
  }

  close(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#pin?.release()
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
