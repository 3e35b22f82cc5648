import { type FieldValue, fieldsOf, firstLine, type RequestHead } from '../http/message.ts'
import { languageMatches } from '../http/vary.ts'
import type { GuardedItem, GuardedStore, ItemBody, StoreBudget } from '../store/guard.ts'
import type { BanLog } from './bans.ts'
import { Entry, reviveEntry } from './entry.ts'
import { variantKey } from './key.ts'
import { covers, suits } from './reply.ts'
import type { Pin } from './stored-part.ts'
import { isVariantIndex, selectingSets, type VariantIndex, withVariant } from './variants.ts'

/** A stored response that matches a request. */
export interface Held {
  readonly entry: Entry
  readonly body: ItemBody
  /** A large body that is held open for the exchange that this response goes with. */
  readonly pin?: Pin
  /** The key it stands under: the primary one, or its variant's. */
  readonly key: string
}

/** What stands under a primary key for a request. */
export type Finding = Held | VariantIndex | undefined

export function isHeld(finding: Finding): finding is Held {
  return finding !== undefined && 'entry' in finding
}

/** How the store is asked on behalf of one request. */
export interface Asking {
  readonly budget: StoreBudget | undefined
  readonly signal: AbortSignal | undefined
  /** Variants may be told apart by Content-Language (RFC 9111 section 4.1 allows it; `safe` does not). */
  readonly byLanguage: boolean
  /** Past a near tier, which may be behind. Default false. */
  readonly latest?: boolean
}

/** Finds, keeps and removes responses in a store: one item per resource, or an index and one item per variant. */
export class Shelf {
  readonly #store: GuardedStore
  readonly #bans: BanLog
  readonly #entries = new WeakMap<object, Entry>()
  /** The latest update of each primary key of a far store. */
  readonly #updates = new Map<string, Promise<void>>()

  constructor(store: GuardedStore, bans: BanLog) {
    this.#store = store
    this.#bans = bans
  }

  /** The newest stored response that matches; the index where none of the variants does. Sync on a near store. */
  find(primary: string, request: RequestHead, asking: Asking): Finding | Promise<Finding> {
    const item = this.#read(primary, asking)
    if (item instanceof Promise) return item.then((found) => this.#match(primary, found, request, asking))
    return this.#match(primary, item, request, asking)
  }

  #read(key: string, { budget, signal, latest }: Asking): GuardedItem | undefined | Promise<GuardedItem | undefined> {
    return latest ? this.#store.latest(key, budget, signal) : this.#store.get(key, budget, signal)
  }

  #match(
    primary: string,
    item: GuardedItem | undefined,
    request: RequestHead,
    asking: Asking,
  ): Finding | Promise<Finding> {
    if (item === undefined) return undefined
    if (isVariantIndex(item.meta)) return this.#select(primary, item.meta, request, asking)
    return this.#held(primary, item, request)
  }

  #select(primary: string, index: VariantIndex, request: RequestHead, asking: Asking): Finding | Promise<Finding> {
    const keys = variantKeys(primary, index, request, asking.byLanguage)
    const items = keys.map((key) => this.#read(key, asking))
    if (items.some((item) => item instanceof Promise)) {
      return Promise.all(items).then((found) => this.#newest(keys, found, request) ?? index)
    }
    return this.#newest(keys, items as (GuardedItem | undefined)[], request) ?? index
  }

  #newest(
    keys: readonly string[],
    items: readonly (GuardedItem | undefined)[],
    request: RequestHead,
  ): Held | undefined {
    let newest: Held | undefined
    items.forEach((item, i) => {
      if (item === undefined) return
      const held = this.#held(keys[i] as string, item, request)
      if (held !== undefined && (newest === undefined || held.entry.bornAt > newest.entry.bornAt)) newest = held
    })
    return newest
  }

  #held(key: string, item: GuardedItem, request: RequestHead): Held | undefined {
    const entry = this.#revived(item.meta)
    if (entry === undefined || !covers(entry, request) || !suits(entry, request)) return undefined
    if (!this.#passesBans(key, entry)) return undefined
    return { entry, body: item.body, key }
  }

  /** A near tier hands out what a far one gave it, over and over: it is revived once. */
  #revived(meta: object): Entry | undefined {
    if (meta instanceof Entry) return meta
    const known = this.#entries.get(meta)
    if (known !== undefined) return known
    const entry = reviveEntry(meta)
    if (entry !== undefined) this.#entries.set(meta, entry)
    return entry
  }

  #passesBans(key: string, entry: Entry): boolean {
    const verdict = this.#bans.check(entry)
    if (verdict === 'removed') {
      // In a shared store another process may have put a new one there meanwhile.
      if (this.#store.near) void this.#store.delete(key)
      return false
    }
    if (verdict !== undefined) entry.expiredAt = Math.min(entry.expiredAt ?? Infinity, verdict.staleAt)
    // One of a process that has read on further stays ahead.
    entry.bansPassed = Math.max(entry.bansPassed, this.#bans.latest)
    return true
  }

  /**
   * Keeps a response for `lifetime` ms, replacing the one it stands for. `request` is the one it answered. Returns a
   * promise where the store has it later.
   */
  keep(primary: string, entry: Entry, body: ItemBody, lifetime: number, request: RequestHead): unknown {
    const { vary } = entry
    if (vary.length === 0) return this.#store.set(primary, { meta: entry, body }, lifetime)
    const key = variantKey(primary, vary, request.fields)
    const language = firstLine(fieldsOf(entry.lines)['content-language'])
    const kept = this.#store.set(key, { meta: entry, body }, lifetime)
    const indexed = this.#update(primary, (item) => {
      const { index, dropped } = withVariant(indexIn(item), { key, names: vary, language })
      for (const variant of dropped) void this.#store.delete(variant.key)
      return this.#store.set(primary, { meta: index, body: NOTHING }, Math.max(lifetime, INDEX_LIFETIME))
    })
    return kept instanceof Promise ? Promise.all([kept, indexed]) : undefined
  }

  /** Removes a resource with all its variants. */
  remove(primary: string): void {
    // What an update under way is about to write goes, too.
    const again = this.#updates.has(primary) ? [primary] : []
    void this.#update(primary, (item) => this.#deleteAll([...again, ...variantsIn(item)]))
    void this.#store.delete(primary)
  }

  /** Removes a resource with all its variants, and tells whether the store has done it. */
  async removeNow(primary: string): Promise<boolean> {
    let isDone = false
    await this.#update(primary, async (item) => {
      isDone = await this.#deleteAll([primary, ...variantsIn(item)])
    })
    return isDone
  }

  /** Makes a resource and all its variants stale from `now` on, and tells whether the store has done it. */
  async expire(primary: string, now: number): Promise<boolean> {
    let isDone = false
    await this.#update(primary, async (item) => {
      const done = await Promise.all([primary, ...variantsIn(item)].map((key) => this.#expireOne(key, now)))
      isDone = !done.includes(false)
    })
    return isDone
  }

  /** What cannot be read is removed: it may be there all the same. */
  async #expireOne(key: string, now: number): Promise<boolean> {
    const item = await this.#store.latest(key)
    const entry = item && reviveEntry(item.meta)
    if (item !== undefined && indexIn(item) !== undefined) return true
    if (item === undefined || entry === undefined) return this.#store.delete(key)
    return this.#store.set(key, { meta: entry.with({ expiredAt: now }), body: item.body }, EXPIRED_LIFETIME)
  }

  async #deleteAll(keys: readonly string[]): Promise<boolean> {
    return !(await Promise.all(keys.map((key) => this.#store.delete(key)))).includes(false)
  }

  /**
   * Does `work` with what stands under a primary key: at once on a near store; on a far one after the updates under
   * way, lest one index forget the variant that another adds.
   */
  #update(primary: string, work: (item: GuardedItem | undefined) => unknown): unknown {
    if (this.#store.near) return work(this.#store.get(primary) as GuardedItem | undefined)
    const run = async (): Promise<void> => void (await work(await this.#store.latest(primary)))
    const done = this.#updates.get(primary)?.then(run) ?? run()
    this.#updates.set(primary, done)
    return done.then(() => {
      if (this.#updates.get(primary) === done) this.#updates.delete(primary)
    })
  }
}

function indexIn(item: GuardedItem | undefined): VariantIndex | undefined {
  return item !== undefined && isVariantIndex(item.meta) ? item.meta : undefined
}

function variantsIn(item: GuardedItem | undefined): readonly string[] {
  return indexIn(item)?.variants.map(({ key }) => key) ?? []
}

const NOTHING = Buffer.alloc(0)

/** What is purged softly is kept this long for validation and stale answers, ms. */
const EXPIRED_LIFETIME = 24 * 60 * 60 * 1000

/** An index outlives its variants, so that it is not rewritten for each of them, ms. */
const INDEX_LIFETIME = 7 * 24 * 60 * 60 * 1000

function variantKeys(primary: string, index: VariantIndex, request: RequestHead, byLanguage: boolean): string[] {
  // Only what the index names: a variant that fell out of it is not invalidated with the others.
  const listed = new Set(index.variants.map(({ key }) => key))
  const keys = selectingSets(index)
    .map((names) => variantKey(primary, names, request.fields))
    .filter((key) => listed.has(key))
  const wanted: FieldValue = request.fields['accept-language']
  if (byLanguage && wanted !== undefined) {
    const spoken = index.variants.find(
      ({ names, language }) =>
        language !== undefined &&
        names.length === 1 &&
        names[0] === 'accept-language' &&
        languageMatches(wanted, language),
    )
    if (spoken !== undefined && !keys.includes(spoken.key)) keys.push(spoken.key)
  }
  return keys
}
