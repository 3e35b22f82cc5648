import type { StoreCapabilities, Subscriber } from '../../src/core/store/capabilities.ts'
import type { ByteBackend } from '../../src/core/store/remote.ts'

/** What several clients share: bytes in Maps, as a server would have them. */
export class MapServer {
  readonly kept = new Map<string, Buffer>()
  readonly #ends = new Map<string, number>()
  readonly #lists = new Map<string, Buffer[]>()
  readonly #subscribers = new Map<string, Set<Subscriber>>()

  /** A client, without a server. */
  backend(): ByteBackend {
    return {
      capabilities: this.#capabilities(),
      open: async () => {},
      get: async (key) => this.read(key),
      set: async (key, bytes, lifetime) => this.write(key, bytes, lifetime),
      delete: async (keys) => {
        for (const key of keys) this.kept.delete(key)
      },
      clear: async (prefix) => {
        for (const key of this.kept.keys()) if (key.startsWith(prefix)) this.kept.delete(key)
      },
      close: async () => {},
    }
  }

  read(key: string): Buffer | undefined {
    if ((this.#ends.get(key) ?? 0) <= performance.now()) {
      this.kept.delete(key)
      this.#lists.delete(key)
    }
    return this.kept.get(key)
  }

  write(key: string, bytes: Uint8Array, lifetime: number): void {
    this.kept.set(key, Buffer.from(bytes))
    this.#ends.set(key, performance.now() + lifetime)
  }

  #capabilities(): StoreCapabilities {
    return {
      scope: 'process',
      read: async (key) => this.read(key),
      increment: async (key, by, lifetime) => {
        const sum = Number(this.read(key)?.toString() ?? 0) + by
        this.write(key, Buffer.from(String(sum)), lifetime)
        return sum
      },
      setIfAbsent: async (key, value, lifetime) => {
        if (this.read(key) !== undefined) return false
        this.write(key, value, lifetime)
        return true
      },
      compareAndSwap: async (key, expected, next, lifetime) => {
        if (!this.read(key)?.equals(expected)) return false
        if (next === undefined) this.kept.delete(key)
        else this.write(key, next, lifetime)
        return true
      },
      append: async (key, value, lifetime) => {
        const list = this.read(key) === undefined ? [] : (this.#lists.get(key) ?? [])
        list.push(Buffer.from(value))
        this.#lists.set(key, list)
        this.write(key, Buffer.concat(list), lifetime)
        return list.length
      },
      slice: async (key, from) => (this.read(key) === undefined ? [] : (this.#lists.get(key) ?? [])).slice(from),
      publish: async (channel, text) => {
        for (const subscriber of this.#subscribers.get(channel) ?? []) subscriber.message(text)
      },
      subscribe: async (channel, subscriber) => {
        const all = this.#subscribers.get(channel) ?? new Set()
        this.#subscribers.set(channel, all.add(subscriber))
        subscriber.connected()
        return async () => {
          all.delete(subscriber)
        }
      },
    }
  }
}
