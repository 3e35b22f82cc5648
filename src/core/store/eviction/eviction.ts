import type { Slot } from './queue.ts'

/** Decides which slot goes when room is needed. It holds each slot it was given until it hands it out or loses it. */
export interface Eviction {
  add(slot: Slot): void
  /** The slot was read or replaced. */
  touch(slot: Slot): void
  remove(slot: Slot): void
  /** Takes out the slot that is worth least; undefined where none is left. */
  evict(): Slot | undefined
}
