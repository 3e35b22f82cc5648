import { setTimeout as pause } from 'node:timers/promises'
import type { Clock } from '../clock.ts'
import type { StoreCapabilities } from '../store/capabilities.ts'
import { waitAtMost } from '../store/guard.ts'
import type { Sequence } from './contract.ts'
import { encodedMark } from './kept-state.ts'
import { Mark } from './mark.ts'
import type { TermBlocks } from './term-blocks.ts'
import type { TermWalker } from './term-walker.ts'
import { type Landed, type NobodyWaits, type Wanted, Wishes } from './wishes.ts'
import { WriteRight, type WriteTurn } from './write-right.ts'

export interface BlockWriterParts<State> {
  readonly walker: TermWalker<State>
  readonly capabilities: StoreCapabilities
  readonly clock: Clock
  /** ms for one call of the store. */
  readonly timeout: number
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

/** Between two looks at whether another process has written what is wanted, ms. */
const FIRST_PAUSE = 10
const LONGEST_PAUSE = 100
/** ms without a new block after which it is taken that none will come, or that this process cannot see them. */
const STANDSTILL = 10_000
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
  readonly #clock: Clock
  /** ms for one call of the store. */
  readonly #timeout: number
  readonly #right: WriteRight
  readonly #wishes = new Wishes((reason) => this.#leave(reason))
  /** Ends the work when nobody wants it any more. */
  #leaving = new AbortController()
  #finishing: NodeJS.Timeout | undefined
  #isAtWork = false
  /** The last term that was computed here and ends a block: gone on from even where the store keeps nothing. */
  #latest: Mark<State> | undefined
  /** The block that was in work last, as far as it is there: it may not be in the store yet, or never. */
  #recent: { readonly n: number; readonly texts: readonly string[] } = { n: -1, texts: [] }

  constructor(sequence: Sequence<State>, blocks: TermBlocks, parts: BlockWriterParts<State>) {
    this.#sequence = sequence
    this.#blocks = blocks
    this.#walker = parts.walker
    this.#clock = parts.clock
    this.#timeout = parts.timeout
    this.#right = new WriteRight(blocks.leaseKey, parts)
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
    const landed = this.#wishes.add(wanted, signal)
    clearTimeout(this.#finishing)
    if (!this.#isAtWork) void this.#work()
    return landed
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
      for (let patience = FIRST_PAUSE; !this.#wishes.areNone; patience = Math.min(patience * 1.5, LONGEST_PAUSE)) {
        const turn = await this.#right.ask()
        if (turn.state !== 'another') {
          await this.#write(turn)
          patience = FIRST_PAUSE
          seen = undefined
        } else {
          await pause(patience)
          await this.#lookUp()
          seen = await this.#look(seen)
          // What the other one is past is gone from the store: it would not come back to that.
          const isPast = (this.#wishes.first ?? Infinity) < seen.head
          const standsStill = this.#clock.monotonic() - seen.since >= STANDSTILL
          if (isPast || standsStill) await this.#write(undefined)
        }
      }
    } catch (error) {
      this.#wishes.reject(error)
    } finally {
      this.#isAtWork = false
      // One that came while this ended.
      if (!this.#wishes.areNone) void this.#work()
    }
  }

  /** Ends the work that nobody waits for; what others have got a part of is computed to the end of its block. */
  #leave(reason: NobodyWaits): void {
    const leaving = this.#leaving
    clearTimeout(this.#finishing)
    if (reason === 'left') leaving.abort()
    else this.#finishing = setTimeout(() => leaving.abort(), FINISHING).unref()
  }

  /** How far another process is, and since when. */
  async #look(before: Seen | undefined): Promise<Seen> {
    const head = await this.#blocks.head()
    return head === before?.head ? before : { head, since: this.#clock.monotonic() }
  }

  /** What another process has written meanwhile. */
  async #lookUp(): Promise<void> {
    for (const n of this.#wishes.blocks) {
      const block = await this.#blocks.find(n)
      if (block !== undefined) this.#wishes.land(n, block.texts, block.texts.length < this.#blocks.size)
    }
  }

  /** `turn`: undefined where another has the right, and what it should have written is not there. */
  async #write(turn: WriteTurn | undefined): Promise<void> {
    try {
      // Another may have written it since it was missed.
      await this.#lookUp()
      const { first } = this.#wishes
      if (first !== undefined && turn?.state !== 'another') await this.#compute(first, turn)
    } finally {
      await turn?.end()
    }
  }

  /** Computes from the last block before `first` on, up to the last that is wanted. */
  async #compute(first: number, turn: WriteTurn | undefined): Promise<void> {
    this.#leaving = new AbortController()
    this.#wishes.expectNobody()
    const { signal } = this.#leaving
    const { size } = this.#blocks
    const head = await this.#blocks.head()
    const kept = await this.#lastBefore(first, head)
    let n = kept === undefined ? 0 : Math.floor(kept.index / size) + 1
    let texts: string[] = []
    let last: Mark<State> | undefined
    const underWay = new Set<Promise<void>>()
    const expected = (this.#wishes.last + 1 - n) * size
    const terms = this.#walker.walk({ start: n * size, count: Infinity, expected, kept, signal, boundary: size })
    try {
      for await (const batch of terms) {
        texts.push(...batch.texts)
        last = batch.last
        this.#recent = { n, texts }
        this.#wishes.land(n, texts, false)
        if (texts.length < size) {
          if (turn?.state === 'another') return
          continue
        }
        this.#latest = last
        await this.#keep(underWay, { n, texts, last, isHead: turn?.state === 'own' })
        texts = []
        n++
        if (!(await this.#goesOn(n, { first, head, turn }))) return
      }
      if (last !== undefined && texts.length > 0) {
        await this.#keep(underWay, { n, texts, last, isHead: turn?.state === 'own' })
      }
      this.#wishes.landRest(n, { texts, isEnd: true })
    } catch (error) {
      if (!signal.aborted) this.#wishes.landRest(n, { texts, isEnd: false, failure: { error } })
    } finally {
      clearTimeout(this.#finishing)
      // Others look for them when the lease is free; readers here do not wait for a store that hangs.
      await waitAtMost(Promise.all(underWay), this.#timeout)
    }
  }

  /** Whether the walk to block `first` that came to block `n` goes on with it. `head`: what others had written then. */
  async #goesOn(
    n: number,
    { first, head, turn }: { readonly first: number; readonly head: number; readonly turn: WriteTurn | undefined },
  ): Promise<boolean> {
    await this.#wishes.comingBack(n)
    const smallest = this.#wishes.first
    if (smallest === undefined || smallest < n) return false
    if (turn?.state === 'lost' || turn?.state === 'another') return false
    if (n <= first) return true
    // Others have written it: it is made here only where somebody misses it.
    if (smallest > n && n < head) return false
    // Without a right to it, another is about to write what comes behind the head.
    return turn?.state === 'own' || n < head || this.#right.hasFailed
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
}
