import type { Clock } from '../../core/clock.ts'
import type { StoreCapabilities } from '../../core/store/capabilities.ts'
import { storeError } from '../../core/store/errors.ts'
import type { ByteBackend } from '../../core/store/remote.ts'
import { datedHeader, undated } from './dated-bytes.ts'
import type { MemcachedClient } from './memcached-client.ts'
import { Generations } from './memcached-generations.ts'
import { rendezvous } from './memcached-hashing.ts'
import { type Version, type Versioned, type VersionedClient, versionedCapabilities } from './versioned-capabilities.ts'

const day = 24 * 60 * 60
/** Seconds: memcached takes more than this for a time since the epoch. */
const longestRelative = 30 * day
const NOTHING = Buffer.alloc(0)

interface Server {
  readonly client: MemcachedClient
  readonly generations: Generations
}

/** Bytes on one or more memcached servers, each with its own part of the keys. */
export class MemcachedBackend implements ByteBackend, VersionedClient {
  readonly capabilities: StoreCapabilities
  /** A server answers once it has read them. */
  readonly givesBytesBack = true
  readonly #servers: readonly Server[]
  readonly #serverOf: (key: string) => Server
  readonly #clock: Clock

  constructor(clients: readonly MemcachedClient[], clock: Clock) {
    this.#clock = clock
    this.#servers = clients.map((client) => ({ client, generations: new Generations(client) }))
    this.#serverOf = rendezvous(this.#servers, ({ client }) => client.name)
    this.capabilities = versionedCapabilities(this)
  }

  /** One server is enough: what the others have is missed until they are back. */
  async open(): Promise<void> {
    try {
      await Promise.any(this.#servers.map(({ client }) => client.open()))
    } catch (error) {
      throw error instanceof AggregateError && error.errors.length === 1
        ? error.errors[0]
        : storeError('No memcached can be reached', error)
    }
  }

  /**
   * What a server that is gone has is missing, as long as others answer: were it a failure, whoever skips a store after
   * some failures would skip the others' keys, too.
   */
  async get(key: string): Promise<Buffer | undefined> {
    try {
      const { value } = await this.#at(key, (client, place) => client.get('get', place))
      return value && undated(value, this.#clock.now())
    } catch (error) {
      const isOneOfSome = !this.#serverOf(key).client.isUp && this.#servers.some(({ client }) => client.isUp)
      if (isOneOfSome) return undefined
      throw error
    }
  }

  async set(key: string, bytes: Buffer, lifetime: number): Promise<void> {
    const what = { value: bytes, ...this.#ending(lifetime) }
    const isKept = await this.#at(key, (client, place) => client.write({ command: 'set', key: place, ...what }))
    if (!isKept) throw storeError('memcached did not keep what was set')
  }

  async delete(keys: readonly string[]): Promise<void> {
    await Promise.all(keys.map((key) => this.#at(key, (client, place) => client.delete(place))))
  }

  /** @throws StoreError where a server could not be told: what it has is still there when it comes back. */
  async clear(prefix: string): Promise<void> {
    const outcomes = await Promise.allSettled(this.#servers.map(({ generations }) => generations.renew(prefix)))
    const failure = outcomes.find((outcome) => outcome.status === 'rejected')
    if (failure !== undefined) throw storeError('Not every memcached could be cleared', failure.reason)
  }

  async close(): Promise<void> {
    for (const { client } of this.#servers) client.close()
  }

  async read(key: string): Promise<Versioned> {
    const { value, cas } = await this.#at(key, (client, place) => client.get('gets', place))
    return { value: value && undated(value, this.#clock.now()), version: cas ?? 'absent' }
  }

  write(key: string, version: Version, next: Buffer | undefined, lifetime: number): Promise<boolean> {
    const ending = next === undefined ? { header: NOTHING, exptime: -1 } : this.#ending(lifetime)
    const what = { value: next ?? NOTHING, ...ending }
    return this.#at(key, (client, place) =>
      client.write(
        version === 'absent'
          ? { command: 'add', key: place, ...what }
          : { command: 'cas', key: place, cas: version, ...what },
      ),
    )
  }

  /** Does one command where a key of ours is. */
  #at<T>(key: string, work: (client: MemcachedClient, place: string) => Promise<T>): Promise<T> {
    const { client, generations } = this.#serverOf(key)
    const prefix = key.slice(0, key.indexOf(':') + 1)
    const rest = key.slice(prefix.length)
    return generations.run(prefix, (word) => work(client, `${prefix}${word}:${rest}`))
  }

  /** The header ends a value to the millisecond; memcached, which counts seconds, drops it soon after. */
  #ending(lifetime: number): { readonly header: Buffer; readonly exptime: number } {
    const now = this.#clock.now()
    return { header: datedHeader(now + lifetime), exptime: exptimeOf(lifetime, now) }
  }
}

/** memcached's second may be about to end: one more, so that it never drops a value too early. */
function exptimeOf(lifetime: number, now: number): number {
  if (lifetime === Infinity) return 0
  const seconds = Math.max(0, Math.ceil(lifetime / 1000)) + 1
  return seconds <= longestRelative ? seconds : Math.ceil(now / 1000) + seconds
}
