import type { Eviction } from './eviction.ts'
import type { Slot } from './queue.ts'

/**
 * Earliest expiry first: what would end soonest anyway goes; of those that end together, the one that was set first.
 * A binary heap, so each step takes at most as many comparisons as the number of entries has digits, in base two.
 */
export class EarliestExpiry implements Eviction {
  readonly #heap: Slot[] = []
  #arrivals = 0

  add(slot: Slot): void {
    slot.order = ++this.#arrivals
    this.#put(slot, this.#heap.length)
    this.#rise(slot)
  }

  /** Reading changes nothing; a slot that was replaced may end at another time. */
  touch(slot: Slot): void {
    this.#rise(slot)
    this.#sink(slot)
  }

  remove(slot: Slot): void {
    const last = this.#heap.pop() as Slot
    if (last === slot) return
    this.#put(last, slot.place)
    this.#rise(last)
    this.#sink(last)
  }

  evict(): Slot | undefined {
    const first = this.#heap[0]
    if (first !== undefined) this.remove(first)
    return first
  }

  #rise(slot: Slot): void {
    while (slot.place > 0) {
      const parent = this.#heap[(slot.place - 1) >>> 1] as Slot
      if (!endsBefore(slot, parent)) return
      this.#swap(slot, parent)
    }
  }

  #sink(slot: Slot): void {
    for (;;) {
      const left = this.#heap[slot.place * 2 + 1]
      const right = this.#heap[slot.place * 2 + 2]
      const next = right !== undefined && left !== undefined && endsBefore(right, left) ? right : left
      if (next === undefined || !endsBefore(next, slot)) return
      this.#swap(slot, next)
    }
  }

  #swap(a: Slot, b: Slot): void {
    const place = a.place
    this.#put(a, b.place)
    this.#put(b, place)
  }

  #put(slot: Slot, place: number): void {
    this.#heap[place] = slot
    slot.place = place
  }
}

function endsBefore(a: Slot, b: Slot): boolean {
  return a.expires === b.expires ? a.order < b.order : a.expires < b.expires
}
