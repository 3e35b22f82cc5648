import type { IncomingMessage } from 'node:http'
import { BoundedMap } from '../../core/cache/bounded-map.ts'
import type { PageFields } from './page-answer.ts'

/** Characters of a URL with its tag; longer ones would hold more memory than they save time. */
const LONGEST = 512

interface Known {
  readonly accept: string | undefined
  /** If-None-Match as it came. */
  readonly tag: string
  readonly fields: PageFields
}

/**
 * Pages that clients named the tags of lately, by URL: who asks the same again is answered without the URL being read. For
 * pages that are all said by their URL and by Accept.
 */
export class KnownPages {
  readonly #known = new BoundedMap<string, Known>(1024)

  /** The fields of the 304; undefined where it is not known that there is to be one. */
  find({ url = '/', headers }: IncomingMessage): PageFields | undefined {
    const tag = headers['if-none-match']
    if (tag === undefined) return undefined
    const known = this.#known.get(url)
    return known !== undefined && known.tag === tag && known.accept === headers.accept ? known.fields : undefined
  }

  keep({ url = '/', headers }: IncomingMessage, fields: PageFields): void {
    const { accept, 'if-none-match': tag = '' } = headers
    if (url.length + tag.length + (accept?.length ?? 0) > LONGEST) return
    this.#known.set(url, { accept, tag, fields })
  }
}
