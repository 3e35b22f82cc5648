import type { RequestHead } from '../http/message.ts'
import { BoundedMap } from './bounded-map.ts'

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
  readonly #known = new BoundedMap<string, Known>(1024)

  find({ target, scheme, authority, realm }: RequestHead): string | undefined {
    const known = this.#known.get(target)
    if (known === undefined || known.authority !== authority) return undefined
    return known.scheme === scheme && known.realm === realm ? known.key : undefined
  }

  keep({ target, scheme, authority, realm }: RequestHead, key: string): void {
    if (target.length + key.length > LONGEST) return
    this.#known.set(target, { scheme, authority, realm, key })
  }
}
