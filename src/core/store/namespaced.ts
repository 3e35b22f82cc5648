import { randomUUID } from 'node:crypto'
import { quote } from '../options.ts'
import type { StoreCapabilities, Subscriber } from './capabilities.ts'
import type { KeyvLike } from './keyv.ts'
import type { LargeItem, Store, StoreItem, StoreStreams } from './store.ts'
import { type Answer, storeToWrap, type WrappedStore, Wrapper } from './wrapper.ts'

/**
 * A part of `store` that shares no key with its other parts, nor with the store itself, and is cleared alone: who
 * gives the same name has the same part. What was cleared is out of reach at once; the store lets go of it in time.
 *
 * Before a far store each call reads one small item more, beside the one asked for. Where a store of this package has
 * an option `namespace` of its own, that costs nothing.
 *
 * @param name 1 to 64 letters, digits, `-` or `_`.
 * @throws TypeError with the value quoted.
 */
export function namespaced(store: Store | KeyvLike, name: string): WrappedStore {
  if (typeof name !== 'string' || !/^[\w-]{1,64}$/.test(name)) {
    throw new TypeError(`The name of a namespace must be 1 to 64 letters, digits, - or _, not ${quote(name)}`)
  }
  const inner = storeToWrap('namespaced', store)
  return inner.near ? new NearPart(inner, name) : new FarPart(inner, name)
}

/** A part now: clearing begins another. */
interface Generation {
  id: string
}

/** The parts of near stores, which all who use a store in this process share, through whatever wrappers. */
const generations = new WeakMap<Store, Map<string, Generation>>()

/** `path` names the part and the wrappers that it is reached through. */
function generationOf(store: Store, path: string): Generation {
  const root = rootOf(store)
  const parts = generations.get(root) ?? new Map<string, Generation>()
  generations.set(root, parts)
  const generation = parts.get(path) ?? { id: randomUUID() }
  parts.set(path, generation)
  return generation
}

function rootOf(store: Store): Store {
  return store instanceof Wrapper ? rootOf(store.inner) : store
}

class NearPart extends Wrapper {
  readonly #name: string
  readonly #generation: Generation

  constructor(inner: Store, name: string) {
    super(name, inner, inner.capabilities && partOf(inner.capabilities, name))
    this.#name = name
    this.#generation = generationOf(inner, this.name)
  }

  get(key: string): Answer<StoreItem | undefined> {
    return this.inner.get(this.#keyOf(key))
  }

  set(key: string, item: StoreItem, lifetime: number): Answer<void> {
    return this.inner.set(this.#keyOf(key), item, lifetime)
  }

  delete(key: string): void | Promise<void> | Promise<boolean> {
    return this.inner.delete(this.#keyOf(key))
  }

  override clear(): void {
    this.#generation.id = randomUUID()
  }

  #keyOf(key: string): string {
    return `${this.#name}\0${this.#generation.id}\0${key}`
  }
}

/** Metadata of an item in a part of a far store. */
interface PartMeta {
  readonly generation: string
  readonly meta: object
}

class FarPart extends Wrapper {
  readonly streams?: StoreStreams
  readonly #name: string
  #beginning: Promise<string> | undefined

  constructor(inner: Store, name: string) {
    super(name, inner, inner.capabilities && partOf(inner.capabilities, name))
    this.#name = name
    if (inner.streams !== undefined) this.streams = this.#streams(inner.streams)
  }

  get(key: string): Promise<StoreItem | undefined> {
    return this.#current(this.inner.get(this.#keyOf(key)))
  }

  async set(key: string, item: StoreItem, lifetime: number): Promise<void> {
    await this.inner.set(this.#keyOf(key), { meta: await this.#marked(item.meta), body: item.body }, lifetime)
  }

  async delete(key: string): Promise<void> {
    await this.inner.delete(this.#keyOf(key))
  }

  override async clear(): Promise<void> {
    await this.#begin()
  }

  #streams(own: StoreStreams): StoreStreams {
    return {
      get: (key) => this.#current<StoreItem | LargeItem>(own.get(this.#keyOf(key))),
      renew: async (key, { meta, body }, lifetime) =>
        own.renew(this.#keyOf(key), { meta: await this.#marked(meta), body }, lifetime),
    }
  }

  /** What was found, where it is of the part as it is now. */
  async #current<T extends StoreItem | LargeItem>(
    finding: T | undefined | Promise<T | undefined>,
  ): Promise<T | undefined> {
    const [generation, found] = await Promise.all([this.#read(), finding])
    if (generation === undefined || found === undefined) return undefined
    const { generation: own, meta } = found.meta as Partial<PartMeta>
    return own === generation && meta !== undefined ? { ...found, meta } : undefined
  }

  async #marked(meta: object): Promise<PartMeta> {
    return { generation: (await this.#read()) ?? (await this.#beginOnce()), meta }
  }

  async #read(): Promise<string | undefined> {
    const found = await this.inner.get(`${this.#name}\0`)
    const { generation } = (found?.meta ?? {}) as Partial<Record<'generation', unknown>>
    return typeof generation === 'string' ? generation : undefined
  }

  /** Those who find none at the same time begin the same. */
  #beginOnce(): Promise<string> {
    this.#beginning ??= this.#begin().finally(() => {
      this.#beginning = undefined
    })
    return this.#beginning
  }

  /** Where it is lost again, all that was set is: a miss, never what was cleared. */
  async #begin(): Promise<string> {
    const generation = randomUUID()
    await this.inner.set(`${this.#name}\0`, { meta: { generation }, body: Buffer.alloc(0) }, Infinity)
    return generation
  }

  #keyOf(key: string): string {
    return `${this.#name}\0=${key}`
  }
}

function partOf(own: StoreCapabilities, name: string): StoreCapabilities {
  const keyOf = (key: string): string => `${name}\0${key}`
  const { append, slice, publish, subscribe } = own
  return {
    scope: own.scope,
    read: (key) => own.read(keyOf(key)),
    increment: (key, by, lifetime) => own.increment(keyOf(key), by, lifetime),
    setIfAbsent: (key, value, lifetime) => own.setIfAbsent(keyOf(key), value, lifetime),
    compareAndSwap: (key, expected, next, lifetime) => own.compareAndSwap(keyOf(key), expected, next, lifetime),
    ...(append && {
      append: (key: string, value: Buffer, lifetime: number) => append.call(own, keyOf(key), value, lifetime),
    }),
    ...(slice && { slice: (key: string, from: number) => slice.call(own, keyOf(key), from) }),
    ...(publish && { publish: (channel: string, text: string) => publish.call(own, keyOf(channel), text) }),
    ...(subscribe && {
      subscribe: (channel: string, subscriber: Subscriber) => subscribe.call(own, keyOf(channel), subscriber),
    }),
  }
}
