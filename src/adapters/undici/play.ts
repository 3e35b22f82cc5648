import { type Reply, streamOf } from '../../core/cache/reply.ts'
import { Playback } from './playback.ts'
import type { Handler } from './types.ts'

/** Answers a handler with a reply, at once as far as its content is here. */
export function play(reply: Reply, handler: Handler): void {
  const content = streamOf(reply)
  const playback =
    content === undefined ? new WholePlayback(reply, handler) : new StreamPlayback(reply, handler, content)
  playback.start()
}

/** An answer whose content is all here. */
class WholePlayback extends Playback {
  #position = 0

  protected override flow(): void {
    const { body } = this.reply
    if (body !== undefined && this.#position < body.length) {
      this.#position += this.hand(this.#position === 0 ? body : body.subarray(this.#position))
      if (this.#position < body.length) return
    }
    if (this.isFlowing) this.end()
  }
}

/** An answer whose content is still being recorded, or lies in a store: it is pulled at the handler's own speed. */
class StreamPlayback extends Playback {
  readonly #content: AsyncIterableIterator<Buffer, void, void>
  #rest: Buffer = EMPTY
  #pulling = false

  constructor(reply: Reply, handler: Handler, content: AsyncIterableIterator<Buffer, void, void>) {
    super(reply, handler)
    this.#content = content
  }

  protected override fail(error: unknown): void {
    void this.#content.return?.()
    super.fail(error)
  }

  protected override flow(): void {
    if (!this.#pulling) void this.#pull()
  }

  async #pull(): Promise<void> {
    this.#pulling = true
    try {
      while (this.isFlowing) {
        if (this.#rest.length > 0) {
          this.#rest = this.#rest.subarray(this.hand(this.#rest))
          continue
        }
        const next = await this.#content.next()
        if (next.done) {
          // Paused meanwhile: it ends when it is resumed, and the generator says so again.
          if (this.isFlowing) this.end()
          break
        }
        this.#rest = next.value
      }
    } catch (error) {
      this.fail(error)
    }
    this.#pulling = false
  }
}

const EMPTY = Buffer.alloc(0)
