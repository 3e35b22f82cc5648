import type { StoreItem } from '../store.ts'

/** One kept item: what the index of a memory store points to and its eviction queues link. */
export class Slot {
  readonly key: string
  item: StoreItem
  /** Accounted bytes. */
  weight: number
  /** The monotonic time in ms from which the item is gone. */
  expires: number
  /** Reads since it came into its queue, where the policy counts them. */
  uses = 0
  /** A hash of the key, where the policy needs one. */
  hash = 0
  /** Its place in a heap, where the policy has one. */
  place = 0
  /** Which came first, where the policy asks. */
  order = 0
  queue: Queue | undefined = undefined
  newer: Slot | undefined = undefined
  older: Slot | undefined = undefined

  constructor(key: string, item: StoreItem, weight: number, expires: number) {
    this.key = key
    this.item = item
    this.weight = weight
    this.expires = expires
  }

  /** Changes the weight, in the books of its queue too. */
  reweigh(weight: number): void {
    if (this.queue !== undefined) this.queue.weight += weight - this.weight
    this.weight = weight
  }
}

/** A doubly linked list of slots, newest first, that knows its weight in bytes. */
export class Queue {
  newest: Slot | undefined = undefined
  oldest: Slot | undefined = undefined
  weight = 0
  length = 0

  /** Puts a slot that is in no queue in front. */
  push(slot: Slot): void {
    slot.queue = this
    slot.older = this.newest
    if (this.newest === undefined) this.oldest = slot
    else this.newest.newer = slot
    this.newest = slot
    this.weight += slot.weight
    this.length++
  }

  /** Takes a slot out; it must be in this queue. */
  remove(slot: Slot): void {
    if (slot.newer === undefined) this.newest = slot.older
    else slot.newer.older = slot.older
    if (slot.older === undefined) this.oldest = slot.newer
    else slot.older.newer = slot.newer
    slot.queue = undefined
    slot.newer = undefined
    slot.older = undefined
    this.weight -= slot.weight
    this.length--
  }
}
