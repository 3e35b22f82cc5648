import { randomBytes } from 'node:crypto'
import type { MemcachedClient } from './memcached-client.ts'

/**
 * The generations of one memcached, which cannot list its keys: a word under `<prefix>generation` that is part of
 * every other key under the prefix. A new word, and all that was there is out of reach; memcached drops it in time.
 *
 * Each server has its own, so that one that is gone takes no other with it.
 */
export class Generations {
  readonly #client: MemcachedClient
  readonly #words = new Map<string, string>()

  constructor(client: MemcachedClient) {
    this.#client = client
  }

  /**
   * Does `work`, one command, in the present generation. The word is asked for together with it: the server answers
   * both in order, so what is done in the word that it names was done before the next clear, and what was done in an
   * older word was done where nobody looks.
   */
  async run<T>(prefix: string, work: (word: string) => Promise<T>): Promise<T> {
    let word = this.#words.get(prefix) ?? (await this.#readOrMake(prefix))
    while (true) {
      const [present, outcome] = await Promise.all([this.#read(prefix), work(word)])
      if (present === word) return outcome
      word = present ?? (await this.#readOrMake(prefix))
      this.#words.set(prefix, word)
    }
  }

  /** Begins a new one: what was stored under the prefix is gone. */
  async renew(prefix: string): Promise<void> {
    const word = newWord()
    await this.#client.write({ command: 'set', ...entry(prefix, word) })
    this.#words.set(prefix, word)
  }

  /** Whoever asks first, or after the server lost it, makes a new one. */
  async #readOrMake(prefix: string): Promise<string> {
    let present = await this.#read(prefix)
    while (present === undefined) {
      const word = newWord()
      const isOurs = await this.#client.write({ command: 'add', ...entry(prefix, word) })
      present = isOurs ? word : await this.#read(prefix)
    }
    this.#words.set(prefix, present)
    return present
  }

  async #read(prefix: string): Promise<string | undefined> {
    const { value } = await this.#client.get('get', keyOf(prefix))
    return value?.toString('latin1')
  }
}

function keyOf(prefix: string): string {
  return `${prefix}generation`
}

/** Never one that was there before: what it would bring back ended long ago. */
function newWord(): string {
  return randomBytes(9).toString('base64url')
}

function entry(
  prefix: string,
  word: string,
): { readonly key: string; readonly header: Buffer; readonly value: Buffer; readonly exptime: 0 } {
  return { key: keyOf(prefix), header: Buffer.alloc(0), value: Buffer.from(word), exptime: 0 }
}
