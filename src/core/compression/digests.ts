import { hash } from 'node:crypto'

/** Bytes of content that are held to compare with. */
const MOST_BYTES = 8 * 1024 * 1024
/** How many contents are remembered, most of them without their bytes. */
const MOST_CONTENTS = 4096
const SAMPLES = 64

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

/** Tells most contents apart by a few of their bytes. Those it does not are told apart by all of them. */
function fingerprint(content: Uint8Array): number {
  const { length } = content
  const step = Math.max(1, Math.floor(length / SAMPLES))
  let print = length | 0
  for (let i = length - 1; i >= 0; i -= step) print = (Math.imul(print, 31) + (content[i] as number)) | 0
  return print
}
