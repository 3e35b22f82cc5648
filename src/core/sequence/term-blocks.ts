import type { GuardedStore } from '../store/guard.ts'
import type { Sequence } from './contract.ts'
import { keptBody } from './kept-body.ts'

/** Terms that were computed together: `size` of them, fewer where the sequence ends in it. Written once, never changed. */
export interface TermBlock {
  /** The JSON text of each. */
  readonly texts: readonly string[]
  /** The encoded state of the last of them. */
  readonly state: Uint8Array
}

/** ms. What is in a store never grows wrong: it leaves when nobody has asked for it for long, or there is no room. */
const LIFETIME = 30 * 24 * 60 * 60_000

/** The kept blocks of one sequence: block n has the terms from n times `size` on. */
export class TermBlocks {
  readonly size: number
  readonly #store: GuardedStore
  readonly #prefix: string

  /** `size`: terms of a block. */
  constructor({ id, version }: Sequence, store: GuardedStore, size: number) {
    this.size = size
    this.#store = store
    this.#prefix = `sequence ${JSON.stringify([id, version, size])}`
  }

  /** What the right to write them is asked for by. */
  get leaseKey(): string {
    return `write ${this.#prefix}`
  }

  async find(n: number): Promise<TermBlock | undefined> {
    const body = await keptBody(await this.#store.get(`${this.#prefix} block ${n}`))
    return body && blockOf(body, this.size)
  }

  /** Resolves when it is there, or the store has failed to take it. `isHead`: whether the head is behind it now. */
  async keep(n: number, block: TermBlock, isHead: boolean): Promise<void> {
    const isKept = await this.#store.set(`${this.#prefix} block ${n}`, { meta: {}, body: bytesOf(block) }, LIFETIME)
    if (isKept && isHead) {
      await this.#store.set(`${this.#prefix} head`, { meta: { blocks: n + 1 }, body: EMPTY }, LIFETIME)
    }
  }

  /** The number of the block after the one that was written last by right: a hint of where to go on. */
  async head(): Promise<number> {
    const item = await this.#store.latest(`${this.#prefix} head`)
    const { blocks } = (item?.meta ?? {}) as { blocks?: unknown }
    return Number.isSafeInteger(blocks) && (blocks as number) > 0 ? (blocks as number) : 0
  }
}

const EMPTY = Buffer.alloc(0)

/** The state's length in 4 bytes, the state, the texts with a line break between: JSON texts have none. */
function bytesOf({ texts, state }: TermBlock): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(state.length)
  return Buffer.concat([length, state, Buffer.from(texts.join('\n'))])
}

/** Undefined for bytes that are no block: whoever can write to the store may have written them. */
function blockOf(bytes: Buffer, size: number): TermBlock | undefined {
  if (bytes.length < 4) return undefined
  const from = 4 + bytes.readUInt32BE(0)
  if (from >= bytes.length) return undefined
  const texts = bytes.toString('utf8', from).split('\n')
  return texts.length <= size && !texts.includes('') ? { texts, state: bytes.subarray(4, from) } : undefined
}
