/** A store beyond this process, without a server: it fails, hangs or takes its time as a test says, and counts its calls. */
import { setTimeout as pause } from 'node:timers/promises'
import type { StoreCapabilities } from '../../src/core/store/capabilities.ts'
import { localCapabilities } from '../../src/core/store/local-capabilities.ts'
import { type MemoryStore, memoryStore } from '../../src/core/store/memory.ts'
import type { Store } from '../../src/core/store/store.ts'

/** What a store can be asked for. */
export type Part = 'reads' | 'writes' | 'leases'
export type Fault = 'fails' | 'hangs'

export class FaultyStore {
  readonly faults: Partial<Record<Part, Fault>> = {}
  readonly calls: Record<Part, number> = { reads: 0, writes: 0, leases: 0 }
  /** ms that each read takes. */
  delay = 0
  /** What it keeps and whom it gave the right to write: here no faults strike. */
  readonly kept: MemoryStore = memoryStore()
  readonly capabilities: StoreCapabilities = localCapabilities()
  readonly #released = Promise.withResolvers<void>()

  /** What hung goes on. */
  release(): void {
    this.#released.resolve()
  }

  /** As a process sees it that shares it with others. */
  client(): Store {
    const { capabilities } = this
    return {
      name: 'faulty',
      near: false,
      maxEntrySize: this.kept.maxEntrySize,
      capabilities: {
        ...capabilities,
        scope: 'cluster',
        read: (key) => this.#call('leases', () => capabilities.read(key)),
        increment: (...given) => capabilities.increment(...given),
        setIfAbsent: (...given) => this.#call('leases', () => capabilities.setIfAbsent(...given)),
        compareAndSwap: (...given) => this.#call('leases', () => capabilities.compareAndSwap(...given)),
      },
      get: async (key) => {
        if (this.delay > 0) await pause(this.delay)
        return this.#call('reads', async () => this.kept.get(key))
      },
      set: (...given) => this.#call('writes', async () => this.kept.set(...given)),
      delete: async (key) => void this.kept.delete(key),
      clear: async () => void this.kept.clear(),
      reserve: () => true,
      release: () => {},
    }
  }

  async #call<T>(part: Part, call: () => Promise<T>): Promise<T> {
    this.calls[part]++
    if (this.faults[part] === 'fails') throw new Error(`No ${part}`)
    if (this.faults[part] === 'hangs') await this.#released.promise
    return call()
  }
}
