import { Writable } from 'node:stream'
import type { GuardedStore } from '../../core/store/guard.ts'

/**
 * Collects an answer's content and hands it over when it is complete. It takes chunks as fast as they come; content
 * above the store's limit, or for which there is no memory, is dropped silently.
 */
export class AnswerWriter extends Writable {
  readonly #store: GuardedStore
  readonly #keep: (body: Buffer) => Promise<void>
  #chunks: Buffer[] = []
  #bytes = 0
  #dropped = false

  constructor(store: GuardedStore, keep: (body: Buffer) => Promise<void>) {
    super({ highWaterMark: Number.MAX_SAFE_INTEGER })
    this.#store = store
    this.#keep = keep
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    if (!this.#dropped) this.#take(chunk)
    callback()
  }

  override _final(callback: () => void): void {
    if (this.#dropped) return callback()
    const body = Buffer.concat(this.#chunks)
    // What goes wrong here is the store's fault, and the guard has told of it.
    this.#keep(body).then(callback, callback)
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#drop()
    callback(error)
  }

  #take(chunk: Buffer): void {
    const { length } = chunk
    if (this.#bytes + length > this.#store.maxEntrySize || !this.#store.reserve(length)) return this.#drop()
    this.#bytes += length
    this.#chunks.push(Buffer.from(chunk))
  }

  #drop(): void {
    this.#dropped = true
    this.#chunks = []
    if (this.#bytes > 0) this.#store.release(this.#bytes)
    this.#bytes = 0
  }
}
