import type { RequestHead } from '../http/message.ts'

/** Beyond this many all are forgotten: those in use come back with their next hit. */
const MOST = 1024
/** Characters of target and key together; longer ones would hold more memory than they save time. */
const LONGEST = 512

interface Known {
  readonly scheme: string
  readonly authority: string
  readonly realm: string | undefined
  readonly key: string
}

/**
 * The primary keys of what was hit lately, by target. A key that is built anew has to be hashed and compared anew in
 * each Map it is looked up in, which takes longer than to judge what is found there.
 */
export class KnownKeys {
  readonly #known = new Map<string, Known>()

  find({ target, scheme, authority, realm }: RequestHead): string | undefined {
    const known = this.#known.get(target)
    if (known === undefined || known.authority !== authority) return undefined
    return known.scheme === scheme && known.realm === realm ? known.key : undefined
  }

  keep({ target, scheme, authority, realm }: RequestHead, key: string): void {
    if (target.length + key.length > LONGEST) return
    if (this.#known.size >= MOST) this.#known.clear()
    this.#known.set(target, { scheme, authority, realm, key })
  }
}
