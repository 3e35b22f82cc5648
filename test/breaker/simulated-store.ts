import type { StoreCapabilities } from '../../src/core/store/capabilities.ts'
import type { Store, StoreItem } from '../../src/index.ts'

/** What is wrong between one process and the store. `lost`: what is asked for happens, and the reply never comes. */
export type Fault = 'none' | 'slow' | 'refused' | 'hung' | 'lost' | 'garbage'

interface Kept {
  readonly bytes: Buffer
  readonly ends: number
}

const garbage = Buffer.from('[["upstream",{"circuit":{"generation":"high"}}],17,{"')

/** What all processes share, by the global timers: to be faked. */
export class SimulatedServer {
  readonly #kept = new Map<string, Kept>()

  read(key: string): Buffer | undefined {
    const found = this.#kept.get(key)
    return found !== undefined && found.ends > Date.now() ? found.bytes : undefined
  }

  write(key: string, bytes: Buffer, lifetime: number): void {
    this.#kept.set(key, { bytes, ends: Date.now() + lifetime })
  }

  clear(): void {
    this.#kept.clear()
  }
}

/** The way of one process to the server. */
export class SimulatedClient {
  fault: Fault = 'none'
  readonly #server: SimulatedServer
  /** A latency, ms. */
  readonly #draw: () => number

  constructor(server: SimulatedServer, draw: () => number) {
    this.#server = server
    this.#draw = draw
  }

  /** With compare-and-swap, or only with get and set. */
  store(isAtomic: boolean): Store {
    const server = this.#server
    const store: Store = {
      name: 'simulated',
      near: false,
      maxEntrySize: 1e6,
      get: (key) => this.#travel(() => itemOf(server.read(key)), itemOf(garbage)),
      set: (key, { body }, lifetime) => this.#travel(() => server.write(key, body, lifetime), undefined),
      delete: async () => {},
      clear: async () => {},
      reserve: () => true,
      release: () => {},
    }
    return isAtomic ? { ...store, capabilities: this.#capabilities() } : store
  }

  #capabilities(): StoreCapabilities {
    const server = this.#server
    return {
      scope: 'cluster',
      read: (key) => this.#travel(() => server.read(key), garbage),
      increment: async () => 0,
      setIfAbsent: (key, value, lifetime) =>
        this.#travel(() => {
          if (server.read(key) !== undefined) return false
          server.write(key, value, lifetime)
          return true
        }, false),
      compareAndSwap: (key, expected, next, lifetime) =>
        this.#travel(() => {
          if (server.read(key)?.equals(expected) !== true) return false
          server.write(key, next ?? Buffer.alloc(0), next === undefined ? 0 : lifetime)
          return true
        }, false),
    }
  }

  async #travel<T>(act: () => T, nonsense: T): Promise<T> {
    const { fault } = this
    const latency = this.#draw() * (fault === 'slow' ? 20 : 1)
    await pass(latency / 2)
    if (fault === 'refused') throw new Error('refused')
    if (fault === 'hung') return new Promise(() => {})
    if (fault === 'garbage') return nonsense
    const result = act()
    await pass(latency / 2)
    return fault === 'lost' ? new Promise(() => {}) : result
  }
}

function itemOf(bytes: Buffer | undefined): StoreItem | undefined {
  return bytes && { meta: {}, body: bytes }
}

function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
