import { hash, randomUUID } from 'node:crypto'

/** Bytes of content that are held to compare with. */
const MOST_BYTES = 8 * 1024 * 1024
/** How many contents that are held no more are known to have been here. */
const MOST_SEEN = 4096
/** Bytes that a fingerprint takes from each end of some content, and at most of them between. */
const ENDS = 128
const SAMPLES = 256
/** Of 32-bit FNV-1a. */
const FNV_PRIME = 16_777_619

/** A copy of some content. */
interface Held {
  readonly name: string
  readonly print: number
  /** Where it begins among the bytes. */
  readonly at: number
  readonly length: number
}

/**
 * Names content, never two contents alike: by its digest, or little content that was not here before by a number, which is
 * good in this process for as long as the bytes are held. What comes again soon is recognised by comparing it byte for byte,
 * and what never comes again costs no digest, which would take half as long as its compression.
 */
export class ContentNames {
  readonly #largestNumbered: number
  /** Tells numbers apart from those of others who share a store. */
  readonly #prefix = randomUUID()
  #count = 0
  /** One piece of memory, written round and round: a buffer for each content would be collected again and again. */
  #bytes: Buffer | undefined
  /** Where the next content goes. */
  #end = 0
  /** By fingerprint, in the order of writing. */
  readonly #held = new Map<number, Held>()
  /** Fingerprints of what is held no more, the oldest first. */
  readonly #seen = new Set<number>()

  /** @param largestNumbered Bytes of the largest content that may have a number. Larger content has the same name in all processes. */
  constructor(largestNumbered: number) {
    this.#largestNumbered = largestNumbered
  }

  /** @param content At most 8 MiB. */
  of(content: Uint8Array): string {
    const print = fingerprint(content)
    const held = this.#held.get(print)
    if (held !== undefined && this.#isSame(held, content)) return held.name
    const isNew = held === undefined && !this.#seen.has(print)
    if (held !== undefined) this.#letGo(held)
    // Nobody can make content that has another's digest.
    const mayHaveNumber = isNew && content.length <= this.#largestNumbered
    const name = mayHaveNumber ? `${this.#prefix} ${++this.#count}` : hash('sha256', content, 'base64url')
    this.#hold(content, name, print)
    return name
  }

  #isSame({ at, length }: Held, content: Uint8Array): boolean {
    return length === content.length && this.#bytes?.compare(content, 0, length, at, at + length) === 0
  }

  #hold(content: Uint8Array, name: string, print: number): void {
    const { length } = content
    this.#bytes ??= Buffer.allocUnsafeSlow(MOST_BYTES)
    if (this.#end + length > MOST_BYTES) {
      this.#makeRoom(this.#end, MOST_BYTES)
      this.#end = 0
    }
    const at = this.#end
    this.#end += length
    this.#makeRoom(at, this.#end)
    this.#bytes.set(content, at)
    this.#held.set(print, { name, print, at, length })
  }

  /** What begins there was written first of all, a round ago. */
  #makeRoom(from: number, to: number): void {
    for (const oldest of this.#held.values()) {
      if (oldest.at < from || oldest.at >= to) return
      this.#letGo(oldest)
    }
  }

  #letGo({ print }: Held): void {
    this.#held.delete(print)
    this.#seen.add(print)
    if (this.#seen.size > MOST_SEEN) this.#seen.delete(this.#seen.values().next().value as number)
  }
}

/**
 * Tells most contents apart by some of their bytes: all of those at both ends, where what differs mostly is, and samples
 * between. Contents that it does not tell apart are told apart by all of their bytes, and cost their digest each time.
 */
function fingerprint(content: Uint8Array): number {
  const { length } = content
  const step = Math.max(1, Math.floor(length / SAMPLES))
  let print = length | 0
  for (let i = 0; i < length; i += i < ENDS || i >= length - ENDS ? 1 : step) {
    print = Math.imul(print ^ (content[i] as number), FNV_PRIME)
  }
  return print
}
