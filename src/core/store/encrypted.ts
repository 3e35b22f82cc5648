import type { KeyObject } from 'node:crypto'
import { knownOptions, quote } from '../options.ts'
import { Box } from './encryption/box.ts'
import { encryptedCapabilities } from './encryption/capabilities.ts'
import { cipherKeys, type EncryptionKey, hashedName, nameKey, type Secret } from './encryption/keys.ts'
import type { KeyvLike } from './keyv.ts'
import type { Store, StoreItem } from './store.ts'
import { type Answer, after, storeToWrap, type WrappedStore, Wrapper } from './wrapper.ts'

export type { EncryptionKey, Secret } from './encryption/keys.ts'

export interface EncryptedStoreOptions {
  /**
   * The first encrypts, all decrypt. To rotate, put a new key in front, and take the old one away when what it
   * encrypted has ended. Processes that do not know a new key yet miss what it encrypted: give it to all as the second
   * one first where that matters.
   */
  readonly keys: readonly EncryptionKey[]
  /**
   * What the names in the store are hashed with. Default: the secret of the last key, so that names stay as they are
   * while a key is added; when the last key is taken away, the store begins empty. With a secret of its own names
   * outlast all keys.
   */
  readonly nameSecret?: Secret | undefined
}

/** Metadata of an encrypted item: everything here is public. The body is the encrypted body, of the same length. */
interface SealedMeta {
  readonly kind: typeof kind
  readonly key: string
  readonly iv: string
  readonly tag: string
  /** The encrypted metadata, base64. */
  readonly meta: string
}

const kind = 'breakwater:encrypted'

/**
 * Keeps everything in `store` encrypted and authenticated: AES-256-GCM, a random IV each time, names as HMAC-SHA-256.
 * The store learns lengths, times and which names are asked for. Whoever can write to it can remove items and bring
 * back older ones, but not change them nor exchange them for one another. What cannot be decrypted is a miss.
 * Counters (`increment`) are plain numbers under hashed names.
 *
 * @throws TypeError that says what a key must be; secrets are not quoted.
 */
export function encrypted(store: Store | KeyvLike, options: EncryptedStoreOptions): WrappedStore {
  if (options === undefined) throw new TypeError(`encrypted needs options with keys, not ${quote(options)}`)
  knownOptions('encrypted', options, ['keys', 'nameSecret'])
  return Encrypted.create(storeToWrap('encrypted', store), options)
}

class Encrypted extends Wrapper {
  readonly #box: Box
  readonly #names: KeyObject

  static create(inner: Store, { keys, nameSecret }: EncryptedStoreOptions): Encrypted {
    const box = new Box(cipherKeys(keys))
    const last = keys.at(-1) as EncryptionKey
    return new Encrypted(inner, box, nameKey('nameSecret', nameSecret ?? last.secret))
  }

  constructor(inner: Store, box: Box, names: KeyObject) {
    const own = inner.capabilities
    super('encrypted', inner, own && encryptedCapabilities(own, box, (of, key) => hashedName(names, of, key)))
    this.#box = box
    this.#names = names
  }

  get(key: string): Answer<StoreItem | undefined> {
    const name = this.#nameOf(key)
    return after(this.inner.get(name), (found) => found && this.#open(name, found))
  }

  set(key: string, item: StoreItem, lifetime: number): Answer<void> {
    const name = this.#nameOf(key)
    if (!this.isKept(item, lifetime)) return after(this.inner.delete(name) as Answer<unknown>, () => {})
    return this.inner.set(name, this.#seal(name, item), lifetime)
  }

  delete(key: string): void | Promise<void> | Promise<boolean> {
    return this.inner.delete(this.#nameOf(key))
  }

  #seal(name: string, item: StoreItem): StoreItem {
    const { keyId, iv, tag, parts } = this.#box.seal(name, [Buffer.from(JSON.stringify(item.meta)), item.body])
    const [meta, body] = parts as [Buffer, Buffer]
    const sealed: SealedMeta = {
      kind,
      key: keyId,
      iv: iv.toString('base64'),
      tag: tag.toString('base64'),
      meta: meta.toString('base64'),
    }
    return { meta: sealed, body }
  }

  #open(name: string, found: StoreItem): StoreItem | undefined {
    if (!isSealed(found.meta)) return undefined
    const { key, iv, tag, meta } = found.meta
    const sealed = { keyId: key, iv: bytesOf(iv), tag: bytesOf(tag), parts: [bytesOf(meta), found.body] }
    const opened = this.#box.open(name, sealed)
    if (opened === undefined) return undefined
    const [json, body] = opened as [Buffer, Buffer]
    return { meta: JSON.parse(json.toString()) as object, body }
  }

  #nameOf(key: string): string {
    return hashedName(this.#names, 'item', key)
  }
}

function isSealed(meta: object): meta is SealedMeta {
  const { kind: found, key, iv, tag, meta: sealed } = meta as Partial<SealedMeta>
  return found === kind && [key, iv, tag, sealed].every((text) => typeof text === 'string')
}

function bytesOf(base64: string): Buffer {
  return Buffer.from(base64, 'base64')
}
