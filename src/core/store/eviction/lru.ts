import type { Eviction } from './eviction.ts'
import { Queue, type Slot } from './queue.ts'

/** Least recently used: what was not asked for longest goes first. */
export class Lru implements Eviction {
  readonly #queue = new Queue()

  add(slot: Slot): void {
    this.#queue.push(slot)
  }

  touch(slot: Slot): void {
    if (this.#queue.newest === slot) return
    this.#queue.remove(slot)
    this.#queue.push(slot)
  }

  remove(slot: Slot): void {
    this.#queue.remove(slot)
  }

  evict(): Slot | undefined {
    const slot = this.#queue.oldest
    if (slot !== undefined) this.#queue.remove(slot)
    return slot
  }
}
