import type { Eviction } from './eviction.ts'
import { Queue, type Slot } from './queue.ts'

/** Reads beyond this are not counted: what has as many is far from leaving. */
const mostUses = 63
/** Reads and arrivals for each entry after which all counts are halved. */
const usesPerAge = 10
/** Few entries would age with every other read. */
const shortestAge = 1_000

/**
 * Least frequently used, with ageing: what was read least goes first, of those read as often the one that came to
 * that count first. Counts are halved periodically, so that yesterday's favourite leaves. A queue for each count, so
 * that nothing is searched; halving walks through all entries, once in ten times as many steps.
 */
export class Lfu implements Eviction {
  readonly #queues = Array.from({ length: mostUses + 1 }, () => new Queue())
  #length = 0
  #steps = 0

  add(slot: Slot): void {
    slot.uses = 0
    this.#queueOf(slot).push(slot)
    this.#length++
    this.#step()
  }

  touch(slot: Slot): void {
    slot.queue?.remove(slot)
    if (slot.uses < mostUses) slot.uses++
    this.#queueOf(slot).push(slot)
    this.#step()
  }

  remove(slot: Slot): void {
    slot.queue?.remove(slot)
    this.#length--
  }

  evict(): Slot | undefined {
    for (const { oldest } of this.#queues) {
      if (oldest === undefined) continue
      this.remove(oldest)
      return oldest
    }
    return undefined
  }

  #step(): void {
    if (++this.#steps < Math.max(shortestAge, this.#length * usesPerAge)) return
    this.#steps = 0
    this.#halve()
  }

  /** From the lowest count up: what falls to a count leaves after what was read less often than it. */
  #halve(): void {
    for (const queue of this.#queues) {
      for (let left = queue.length; left > 0; left--) {
        const slot = queue.oldest as Slot
        queue.remove(slot)
        slot.uses >>>= 1
        this.#queueOf(slot).push(slot)
      }
    }
  }

  #queueOf(slot: Slot): Queue {
    return this.#queues[slot.uses] as Queue
  }
}
