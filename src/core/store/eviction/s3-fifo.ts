import type { Eviction } from './eviction.ts'
import { Ghost } from './ghost.ts'
import { Queue, type Slot } from './queue.ts'

/** The part of the kept bytes that newcomers may hold. */
const smallShare = 0.1
/** Reads that a newcomer needs to stay. */
const usesToStay = 2
/** Reads beyond this are not counted, so that yesterday's favourite leaves after a few rounds. */
const mostUses = 3

/**
 * S3-FIFO (Yang et al., SOSP 2023), weighed in bytes: newcomers pass a small queue and only those read
 * meanwhile, or asked for again soon after they left, come into the main one. A scan passes through the
 * small queue and leaves the rest as it was.
 */
export class S3Fifo implements Eviction {
  readonly #small = new Queue()
  readonly #main = new Queue()
  readonly #ghost = new Ghost()

  add(slot: Slot): void {
    slot.hash = hashOf(slot.key)
    if (this.#ghost.has(slot.hash, this.#reach)) this.#main.push(slot)
    else this.#small.push(slot)
  }

  touch(slot: Slot): void {
    if (slot.uses < mostUses) slot.uses++
  }

  remove(slot: Slot): void {
    slot.queue?.remove(slot)
  }

  evict(): Slot | undefined {
    for (;;) {
      const small = this.#small.oldest
      const main = this.#main.oldest
      if (small !== undefined && (main === undefined || this.#isSmallFull())) {
        this.#small.remove(small)
        if (small.uses < usesToStay) {
          this.#ghost.add(small.hash, this.#reach)
          return small
        }
        this.#keep(small, 0)
      } else if (main !== undefined) {
        this.#main.remove(main)
        if (main.uses === 0) return main
        this.#keep(main, main.uses - 1)
      } else {
        return undefined
      }
    }
  }

  #keep(slot: Slot, uses: number): void {
    slot.uses = uses
    this.#main.push(slot)
  }

  #isSmallFull(): boolean {
    return this.#small.weight > (this.#small.weight + this.#main.weight) * smallShare
  }

  /** Keys that left are remembered for as many departures as there are entries. */
  get #reach(): number {
    return this.#small.length + this.#main.length
  }
}

/** FNV-1a over UTF-16 units, 32 bits. Two keys of one hash cost a place in the queue, never a wrong answer. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193)
  return hash ^ (hash >>> 15)
}
