import type { Clock } from '../../core/clock.ts'
import { StoreError } from '../../core/store/errors.ts'
import type { ByteBodies, ByteBody } from '../../core/store/remote.ts'
import type { ObjectClient } from './s3-objects.ts'

/**
 * Bodies as objects, read by one request for each part asked for. A body is named by its etag: what was begun goes on
 * where another takes its place, but where its connection breaks meanwhile it ends early.
 */
export function s3Bodies(objects: ObjectClient, nameOf: (key: string) => string, clock: Clock): ByteBodies {
  return {
    write: async (key, body, lifetime) => {
      const etag = await objects.write(nameOf(key), body, clock.now() + lifetime)
      if (etag === '')
        throw new StoreError('S3 told no ETag of what it wrote: large bodies need it. Lower maxEntrySize')
      return etag
    },
    open: async (key, etag, length) => new S3Body(objects, nameOf(key), etag, length),
    // The object has no end of its own: that of its item counts.
    extend: async () => true,
  }
}

class S3Body implements ByteBody {
  readonly #objects: ObjectClient
  readonly #key: string
  readonly #etag: string
  readonly #length: number
  readonly #closing = new AbortController()

  constructor(objects: ObjectClient, key: string, etag: string, length: number) {
    this.#objects = objects
    this.#key = key
    this.#etag = etag
    this.#length = length
  }

  async *read(start: number, end: number): AsyncGenerator<Uint8Array, void, void> {
    const { signal } = this.#closing
    let position = start
    while (position < end) {
      const before = position
      try {
        const part = { etag: this.#etag, length: this.#length, start: position, end }
        const bytes = await this.#objects.read(this.#key, part, signal)
        if (bytes === undefined) return
        for await (const chunk of bytes) {
          position += chunk.length
          yield chunk
        }
        if (position === before) return
      } catch (error) {
        // A service does not wait for a slow reader for ever: the rest is asked for anew, as long as some of it comes.
        if (position === before || signal.aborted) throw error
      }
    }
  }

  close(): void {
    this.#closing.abort()
  }
}
