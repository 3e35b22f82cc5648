import { hash, randomUUID } from 'node:crypto'
import { Ring } from './ring.ts'

/** Bytes of content that are held to compare with. */
const MOST_BYTES = 8 * 1024 * 1024
/** Places for the fingerprints of what is held no more, so many of them beside each other: powers of two. */
const PLACES = 65_536
const BESIDE = 4
/** Bytes that a fingerprint takes from each end of some content, and at most of them between. */
const ENDS = 128
const SAMPLES = 256
/** Of 32-bit FNV-1a. */
const FNV_PRIME = 16_777_619

/** What some content is called. */
export interface ContentName {
  readonly name: string
  /** Whether nobody has called it so before: as far as is known it was not here, and mostly it never comes again. */
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
  readonly #held = new Ring<number, string>(MOST_BYTES, (print) => this.#seen.add(print))
  /** Fingerprints of what is held no more. */
  readonly #seen = new Fingerprints()

  /** @param largestNumbered Bytes of the largest content that may have a number. Larger content has the same name in all processes. */
  constructor(largestNumbered: number) {
    this.#largestNumbered = largestNumbered
  }

  of(content: Uint8Array): ContentName {
    const print = fingerprint(content)
    const held = this.#held.get(print)
    if (held !== undefined && this.#held.isSame(held, content)) return { name: held.value, isNew: false }
    // Digests are known to others who share a store.
    const isNew = content.length <= this.#largestNumbered && held === undefined && !this.#seen.has(print)
    // Nobody can make content that has another's digest.
    const name = isNew ? `${this.#prefix} ${++this.#count}` : hash('sha256', content, 'base64url')
    this.#held.hold(print, name, content)
    return { name, isNew }
  }
}

/** Remembers fingerprints in little memory: a newer one may take the place of an older one. */
class Fingerprints {
  readonly #places = new Int32Array(PLACES)

  has(print: number): boolean {
    const first = firstPlace(print)
    for (let at = first; at < first + BESIDE; at++) if (this.#places[at] === print) return true
    return false
  }

  add(print: number): void {
    if (this.has(print)) return
    const first = firstPlace(print)
    this.#places.copyWithin(first + 1, first, first + BESIDE - 1)
    this.#places[first] = print
  }
}

function firstPlace(print: number): number {
  return (print ^ (print >>> 16)) & (PLACES - BESIDE)
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
