import { hash, randomUUID } from 'node:crypto'
import { Ring } from './ring.ts'

/** Bytes of content that are held to compare with. */
const MOST_BYTES = 8 * 1024 * 1024
/** How many contents that are held no more are known to have been here. */
const MOST_SEEN = 4096
/** Bytes that a fingerprint takes from each end of some content, and at most of them between. */
const ENDS = 128
const SAMPLES = 256
/** Of 32-bit FNV-1a. */
const FNV_PRIME = 16_777_619

/** What some content is called. */
export interface ContentName {
  readonly name: string
  /** Whether it was not here before, as far as is known: it mostly never comes again. */
  readonly isNew: boolean
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
  /** Names by fingerprint. */
  readonly #held = new Ring<number, string>(MOST_BYTES, (print) => this.#remember(print))
  /** Fingerprints of what is held no more, the oldest first. */
  readonly #seen = new Set<number>()

  /** @param largestNumbered Bytes of the largest content that may have a number. Larger content has the same name in all processes. */
  constructor(largestNumbered: number) {
    this.#largestNumbered = largestNumbered
  }

  of(content: Uint8Array): ContentName {
    const print = fingerprint(content)
    const held = this.#held.get(print)
    if (held !== undefined && this.#held.isSame(held, content)) return { name: held.value, isNew: false }
    const isNew = held === undefined && !this.#seen.has(print)
    // Nobody can make content that has another's digest.
    const mayHaveNumber = isNew && content.length <= this.#largestNumbered
    const name = mayHaveNumber ? `${this.#prefix} ${++this.#count}` : hash('sha256', content, 'base64url')
    this.#held.hold(print, name, content)
    return { name, isNew }
  }

  #remember(print: number): void {
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
