import { randomUUID } from 'node:crypto'
import type { Writable } from 'node:stream'
import { systemClock } from '../../core/clock.ts'
import { knownOptions } from '../../core/options.ts'
import { type GuardedStore, guardStore } from '../../core/store/guard.ts'
import { type KeyvLike, type KeyvStoreOptions, keyvStore } from '../../core/store/keyv.ts'
import { answerMeta, isAnswerMeta } from './cache-store-answer.ts'
import { covering, isVariantIndex, type VariantIndex } from './cache-store-index.ts'
import { answerKey, indexKey, selectingValues } from './cache-store-keys.ts'
import type { CacheKey, CacheValue, GetResult } from './cache-store-types.ts'
import { AnswerWriter } from './cache-store-writer.ts'

export interface KeyvCacheStoreOptions extends KeyvStoreOptions {
  /** How long undici waits for one read of the Keyv, ms. Default 100. */
  readonly storeTimeout?: number
}

/** What undici's own cache interceptor takes as `store`. */
export interface KeyvCacheStore {
  get(key: CacheKey): Promise<GetResult | undefined>
  createWriteStream(key: CacheKey, value: CacheValue): Writable
  delete(key: CacheKey): Promise<void>
}

/**
 * A store on a Keyv for undici's own cache interceptor: `interceptors.cache({ store: keyvCacheStore(keyv) })`. A Keyv
 * that is slow, broken or gone is a miss; a request never fails by it.
 *
 * @throws TypeError where `keyv` is no Keyv, TypeError or RangeError for an option it cannot use.
 */
export function keyvCacheStore(keyv: KeyvLike, options: KeyvCacheStoreOptions = {}): KeyvCacheStore {
  knownOptions('keyvCacheStore', options, [
    'maxEntrySize',
    'maxRecordingBytes',
    'maxLifetime',
    'namespace',
    'storeTimeout',
  ])
  const { storeTimeout, ...ofKeyv } = options
  return new OnStore(guardStore(keyvStore(keyv, ofKeyv), storeTimeout === undefined ? {} : { storeTimeout }))
}

class OnStore implements KeyvCacheStore {
  readonly #store: GuardedStore
  /** Indexes being changed in this process: one change waits for the other. */
  readonly #changes = new Map<string, Promise<VariantIndex | undefined>>()

  constructor(store: GuardedStore) {
    this.#store = store
  }

  async get(key: CacheKey): Promise<GetResult | undefined> {
    const primary = indexKey(key)
    const index = await this.#index(primary)
    if (index === undefined) return undefined
    const found = await Promise.all(index.sets.map((names) => this.#answer(primary, index, key, names)))
    return found.reduce((best, one) => (best === undefined || (one && one.cachedAt > best.cachedAt) ? one : best))
  }

  createWriteStream(key: CacheKey, value: CacheValue): Writable {
    return new AnswerWriter(this.#store, (body) => this.#keep(key, value, body))
  }

  async delete(key: CacheKey): Promise<void> {
    await this.#store.delete(indexKey(key))
  }

  async #index(primary: string): Promise<VariantIndex | undefined> {
    const item = await this.#store.get(primary)
    return item !== undefined && isVariantIndex(item.meta) ? item.meta : undefined
  }

  async #answer(
    primary: string,
    { generation }: VariantIndex,
    { method, headers }: CacheKey,
    names: readonly string[],
  ): Promise<GetResult | undefined> {
    const item = await this.#store.get(answerKey(primary, generation, method, names, headers))
    // A Keyv has whole bodies only.
    if (
      item === undefined ||
      !Buffer.isBuffer(item.body) ||
      !isAnswerMeta(item.meta) ||
      item.meta.deleteAt <= systemClock.now()
    )
      return undefined
    const { kind: _kind, names: _names, ...value } = item.meta
    return {
      ...value,
      cacheControlDirectives: value.cacheControlDirectives ?? {},
      ...(names.length === 0 ? {} : { vary: selectingValues(names, headers) }),
      body: [item.body],
    }
  }

  async #keep(key: CacheKey, value: CacheValue, body: Buffer): Promise<void> {
    const lifetime = value.deleteAt - systemClock.now()
    if (!(lifetime > 0)) return
    const primary = indexKey(key)
    const names = Object.keys(value.vary ?? {})
      .map((name) => name.toLowerCase())
      .sort()
    const index = await this.#cover(primary, names, value.deleteAt)
    if (index === undefined) return
    const item = { meta: answerMeta(value, names), body }
    await this.#store.set(answerKey(primary, index.generation, key.method, names, value.vary ?? {}), item, lifetime)
  }

  /** The index of a URL, once it covers such answers; undefined where the store did not take it. */
  #cover(primary: string, names: readonly string[], until: number): Promise<VariantIndex | undefined> {
    const before = this.#changes.get(primary)
    const change = this.#change(before, primary, names, until).finally(() => {
      if (this.#changes.get(primary) === change) this.#changes.delete(primary)
    })
    this.#changes.set(primary, change)
    return change
  }

  async #change(
    before: Promise<unknown> | undefined,
    primary: string,
    names: readonly string[],
    until: number,
  ): Promise<VariantIndex | undefined> {
    await before
    const index = await this.#index(primary)
    const next = covering(index, names, until, randomUUID)
    if (next === index) return index
    const isKept = await this.#store.set(primary, { meta: next, body: NOTHING }, next.until - systemClock.now())
    return isKept ? next : undefined
  }
}

const NOTHING = Buffer.alloc(0)
