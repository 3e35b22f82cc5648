import { hash, randomBytes } from 'node:crypto'
import { type Clock, systemClock } from '../clock.ts'
import { memoised } from '../http/memo.ts'
import { clockOption, knownOptions, positiveInteger, quote } from '../options.ts'
import type { StoreCapabilities } from './capabilities.ts'
import { isStoreItem } from './check.ts'
import { StoreError } from './errors.ts'
import { decodeItem, encodeItem } from './frame.ts'
import { FrameMemory } from './frame-memory.ts'
import { type StoreHealth, watchedHealth } from './health.ts'
import { expiryOf, itemOfKeyv, valueOfItem } from './keyv-value.ts'
import { type ByteBodies, isLargeMeta, KeptBody, keptBody, type LargeMeta, largeMeta, wholeBody } from './large.ts'
import { sumsOf } from './pieces.ts'
import type { LargeItem, Store, StoreItem, StoreStreams } from './store.ts'

export type { ByteBodies, ByteBody } from './large.ts'

/**
 * What a client of a server, a database or a folder does for a RemoteStore: bytes under short keys of letters, digits
 * and `:{}_-`. Each method rejects where the client cannot do it now, and should do so at once rather than wait for a
 * connection: a deadline stands outside.
 */
export interface ByteBackend {
  /** Connects or opens. Called before anything else, again after it rejected. @throws StoreError that says what to do. */
  open(): Promise<void>
  get(key: string): Promise<Uint8Array | undefined>
  /** `lifetime` in ms, or Infinity for none. Large enough for `maxValueSize` bytes. */
  set(key: string, bytes: Buffer, lifetime: number): Promise<void>
  delete(keys: readonly string[]): Promise<void>
  /** Removes every key that starts with `prefix`, and nothing else. */
  clear(prefix: string): Promise<void>
  close(): Promise<void>
  /** Called with keys as short as the others; undefined where the client has none. */
  readonly capabilities: StoreCapabilities | undefined
  /** A body above this many bytes is kept in chunks of as many, or by `bodies`. Default 512 KiB. */
  readonly chunkSize?: number | undefined
  /** Keeps large bodies in one value each and reads them in parts; without it they are put together in memory. */
  readonly bodies?: ByteBodies | undefined
  /** Whether `set` is done with the bytes when it has resolved, so that their memory is used again. Default false. */
  readonly givesBytesBack?: boolean | undefined
}

/** Options that all stores outside this process have. */
export interface RemoteStoreOptions {
  /** Keeps what several stores put into one server apart: letters, digits, `-` and `_`. Default `bw`. */
  readonly namespace?: string | undefined
  /** Bytes: a larger body is not kept. Default 64 MiB. */
  readonly maxEntrySize?: number | undefined
  /** Bytes in this process that recordings in flight may hold. Default 64 MiB. */
  readonly maxRecordingBytes?: number | undefined
  /** Milliseconds that anything is kept at most. Default: as long as it is asked for. */
  readonly maxLifetime?: number | undefined
  /** Default `systemClock`. */
  readonly clock?: Clock | undefined
}

const remoteOptionNames: readonly string[] = ['namespace', 'maxEntrySize', 'maxRecordingBytes', 'maxLifetime', 'clock']

/** A store outside this process. It is an adapter for Keyv as well: `new Keyv({ store })`. */
export interface RemoteStore extends Store {
  readonly near: false
  readonly capabilities?: StoreCapabilities
  get(key: string): Promise<StoreItem | undefined>
  set(key: string, item: StoreItem, lifetime?: number): Promise<void>
  /** Resolves with whether there was something. */
  delete(key: string): Promise<boolean>
  clear(): Promise<void>
  /** Connects. Need not be called: the first call does so. @throws StoreError that says what to do. */
  ready(): Promise<void>
  /** Ends connections. What is asked afterwards rejects. */
  close(): Promise<void>
  health(): StoreHealth
}

const KiB = 1024
const MiB = KiB * KiB
/** The chunk size of backends that say none. */
const usualChunkSize = 512 * KiB
/** Chunks of one item at most: 8 GiB. Whoever can write to the store could name any number. */
const mostChunks = 16_384
/** Chunks of one item that are on their way at the same time. */
const chunksAtOnce = 4
/** Some servers take no longer time to live. */
const longestLifetime = 365 * 24 * 60 * 60 * 1000

/** Metadata of an item whose body is kept in chunks beside it. */
interface ChunkedMeta {
  readonly kind: 'chunked'
  /** Names the body that the chunks belong to: others may be writing under the same key. */
  readonly id: string
  readonly length: number
  /** Bytes of every chunk but the last. */
  readonly chunkSize: number
  readonly meta: object
}

/**
 * A store on a client's bytes: hashed keys, frames, chunks, and what Keyv wants of an adapter.
 * `own` are the names of options that the factory knows beside these.
 *
 * @throws TypeError or RangeError for an option it cannot use.
 */
export function remoteStore(name: string, backend: ByteBackend, options: RemoteStoreOptions): RemoteStore {
  return new OnBytes(name, backend, options)
}

/** @throws TypeError where there is an option that neither `own` nor all remote stores have. */
export function knownRemoteOptions(owner: string, options: unknown, own: readonly string[]): void {
  knownOptions(owner, options, [...own, ...remoteOptionNames])
}

class OnBytes implements RemoteStore {
  readonly name: string
  readonly near = false
  readonly maxEntrySize: number
  readonly capabilities?: StoreCapabilities
  readonly streams?: StoreStreams
  /** For Keyv, which looks here for what an adapter was made with. */
  readonly opts: object = {}
  readonly #backend: ByteBackend
  readonly #chunkSize: number
  readonly #frames: FrameMemory | undefined
  readonly #clock: Clock
  readonly #maxReserved: number
  readonly #maxLifetime: number
  #prefix: string
  #namespace: string
  /** Keyv 5 puts its namespace in front of keys as well, Keyv 6 does not. */
  #keyvPrefix: string | undefined
  #reserved = 0
  #opening: Promise<void> | undefined
  #isOpen = false
  #isClosed = false

  constructor(name: string, backend: ByteBackend, options: RemoteStoreOptions) {
    this.name = name
    this.#backend = backend
    this.#chunkSize = backend.chunkSize ?? usualChunkSize
    this.#frames = backend.givesBytesBack ? new FrameMemory() : undefined
    this.#clock = clockOption('clock', options.clock, systemClock)
    this.maxEntrySize = positiveInteger('maxEntrySize', options.maxEntrySize, 64 * MiB)
    this.#maxReserved = positiveInteger('maxRecordingBytes', options.maxRecordingBytes, 64 * MiB)
    this.#maxLifetime =
      options.maxLifetime === undefined ? Infinity : positiveInteger('maxLifetime', options.maxLifetime, 1)
    this.#namespace = options.namespace ?? 'bw'
    if (typeof this.#namespace !== 'string' || !/^[\w-]{1,64}$/.test(this.#namespace)) {
      throw new TypeError(`namespace must be 1 to 64 letters, digits, - or _, not ${quote(options.namespace)}`)
    }
    this.#prefix = `${this.#namespace}:`
    if (backend.capabilities !== undefined) this.capabilities = this.#ofBackend(backend.capabilities)
    if (backend.bodies !== undefined) {
      this.streams = {
        get: (key) => this.#find(key),
        renew: (key, item, lifetime) => this.#renew(key, item, lifetime),
      }
    }
  }

  async get(key: string): Promise<StoreItem | undefined> {
    const id = this.#idOf(key)
    if (!this.#isOpen) await this.#open()
    const bytes = await this.#backend.get(id)
    const item = bytes && decodeItem(bytes)
    if (item === undefined) return undefined
    if (isLargeMeta(item.meta)) return this.#whole(id, item.meta)
    const whole = isChunked(item.meta) ? await this.#joined(id, item.meta) : item
    return whole && (valueOfItem(whole) as StoreItem)
  }

  async set(key: string, value: StoreItem, lifetime?: number): Promise<void> {
    const kept = this.#lifetimeOf(value, lifetime)
    const item = itemOfKeyv(value)
    if (!(kept > 0) || item.body.length > this.maxEntrySize) {
      await this.delete(key)
      return
    }
    const id = this.#idOf(key)
    if (!this.#isOpen) await this.#open()
    if (item.body.length <= this.#chunkSize) await this.#write(id, item, kept)
    else if (this.#backend.bodies !== undefined) await this.#setLarge(id, item, kept, this.#backend.bodies)
    else await this.#setChunked(id, item, kept)
  }

  async delete(key: string): Promise<boolean> {
    const id = this.#idOf(key)
    await this.#open()
    const bytes = await this.#backend.get(id)
    const meta = bytes && decodeItem(bytes)?.meta
    await this.#backend.delete([id, ...partsOf(id, meta)])
    return bytes !== undefined
  }

  async clear(): Promise<void> {
    await this.#open()
    await this.#backend.clear(this.#prefix)
  }

  reserve(bytes: number): boolean {
    if (!(bytes >= 0) || this.#reserved + bytes > this.#maxReserved) return false
    this.#reserved += bytes
    return true
  }

  release(bytes: number): void {
    this.#reserved = Math.max(0, this.#reserved - bytes)
  }

  ready(): Promise<void> {
    return this.#open()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#isOpen = false
    await this.#opening?.catch(() => {})
    await this.#backend.close()
  }

  health(): StoreHealth {
    return watchedHealth(this)
  }

  // What Keyv asks of an adapter beyond get, set, delete and clear

  get namespace(): string {
    return this.#namespace
  }

  /** Keyv sets its own here. That of a Keyv 5 without one is `keyv`, and a Keyv 6 without one sets none. */
  set namespace(name: string | undefined) {
    if (name === undefined || name === '') return
    this.#keyvPrefix = `${name}:`
    if (name === 'keyv') return
    this.#namespace = /^[\w-]{1,64}$/.test(name) ? name : hash('sha256', name, 'hex').slice(0, 32)
    this.#prefix = `${this.#namespace}:`
  }

  async has(key: string): Promise<boolean> {
    return (await this.get(key)) !== undefined
  }

  getMany(keys: readonly string[]): Promise<(StoreItem | undefined)[]> {
    return Promise.all(keys.map((key) => this.get(key)))
  }

  hasMany(keys: readonly string[]): Promise<boolean[]> {
    return Promise.all(keys.map((key) => this.has(key)))
  }

  async setMany(entries: readonly { key: string; value: StoreItem; ttl?: number }[]): Promise<boolean[]> {
    await Promise.all(entries.map(({ key, value, ttl }) => this.set(key, value, ttl)))
    return entries.map(() => true)
  }

  /** Resolves with whether there was any. */
  async deleteMany(keys: readonly string[]): Promise<boolean> {
    return (await Promise.all(keys.map((key) => this.delete(key)))).some(Boolean)
  }

  /** Keyv listens for errors of its adapter; ours make the call reject instead. */
  on(): this {
    return this
  }

  disconnect(): Promise<void> {
    return this.close()
  }

  // Large bodies

  async #setLarge(id: string, { meta, body }: StoreItem, lifetime: number, bodies: ByteBodies): Promise<void> {
    const sums = await sumsOf(body)
    const name = await bodies.write(bodyId(id), body, lifetime)
    try {
      // Last, so that whoever finds it finds the body.
      await this.#write(id, { meta: largeMeta(name, body, sums, meta), body: NOTHING }, lifetime)
    } catch (error) {
      // What nobody can find takes room all the same, perhaps on a disk that is full; what was there has lost its body.
      await this.#backend.delete([id, bodyId(id)]).catch(() => {})
      throw error
    }
  }

  /** As `get`, but a body that the client reads in parts stays there. */
  async #find(key: string): Promise<StoreItem | LargeItem | undefined> {
    const id = this.#idOf(key)
    if (!this.#isOpen) await this.#open()
    const bytes = await this.#backend.get(id)
    const item = bytes && decodeItem(bytes)
    if (item === undefined || isChunked(item.meta)) return item && this.get(key)
    return isLargeMeta(item.meta) ? this.#large(id, item.meta) : item
  }

  #large(id: string, head: LargeMeta): LargeItem | undefined {
    const { bodies } = this.#backend
    if (bodies === undefined) return undefined
    // What is damaged once stays so: the next one should not have to find out.
    const damaged = (): void => void this.#backend.delete([id, bodyId(id)]).catch(() => {})
    const body = keptBody(head, { bodies, key: bodyId(id), damaged }, this.maxEntrySize)
    return body && { meta: head.meta, body }
  }

  async #whole(id: string, head: LargeMeta): Promise<StoreItem | undefined> {
    const found = this.#large(id, head)
    const body = found && (await wholeBody(found.body))
    return body && (valueOfItem({ meta: head.meta, body }) as StoreItem)
  }

  async #renew(key: string, { meta, body }: LargeItem, lifetime: number): Promise<void> {
    const kept = this.#lifetimeOf(undefined, lifetime)
    const id = this.#idOf(key)
    if (!(kept > 0)) return void (await this.delete(key))
    if (!this.#isOpen) await this.#open()
    const { bodies } = this.#backend
    // The body of another key, or of another store, is not there.
    if (bodies === undefined || !(body instanceof KeptBody) || !body.isAt(bodies, bodyId(id))) {
      const whole = await wholeBody(body)
      return whole === undefined ? void (await this.delete(key)) : this.set(key, { meta, body: whole }, lifetime)
    }
    // Another has taken its place, or it was removed: what is there now stays as it is.
    if (!(await bodies.extend(bodyId(id), body.head.name, kept))) return
    await this.#write(id, { meta: { ...body.head, meta }, body: NOTHING }, kept)
  }

  // Chunks

  async #write(id: string, item: StoreItem, lifetime: number): Promise<void> {
    const frame = encodeItem(item, this.#frames?.take)
    await this.#backend.set(id, frame, lifetime)
    // Not after a failure: the client may still have it in a queue.
    this.#frames?.giveBack(frame)
  }

  async #setChunked(id: string, { meta, body }: StoreItem, lifetime: number): Promise<void> {
    const chunkSize = this.#chunkSize
    const name = randomBytes(9).toString('base64url')
    const head: ChunkedMeta = { kind: 'chunked', id: name, length: body.length, chunkSize, meta }
    await inTurn(chunkIds(id, head), chunksAtOnce, (chunk, index) => {
      const part = body.subarray(index * chunkSize, (index + 1) * chunkSize)
      return this.#write(chunk, { meta: { kind: 'chunk', id: name, index }, body: part }, lifetime)
    })
    // Last, so that whoever finds it finds the chunks.
    await this.#write(id, { meta: head, body: NOTHING }, lifetime)
  }

  /** Each chunk says to what body it belongs and where, and its frame has a checksum. */
  async #joined(id: string, head: ChunkedMeta): Promise<StoreItem | undefined> {
    if (!(head.length <= this.maxEntrySize)) return undefined
    const body = Buffer.allocUnsafeSlow(head.length)
    let isWhole = true
    await inTurn(chunkIds(id, head), chunksAtOnce, async (chunk, index) => {
      const bytes = isWhole ? await this.#backend.get(chunk) : undefined
      const found = bytes && decodeItem(bytes)
      const meta = found?.meta as { id?: unknown; index?: unknown } | undefined
      const length = Math.min(head.chunkSize, head.length - index * head.chunkSize)
      if (found?.body.length === length && meta?.id === head.id && meta.index === index) {
        body.set(found.body, index * head.chunkSize)
      } else isWhole = false
    })
    return isWhole ? { meta: head.meta, body } : undefined
  }

  #lifetimeOf(value: unknown, lifetime: number | undefined): number {
    const expires = isStoreItem(value) ? undefined : expiryOf(value)
    const asked = expires === undefined ? (lifetime ?? Infinity) : expires - this.#clock.now()
    const kept = Math.min(asked, this.#maxLifetime)
    return kept === Infinity ? kept : Math.min(kept, longestLifetime)
  }

  #open(): Promise<void> {
    if (this.#isClosed) return Promise.reject(new StoreError(`The store ${this.name} was closed`))
    if (this.#opening === undefined) {
      const opening = this.#backend.open()
      this.#opening = opening
      opening.then(
        () => {
          this.#isOpen = !this.#isClosed
        },
        () => {
          if (this.#opening === opening) this.#opening = undefined
        },
      )
    }
    return this.#opening
  }

  /** A key that every server takes, whatever characters and length ours has; the braces keep chunks on one cluster node. */
  #idOf(key: string): string {
    const prefix = this.#keyvPrefix
    const own = prefix !== undefined && key.startsWith(prefix) ? key.slice(prefix.length) : key
    return `${this.#prefix}{${digest(own)}}`
  }

  /** The client's capabilities under keys of this namespace. */
  #ofBackend(own: StoreCapabilities): StoreCapabilities {
    const open = (): Promise<void> => this.#open()
    const idOf = (key: string): string => `${this.#prefix}+{${digest(key)}}`
    const { append, slice, publish, subscribe } = own
    return {
      scope: own.scope,
      read: (key) => open().then(() => own.read(idOf(key))),
      increment: (key, by, lifetime) => open().then(() => own.increment(idOf(key), by, lifetime)),
      setIfAbsent: (key, value, lifetime) => open().then(() => own.setIfAbsent(idOf(key), value, lifetime)),
      compareAndSwap: (key, expected, next, lifetime) =>
        open().then(() => own.compareAndSwap(idOf(key), expected, next, lifetime)),
      ...(append && {
        append: (key: string, value: Buffer, lifetime: number) =>
          open().then(() => append.call(own, idOf(key), value, lifetime)),
      }),
      ...(slice && { slice: (key: string, from: number) => open().then(() => slice.call(own, idOf(key), from)) }),
      ...(publish && {
        publish: (channel: string, text: string) => open().then(() => publish.call(own, idOf(channel), text)),
      }),
      ...(subscribe && {
        subscribe: (channel: string, subscriber: Parameters<typeof subscribe>[1]) =>
          open().then(() => subscribe.call(own, idOf(channel), subscriber)),
      }),
    }
  }
}

const NOTHING = Buffer.alloc(0)

/** What is not found is soon written, and what is found is soon asked for again. */
const digest: (key: string) => string = memoised((key) => {
  // As UTF-8, all lone surrogates would be the same.
  if (key.isWellFormed()) return hash('sha256', key, 'base64url')
  return `u${hash('sha256', Buffer.from(key, 'utf16le'), 'base64url')}`
}, 512)

/** The key of a body that is kept in one piece. */
function bodyId(id: string): string {
  return `${id}:body`
}

/** The keys of what lies beside an item. */
function partsOf(id: string, meta: object | undefined): string[] {
  if (meta === undefined) return []
  if (isLargeMeta(meta)) return [bodyId(id)]
  return isChunked(meta) ? chunkIds(id, meta) : []
}

function isChunked(meta: object): meta is ChunkedMeta {
  const { kind, id, length, chunkSize } = meta as Partial<ChunkedMeta>
  if (kind !== 'chunked' || typeof id !== 'string' || !isPositive(length) || !isPositive(chunkSize)) return false
  return (length as number) / (chunkSize as number) <= mostChunks
}

function isPositive(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) > 0
}

function chunkIds(id: string, { length, chunkSize }: ChunkedMeta): string[] {
  return Array.from({ length: Math.ceil(length / chunkSize) }, (_, index) => `${id}:${index}`)
}

/** Does `work` for each of the items, some at a time. */
async function inTurn<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++
      await work(items[index] as T, index)
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker))
}
