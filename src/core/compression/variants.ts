import { asStore } from '../store/as-store.ts'
import { defaultStore } from '../store/default-store.ts'
import { type GuardedStore, guardStore, type ItemBody } from '../store/guard.ts'
import type { KeyvLike } from '../store/keyv.ts'
import type { Store } from '../store/store.ts'
import { isTiered } from '../store/tiered.ts'
import { type ContentName, ContentNames } from './content-names.ts'
import type { Encoder } from './encoders.ts'
import { Ring } from './ring.ts'

/** An encoding; undefined in place of its bytes: it would save next to nothing. */
export interface Variant {
  readonly encoded: Buffer | undefined
}

/** ms: what nobody asks for is let go of after a day. */
const LIFETIME = 24 * 60 * 60_000
/** How many bodies' names are remembered. */
const MOST_NAMES = 10_000
/** Bytes of encodings that nobody has asked for again. */
const MOST_FIRST = 4 * 1024 * 1024
export const NOT_WORTH_IT: Variant = { encoded: undefined }
const EMPTY = Buffer.alloc(0)

/** Encodings that were made before, by what they are encodings of: never by URL, so that none can be another's. */
export class Variants {
  readonly #near: GuardedStore
  /** Undefined: there is no store but this process' own. */
  readonly #far: GuardedStore | undefined
  readonly #names: ContentNames
  /** Of content that was new, for as long as nobody has asked for them again: most are never asked for. */
  readonly #first = new Ring<string, undefined>(MOST_FIRST)
  /** Names of content by those that the cache has for it. */
  readonly #known = new Map<string, ContentName>()
  readonly #pending = new Map<string, Promise<Variant>>()

  /**
   * @param store Default: the memory store that this process shares.
   * @param largestOwn Bytes of the largest content whose encoding this process keeps to itself.
   */
  constructor(store: Store | KeyvLike | undefined, largestOwn: number) {
    this.#names = new ContentNames(largestOwn)
    const given = asStore(store)
    this.#near = guardStore(nearOf(given))
    this.#far = given.near ? undefined : guardStore(given)
  }

  /**
   * The key of an encoding of `content`, and whether it is of no use to ask for it, since nothing can be known by it yet.
   * @param identity The cache's name of this very content, if it has one: it is then looked at once.
   */
  keyOf(content: Uint8Array, identity: string | undefined, encoder: Encoder): { key: string; isNew: boolean } {
    const { name, isNew } = this.#nameOf(content, identity)
    return { key: `variant ${name} ${encoder.variant}`, isNew }
  }

  /** What this process has. */
  find(key: string): Variant | undefined {
    const item = this.#near.get(key)
    if (item !== undefined) return item instanceof Promise ? undefined : variantOf(item.body)
    const first = this.#first.get(key)
    if (first === undefined) return undefined
    const encoded = this.#first.copyOf(first)
    this.#first.letGo(key)
    return this.#kept(key, variantOf(encoded) as Variant)
  }

  /** Keeps an encoding in this process. */
  keep(key: string, variant: Variant): void {
    void this.#near.set(
      key,
      itemOf(variant.encoded === undefined ? variant : { encoded: alone(variant.encoded) }),
      LIFETIME,
    )
  }

  /** Keeps an encoding of content that was new for a while: with the rest, should somebody ask for it. */
  keepFirst(key: string, { encoded = EMPTY }: Variant): void {
    this.#first.hold(key, undefined, encoded)
  }

  /**
   * What another process has made, or else what `make` makes: once, however many ask for it at the same time.
   * @param isShareable Whether other processes may have it.
   */
  findOrMake(key: string, isShareable: boolean, make: () => Promise<Variant>): Promise<Variant> {
    const pending = this.#pending.get(key)
    if (pending !== undefined) return pending
    const making = this.#findFarOrMake(key, isShareable, make).finally(() => this.#pending.delete(key))
    this.#pending.set(key, making)
    return making
  }

  async #findFarOrMake(key: string, isShareable: boolean, make: () => Promise<Variant>): Promise<Variant> {
    const far = isShareable ? this.#far : undefined
    const found = await far?.get(key)
    if (found !== undefined) {
      const known = variantOf(found.body)
      if (known !== undefined) return this.#kept(key, known)
    }
    const made = this.#kept(key, await make())
    void far?.set(key, itemOf(made), LIFETIME)
    return made
  }

  #kept(key: string, variant: Variant): Variant {
    this.keep(key, variant)
    return variant
  }

  #nameOf(content: Uint8Array, identity: string | undefined): ContentName {
    if (identity === undefined) return this.#names.of(content)
    const known = this.#known.get(identity)
    if (known !== undefined) return known
    // The cache will ask again.
    const name = { name: this.#names.of(content).name, isNew: false }
    if (this.#known.size >= MOST_NAMES) this.#known.delete(this.#known.keys().next().value as string)
    this.#known.set(identity, name)
    return name
  }
}

function nearOf(store: Store): Store {
  if (store.near) return store
  return isTiered(store) ? store.nearTier : defaultStore()
}

function itemOf({ encoded = EMPTY }: Variant): { meta: object; body: Buffer } {
  return { meta: {}, body: encoded }
}

/** An encoding has some bytes, whatever it is of. */
function variantOf(body: ItemBody): Variant | undefined {
  if (!Buffer.isBuffer(body)) return undefined
  return body.length === 0 ? NOT_WORTH_IT : { encoded: body }
}

/** Bytes in memory of their own size: zlib's lie in pieces of 16 KiB, which they would keep. */
function alone(bytes: Buffer): Buffer {
  if (bytes.buffer.byteLength === bytes.length) return bytes
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(copy)
  return copy
}
