import { setTimeout as pause } from 'node:timers/promises'
import type { Clock } from '../clock.ts'
import type { StoreCapabilities } from '../store/capabilities.ts'
import { withDeadline } from '../store/guard.ts'
import { askForLease, type Lease, type LeaseAnswer } from '../store/lease.ts'
import type { Kept } from './batches.ts'
import type { Sequence } from './contract.ts'
import type { TermBlock, TermBlocks } from './term-blocks.ts'
import { walk } from './walk.ts'

/** The terms of a block as far as they are wanted. */
export interface Landed {
  readonly texts: readonly string[]
  /** Whether the sequence ends with them. */
  readonly isEnd: boolean
  /** What came instead of the next term. */
  readonly failure?: { readonly error: unknown } | undefined
}

export interface BlockWriterParts {
  readonly capabilities: StoreCapabilities
  readonly clock: Clock
  /** ms for one call of the store. */
  readonly timeout: number
}

/** Somebody who waits for the first `count` terms of block `n`. */
interface Wish {
  readonly n: number
  readonly count: number
  readonly resolve: (landed: Landed) => void
  readonly reject: (error: unknown) => void
}

/** A writer that dies is followed by another process after this time, ms. */
const LEASE_TIME = 3_000
/** Between two looks at whether another process has written what is wanted, ms. */
const FIRST_PAUSE = 10
const LONGEST_PAUSE = 100
/** How far back a block to go on from is looked for, where the last one is gone. */
const LONGEST_SEARCH = 64
/** Blocks on their way to the store at most, before more is computed. */
const MOST_UNDER_WAY = 4

/**
 * Computes the blocks of a sequence, one process at a time where the store can lock, as long as somebody wants them.
 * Whoever waits gets what lands, from here or from another process; nobody waits for a lock.
 */
export class BlockWriter<State> {
  readonly #sequence: Sequence<State>
  readonly #blocks: TermBlocks
  readonly #capabilities: StoreCapabilities
  readonly #clock: Clock
  /** ms for one call of the store. */
  readonly #timeout: number
  readonly #wishes = new Set<Wish>()
  /** Ends the work when nobody wants it any more. */
  #leaving = new AbortController()
  #isAtWork = false

  constructor(sequence: Sequence<State>, blocks: TermBlocks, parts: BlockWriterParts) {
    this.#sequence = sequence
    this.#blocks = blocks
    this.#capabilities = parts.capabilities
    this.#clock = parts.clock
    this.#timeout = parts.timeout
  }

  /**
   * The first `count` terms of block `n`, which is not in the store.
   *
   * @throws the signal's reason.
   */
  async wait(n: number, count: number, signal: AbortSignal): Promise<Landed> {
    signal.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<Landed>()
    const wish: Wish = { n, count, resolve, reject }
    const onAbort = (): void => {
      this.#wishes.delete(wish)
      // What others have got a part of is computed to the end of its block.
      if (this.#wishes.size === 0) this.#leaving.abort()
      reject(signal.reason)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    this.#wishes.add(wish)
    if (!this.#isAtWork) void this.#work()
    try {
      return await promise
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** Sees to it that wishes come true until there are none. */
  async #work(): Promise<void> {
    this.#isAtWork = true
    try {
      for (let patience = FIRST_PAUSE; this.#wishes.size > 0; patience = Math.min(patience * 1.5, LONGEST_PAUSE)) {
        const turn = await this.#ask()
        if (turn !== 'taken') {
          await this.#write(turn)
          patience = FIRST_PAUSE
        } else {
          await pause(patience)
          await this.#lookUp()
          // What the other one is past is gone from the store: it would not come back to that.
          if ((this.#smallestWish() ?? Infinity) < (await this.#blocks.head())) await this.#write(undefined)
        }
      }
    } catch (error) {
      for (const wish of this.#wishes) {
        this.#wishes.delete(wish)
        wish.reject(error)
      }
    } finally {
      this.#isAtWork = false
      // One that came while this ended.
      if (this.#wishes.size > 0) void this.#work()
    }
  }

  /** The right to write; undefined where the store cannot say who has it. */
  async #ask(): Promise<Lease | undefined | 'taken'> {
    const asking = askForLease(this.#capabilities, this.#blocks.leaseKey, LEASE_TIME)
    const outcome = await withDeadline(() => asking, this.#timeout, false)
    if (outcome.type === 'value') return outcome.value.type === 'granted' ? outcome.value.lease : 'taken'
    // One that is granted too late is nobody's.
    if (outcome.type === 'late') asking.then(giveBack, () => {})
    return undefined
  }

  /** What another process has written meanwhile. */
  async #lookUp(): Promise<void> {
    const numbers = new Set([...this.#wishes].map(({ n }) => n))
    for (const n of numbers) {
      const block = await this.#blocks.find(n)
      if (block !== undefined) this.#land(n, block.texts, block.texts.length < this.#blocks.size)
    }
  }

  async #write(lease: Lease | undefined): Promise<void> {
    try {
      // Another may have written it since it was missed.
      await this.#lookUp()
      const first = this.#smallestWish()
      if (first !== undefined) await this.#compute(first)
    } finally {
      await lease?.release()
    }
  }

  #smallestWish(): number | undefined {
    const numbers = [...this.#wishes].map(({ n }) => n)
    return numbers.length === 0 ? undefined : Math.min(...numbers)
  }

  #largestWish(): number {
    return Math.max(-1, ...[...this.#wishes].map(({ n }) => n))
  }

  /** Computes from the last block before `first` on, up to the last that is wanted. */
  async #compute(first: number): Promise<void> {
    this.#leaving = new AbortController()
    const { signal } = this.#leaving
    const { size } = this.#blocks
    const kept = await this.#lastBefore(first)
    let n = kept === undefined ? 0 : Math.floor(kept.index / size) + 1
    let texts: string[] = []
    let state: State | undefined
    const underWay = new Set<Promise<void>>()
    const terms = walk(this.#sequence, { start: n * size, kept, signal, clock: this.#clock, boundary: size })
    try {
      for await (const batch of terms) {
        texts.push(...batch.texts)
        state = batch.last.state
        this.#land(n, texts, false)
        if (texts.length < size) continue
        await this.#keep(underWay, n, texts, state)
        texts = []
        n++
        if (n > this.#largestWish() || (this.#smallestWish() ?? n) < n) return
      }
      if (texts.length > 0 && state !== undefined) await this.#keep(underWay, n, texts, state)
      this.#landRest(n, { texts, isEnd: true })
    } catch (error) {
      if (!signal.aborted) this.#landRest(n, { texts, isEnd: false, failure: { error } })
    } finally {
      await terms.return()
      await Promise.all(underWay)
    }
  }

  /** The last term before block `first` that there is a state of. */
  async #lastBefore(first: number): Promise<Kept<State> | undefined> {
    let next = Math.min(first, await this.#blocks.head())
    while (next < first && (await this.#blocks.find(next)) !== undefined) next++
    for (let n = next - 1; n >= Math.max(0, next - LONGEST_SEARCH); n--) {
      const block = await this.#blocks.find(n)
      const state = block && this.#stateOf(block)
      if (state !== undefined) return { index: n * this.#blocks.size + (block as TermBlock).texts.length - 1, state }
    }
    return undefined
  }

  #stateOf({ state }: TermBlock): State | undefined {
    try {
      return this.#sequence.decode(state)
    } catch {
      return undefined
    }
  }

  /** Hands a block to the store; waits where too many are on their way. */
  async #keep(underWay: Set<Promise<void>>, n: number, texts: readonly string[], state: State): Promise<void> {
    const keeping = this.#blocks.keep(n, { texts, state: this.#sequence.encode(state) })
    const done = keeping.finally(() => underWay.delete(done))
    underWay.add(done)
    if (underWay.size >= MOST_UNDER_WAY) await Promise.race(underWay)
  }

  /** For those who want what there is of block `n` by now. */
  #land(n: number, texts: readonly string[], isEnd: boolean): void {
    for (const wish of this.#wishes) {
      if (wish.n === n && (isEnd || texts.length >= wish.count)) this.#fulfil(wish, { texts: [...texts], isEnd })
    }
  }

  /** For all who want block `n` or later ones: after these terms none come. */
  #landRest(n: number, landed: Landed): void {
    for (const wish of this.#wishes) {
      if (wish.n === n) this.#fulfil(wish, landed)
      else if (wish.n > n) this.#fulfil(wish, { ...landed, texts: [] })
    }
  }

  #fulfil(wish: Wish, landed: Landed): void {
    this.#wishes.delete(wish)
    wish.resolve(landed)
  }
}

async function giveBack(answer: LeaseAnswer): Promise<void> {
  if (answer.type === 'granted') await answer.lease.release()
}
