import { setTimeout as pause } from 'node:timers/promises'
import type { Clock } from '../clock.ts'
import type { StoreCapabilities } from '../store/capabilities.ts'
import { waitAtMost, withDeadline } from '../store/guard.ts'
import { askForLease, type Lease, type LeaseAnswer } from '../store/lease.ts'
import type { Sequence } from './contract.ts'
import { encodedMark } from './kept-state.ts'
import { Mark } from './mark.ts'
import type { TermBlocks } from './term-blocks.ts'
import type { TermWalker } from './term-walker.ts'

/** The terms of a block as far as they are wanted. */
export interface Landed {
  readonly texts: readonly string[]
  /** Whether the sequence ends with them. */
  readonly isEnd: boolean
  /** What came instead of the next term. */
  readonly failure?: { readonly error: unknown } | undefined
}

export interface BlockWriterParts<State> {
  readonly walker: TermWalker<State>
  readonly capabilities: StoreCapabilities
  readonly clock: Clock
  /** ms for one call of the store. */
  readonly timeout: number
}

/** The first `count` terms of block `n`, by a reader who goes on to block `last`. */
export interface Wanted {
  readonly n: number
  readonly count: number
  readonly last: number
}

/** Somebody who waits. */
interface Wish extends Wanted {
  readonly resolve: (landed: Landed) => void
  readonly reject: (error: unknown) => void
}

/** Block `n`, computed. */
interface Written<State> {
  readonly n: number
  readonly texts: readonly string[]
  readonly last: Mark<State>
  /** Whether it was written by right: others go by how far that is. */
  readonly isHead: boolean
}

/** The block that another process is at, and since when, monotonic ms. */
interface Seen {
  readonly head: number
  readonly since: number
}

/** A writer that dies is followed by another process after this time, ms. */
const LEASE_TIME = 3_000
/** Between two looks at whether another process has written what is wanted, ms. */
const FIRST_PAUSE = 10
const LONGEST_PAUSE = 100
/** ms without a new block after which it is taken that none will come, or that this process cannot see them. */
const STANDSTILL = 10_000
/** ms for which a store that has failed is not asked for the right to write. */
const RETRY_AFTER = 1_000
/** ms that a reader who got a block has to come back for the next one, before the walk is ended. */
const COMING_BACK = 50
/** ms for the rest of a block that nobody waits for: a sequence may hang, and others wait for the lease. */
const FINISHING = 10_000
/** Blocks on their way to the store at most, before more is computed. */
const MOST_UNDER_WAY = 4

/**
 * Computes the blocks of a sequence, one process at a time where the store can lock, as long as somebody wants them.
 * Whoever waits gets what lands, from here or from another process; nobody waits for a lock.
 */
export class BlockWriter<State> {
  readonly #sequence: Sequence<State>
  readonly #blocks: TermBlocks
  readonly #walker: TermWalker<State>
  readonly #capabilities: StoreCapabilities
  readonly #clock: Clock
  /** ms for one call of the store. */
  readonly #timeout: number
  readonly #wishes = new Set<Wish>()
  /** Ends the work when nobody wants it any more. */
  #leaving = new AbortController()
  #finishing: NodeJS.Timeout | undefined
  #isAtWork = false
  /** When the store failed at a lease, monotonic ms. */
  #failedAt = -Infinity
  /** The last term that was computed here and ends a block: gone on from even where the store keeps nothing. */
  #latest: Mark<State> | undefined
  /** The block that was in work last, as far as it is there: it may not be in the store yet, or never. */
  #recent: { readonly n: number; readonly texts: readonly string[] } = { n: -1, texts: [] }
  /** The last block that readers who got theirs go on to, and what tells that one came back. */
  #expected = -1
  #onWish: (() => void) | undefined

  constructor(sequence: Sequence<State>, blocks: TermBlocks, parts: BlockWriterParts<State>) {
    this.#sequence = sequence
    this.#blocks = blocks
    this.#walker = parts.walker
    this.#capabilities = parts.capabilities
    this.#clock = parts.clock
    this.#timeout = parts.timeout
  }

  /**
   * Terms of a block that is not in the store.
   *
   * @throws the signal's reason.
   */
  async wait(wanted: Wanted, signal: AbortSignal): Promise<Landed> {
    signal.throwIfAborted()
    const { n, texts } = this.#recent
    if (n === wanted.n && texts.length >= wanted.count) return { texts: [...texts], isEnd: false }
    const { promise, resolve, reject } = Promise.withResolvers<Landed>()
    const wish: Wish = { ...wanted, resolve, reject }
    const onAbort = (): void => {
      this.#wishes.delete(wish)
      // What others have got a part of is computed to the end of its block.
      if (this.#wishes.size === 0) this.#leaving.abort()
      reject(signal.reason)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    this.#wishes.add(wish)
    clearTimeout(this.#finishing)
    this.#onWish?.()
    if (!this.#isAtWork) void this.#work()
    try {
      return await promise
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  /**
   * The last term before `start` that the walk to it would go on from, by its index; undefined where there is none.
   * Computes nothing.
   */
  async keptBefore(start: number): Promise<number | undefined> {
    const { size } = this.#blocks
    const n = Math.floor(start / size)
    if (start === 0) return undefined
    const isRecent = this.#recent.n === n && this.#recent.texts.length >= start - n * size
    if (isRecent || (await this.#blocks.find(n)) !== undefined) return start - 1
    return (await this.#lastBefore(n, await this.#blocks.head()))?.index
  }

  /** Sees to it that wishes come true until there are none. */
  async #work(): Promise<void> {
    this.#isAtWork = true
    let seen: Seen | undefined
    try {
      for (let patience = FIRST_PAUSE; this.#wishes.size > 0; patience = Math.min(patience * 1.5, LONGEST_PAUSE)) {
        const turn = await this.#ask()
        if (turn !== 'taken') {
          await this.#write(turn)
          patience = FIRST_PAUSE
          seen = undefined
        } else {
          await pause(patience)
          await this.#lookUp()
          seen = await this.#look(seen)
          // What the other one is past is gone from the store: it would not come back to that.
          const isPast = (this.#smallestWish() ?? Infinity) < seen.head
          const standsStill = this.#clock.monotonic() - seen.since >= STANDSTILL
          if (isPast || standsStill) await this.#write(undefined)
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

  /** How far another process is, and since when. */
  async #look(before: Seen | undefined): Promise<Seen> {
    const head = await this.#blocks.head()
    return head === before?.head ? before : { head, since: this.#clock.monotonic() }
  }

  /** The right to write; undefined where the store cannot say who has it. */
  async #ask(): Promise<Lease | undefined | 'taken'> {
    if (this.#hasFailed) return undefined
    const asking = askForLease(this.#capabilities, this.#blocks.leaseKey, LEASE_TIME)
    const outcome = await withDeadline(() => asking, this.#timeout, false)
    if (outcome.type === 'value') return outcome.value.type === 'granted' ? outcome.value.lease : 'taken'
    // One that is granted too late is nobody's.
    if (outcome.type === 'late') asking.then(giveBack).catch(() => {})
    this.#failedAt = this.#clock.monotonic()
    return undefined
  }

  get #hasFailed(): boolean {
    return this.#clock.monotonic() - this.#failedAt < RETRY_AFTER
  }

  async #release(lease: Lease): Promise<void> {
    const { type } = await withDeadline(() => lease.release(), this.#timeout, false)
    if (type !== 'value') this.#failedAt = this.#clock.monotonic()
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
      if (first !== undefined) await this.#compute(first, lease)
    } finally {
      if (lease !== undefined) await this.#release(lease)
    }
  }

  #smallestWish(): number | undefined {
    const numbers = [...this.#wishes].map(({ n }) => n)
    return numbers.length === 0 ? undefined : Math.min(...numbers)
  }

  /** The last block that anybody who waits goes on to. */
  #lastWish(): number {
    return Math.max(-1, ...[...this.#wishes].map(({ last }) => last))
  }

  /** Computes from the last block before `first` on, up to the last that is wanted. */
  async #compute(first: number, lease: Lease | undefined): Promise<void> {
    this.#leaving = new AbortController()
    this.#expected = -1
    const { signal } = this.#leaving
    const { size } = this.#blocks
    const head = await this.#blocks.head()
    const kept = await this.#lastBefore(first, head)
    let n = kept === undefined ? 0 : Math.floor(kept.index / size) + 1
    let texts: string[] = []
    let last: Mark<State> | undefined
    const underWay = new Set<Promise<void>>()
    const expected = (this.#lastWish() + 1 - n) * size
    const terms = this.#walker.walk({ start: n * size, count: Infinity, expected, kept, signal, boundary: size })
    try {
      for await (const batch of terms) {
        texts.push(...batch.texts)
        last = batch.last
        this.#recent = { n, texts }
        this.#land(n, texts, false)
        if (texts.length < size) continue
        this.#latest = last
        await this.#keep(underWay, { n, texts, last, isHead: lease !== undefined })
        texts = []
        n++
        if (!(await this.#goesOn(n, { first, head, lease }))) return
      }
      if (last !== undefined && texts.length > 0) {
        await this.#keep(underWay, { n, texts, last, isHead: lease !== undefined })
      }
      this.#landRest(n, { texts, isEnd: true })
    } catch (error) {
      if (!signal.aborted) this.#landRest(n, { texts, isEnd: false, failure: { error } })
    } finally {
      clearTimeout(this.#finishing)
      // Others look for them when the lease is free; readers here do not wait for a store that hangs.
      await waitAtMost(Promise.all(underWay), this.#timeout)
    }
  }

  /** Whether the walk to block `first` that came to block `n` goes on with it. `head`: what others had written then. */
  async #goesOn(
    n: number,
    { first, head, lease }: { readonly first: number; readonly head: number; readonly lease: Lease | undefined },
  ): Promise<boolean> {
    if (this.#wishes.size === 0 && this.#expected >= n) await this.#nextWish()
    const smallest = this.#smallestWish()
    if (smallest === undefined || smallest < n) return false
    if (lease?.isLost === true) return false
    if (n <= first) return true
    // Others have written it: it is made here only where somebody misses it.
    if (smallest > n && n < head) return false
    // Without a lease, another is about to write what comes behind the head.
    return lease !== undefined || n < head || this.#hasFailed
  }

  /** A reader who got a block and is on the way back for the next one. */
  async #nextWish(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#onWish = resolve
    await waitAtMost(promise, COMING_BACK)
    this.#onWish = undefined
  }

  /** The last term before block `first` that there is a state of. */
  async #lastBefore(first: number, head: number): Promise<Mark<State> | undefined> {
    const before = first * this.#blocks.size - 1
    const own = this.#latest !== undefined && this.#latest.index <= before ? this.#latest : undefined
    if (own?.index === before) return own
    const next = await this.#firstMissing(first, head)
    // Steps that double: where blocks are gone few are asked for, and at most twice as many are computed.
    for (let back = 1; back <= next; back *= 2) {
      const kept = await this.#endOf(next - back)
      if (kept !== undefined) return own !== undefined && own.index > kept.index ? own : kept
    }
    return own
  }

  /** From the head on, up to `first`, with steps that double while blocks are there: the head may be far behind. */
  async #firstMissing(first: number, head: number): Promise<number> {
    let next = Math.min(first, head)
    for (let step = 1; step >= 1; ) {
      const isThere = next + step <= first && (await this.#blocks.find(next + step - 1)) !== undefined
      if (isThere) next += step
      step = isThere ? step * 2 : Math.floor(step / 2)
    }
    return next
  }

  /** The last term of block `n`; undefined where there is none to go on from. */
  async #endOf(n: number): Promise<Mark<State> | undefined> {
    const block = await this.#blocks.find(n)
    if (block === undefined) return undefined
    const mark = Mark.encoded(this.#sequence, n * this.#blocks.size + block.texts.length - 1, block.state)
    return mark.kept() && mark
  }

  /** Hands a block to the store; waits for one of them where too many are on their way. */
  async #keep(underWay: Set<Promise<void>>, { n, texts, last, isHead }: Written<State>): Promise<void> {
    const state = encodedMark(this.#sequence, last)
    if (state === undefined) return
    const keeping = this.#blocks.keep(n, { texts, state }, isHead)
    const done = keeping.finally(() => underWay.delete(done))
    underWay.add(done)
    if (underWay.size >= MOST_UNDER_WAY) await waitAtMost(Promise.race(underWay), this.#timeout)
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
    this.#expected = Math.max(this.#expected, wish.last)
    if (this.#wishes.size > 0) return
    const leaving = this.#leaving
    clearTimeout(this.#finishing)
    this.#finishing = setTimeout(() => leaving.abort(), FINISHING).unref()
  }
}

async function giveBack(answer: LeaseAnswer): Promise<void> {
  if (answer.type === 'granted') await answer.lease.release()
}
