import { hash } from 'node:crypto'

/** Bytes of content that are held to compare with. */
const MOST_BYTES = 8 * 1024 * 1024
/** How many contents are remembered, most of them without their bytes. */
const MOST_CONTENTS = 4096
/** Bytes that a fingerprint takes from each end of some content, and at most of them between. */
const ENDS = 128
const SAMPLES = 256

interface Known {
  readonly digest: string
  /** A copy, where the same content came twice. */
  readonly content: Buffer | undefined
}

/**
 * Digests of content. What comes again and again is recognised by comparing it byte for byte with what it was: that takes a
 * small part of the time that a digest takes.
 */
export class Digests {
  /** By fingerprint; what was not asked for longest comes first. */
  readonly #known = new Map<number, Known>()
  /** Bytes. */
  #held = 0

  of(content: Uint8Array): string {
    const print = fingerprint(content)
    const known = this.#known.get(print)
    const isSame = known?.content?.equals(content) === true
    // Nobody can make content that has another's digest.
    const digest = isSame ? (known as Known).digest : hash('sha256', content, 'base64url')
    this.#forget(print, known)
    if (isSame) this.#remember(print, known as Known)
    else this.#remember(print, { digest, content: known?.digest === digest ? Buffer.from(content) : undefined })
    return digest
  }

  #remember(print: number, known: Known): void {
    this.#known.set(print, known)
    this.#held += known.content?.length ?? 0
    while (this.#held > MOST_BYTES || this.#known.size > MOST_CONTENTS) {
      const [oldest] = this.#known.keys()
      this.#forget(oldest as number, this.#known.get(oldest as number))
    }
  }

  #forget(print: number, known: Known | undefined): void {
    if (known === undefined) return
    this.#known.delete(print)
    this.#held -= known.content?.length ?? 0
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
    print = (Math.imul(print, 31) + (content[i] as number)) | 0
  }
  return print
}
