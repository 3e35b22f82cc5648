import { hash } from 'node:crypto'
import { knownOptions, limit, positiveInteger, quote } from '../options.ts'
import { decodeItem, encodeItem } from './frame.ts'
import { type StoreHealth, watchedHealth } from './health.ts'
import type { Store, StoreItem } from './store.ts'
import { SwallowedErrors } from './swallowed-errors.ts'

/** What is used of a Keyv, 5.6 or 6.1: nothing but its own methods, so its namespace, serializer and hooks hold. */
export interface KeyvLike {
  get(key: string): Promise<unknown>
  set(key: string, value: string, ttl?: number): Promise<unknown>
  delete(key: string): Promise<unknown>
  clear(): Promise<unknown>
  on(event: 'error', listener: (error: unknown) => void): unknown
}

export interface KeyvStoreOptions {
  /** Bytes: a larger body is not kept. Default 4 MiB. */
  readonly maxEntrySize?: number | undefined
  /** Bytes in this process that recordings in flight may hold. Default 16 MiB. */
  readonly maxRecordingBytes?: number | undefined
  /** Milliseconds that anything is kept at most. Default: as long as it is asked for. */
  readonly maxLifetime?: number | undefined
  /** Keeps the keys of several stores on one Keyv apart. `clear` empties the whole Keyv all the same. */
  readonly namespace?: string | undefined
}

export interface KeyvStore extends Store {
  readonly near: false
  /** What the Keyv reported last; undefined where it never did. */
  readonly lastError: unknown
  get(key: string): Promise<StoreItem | undefined>
  set(key: string, item: StoreItem, lifetime: number): Promise<void>
  delete(key: string): Promise<void>
  /** Empties the Keyv, or its namespace where it has one: give the cache a Keyv of its own. */
  clear(): Promise<void>
  /** What those who use it in this process have found out about it. */
  health(): StoreHealth
}

const MiB = 1024 * 1024
/** Some servers take no longer time to live. */
const longestLifetime = 365 * 24 * 60 * 60 * 1000
const methods = ['get', 'set', 'delete', 'clear', 'on'] as const

/**
 * Keeps items in whatever a Keyv keeps things in. A failing Keyv makes a call reject.
 *
 * @throws TypeError where `keyv` is no Keyv, TypeError or RangeError for an option it cannot use.
 */
export function keyvStore(keyv: KeyvLike, options: KeyvStoreOptions = {}): KeyvStore {
  checkKeyv('keyvStore', keyv)
  knownOptions('keyvStore', options, ['maxEntrySize', 'maxRecordingBytes', 'maxLifetime', 'namespace'])
  return new OnKeyv(keyv, options)
}

/** Throws a TypeError that says what to hand in where `value` is no Keyv. */
export function checkKeyv(name: string, value: unknown): asserts value is KeyvLike {
  const keyv = Object(value) as Partial<KeyvLike>
  if (methods.every((method) => typeof keyv[method] === 'function')) return
  const hint =
    value instanceof Map ? 'new Keyv({ store: map })' : "new Keyv() or new Keyv(new KeyvRedis('redis://...'))"
  throw new TypeError(`${name} needs a Keyv, such as ${hint}, not ${quote(value)}`)
}

class OnKeyv implements KeyvStore {
  readonly name = 'keyv'
  readonly near = false
  readonly maxEntrySize: number
  readonly #keyv: KeyvLike
  readonly #prefix: string
  readonly #errors: SwallowedErrors
  readonly #maxReserved: number
  readonly #maxLifetime: number
  #reserved = 0

  constructor(keyv: KeyvLike, options: KeyvStoreOptions) {
    this.maxEntrySize = positiveInteger('maxEntrySize', options.maxEntrySize, 4 * MiB)
    this.#maxReserved = positiveInteger('maxRecordingBytes', options.maxRecordingBytes, 16 * MiB)
    this.#maxLifetime = limit('maxLifetime', options.maxLifetime, Infinity)
    const namespace: unknown = options.namespace ?? ''
    if (typeof namespace !== 'string') throw new TypeError(`namespace must be a string, not ${quote(namespace)}`)
    this.#prefix = namespace === '' ? '' : `${namespace}\0`
    this.#keyv = keyv
    this.#errors = SwallowedErrors.of(keyv)
  }

  get lastError(): unknown {
    return this.#errors.last
  }

  async get(key: string): Promise<StoreItem | undefined> {
    const mark = this.#errors.mark()
    const value = await this.#keyv.get(this.#hash(key))
    if (value === undefined) this.#errors.claim(mark)
    // Base64: the one form of bytes that every serializer, and none, gives back as it was.
    return typeof value === 'string' ? decodeItem(Buffer.from(value, 'base64')) : undefined
  }

  async set(key: string, item: StoreItem, lifetime: number): Promise<void> {
    if (!(lifetime > 0) || item.body.length > this.maxEntrySize) return this.delete(key)
    const mark = this.#errors.mark()
    // Keyv takes 0 for "never expires".
    const ttl = Math.max(1, Math.floor(Math.min(lifetime, this.#maxLifetime, longestLifetime)))
    const isKept = await this.#keyv.set(this.#hash(key), encodeItem(item).toString('base64'), ttl)
    this.#errors.claim(mark)
    if (isKept === false) throw new Error('The Keyv did not keep the item and did not say why')
  }

  async delete(key: string): Promise<void> {
    const mark = this.#errors.mark()
    await this.#keyv.delete(this.#hash(key))
    this.#errors.claim(mark)
  }

  async clear(): Promise<void> {
    const mark = this.#errors.mark()
    await this.#keyv.clear()
    this.#errors.claim(mark)
  }

  reserve(bytes: number): boolean {
    if (!(bytes >= 0) || this.#reserved + bytes > this.#maxReserved) return false
    this.#reserved += bytes
    return true
  }

  release(bytes: number): void {
    this.#reserved = Math.max(0, this.#reserved - bytes)
  }

  health(): StoreHealth {
    return watchedHealth(this)
  }

  /** A key that every server takes, whatever characters and length ours has. */
  #hash(key: string): string {
    const full = this.#prefix + key
    // As UTF-8, all lone surrogates would be the same.
    if (full.isWellFormed()) return `bw1:${hash('sha256', full, 'base64url')}`
    return `bw1:u${hash('sha256', Buffer.from(full, 'utf16le'), 'base64url')}`
  }
}
