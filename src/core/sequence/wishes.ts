import { waitAtMost } from '../store/guard.ts'

/** The terms of a block as far as they are wanted. */
export interface Landed {
  readonly texts: readonly string[]
  /** Whether the sequence ends with them. */
  readonly isEnd: boolean
  /** What came instead of the next term. */
  readonly failure?: { readonly error: unknown } | undefined
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

/** Why nobody waits any more: the last one got what there was to get, or has left. */
export type NobodyWaits = 'served' | 'left'

/** ms that a reader who got a block has to come back for the next one. */
const COMING_BACK = 50

/** Readers who wait for blocks that are not there yet. */
export class Wishes {
  readonly #waiting = new Set<Wish>()
  readonly #onNobody: (reason: NobodyWaits) => void
  /** The last block that readers who got theirs go on to, and what tells that one came back. */
  #expected = -1
  #onWish: (() => void) | undefined

  constructor(onNobody: (reason: NobodyWaits) => void) {
    this.#onNobody = onNobody
  }

  get areNone(): boolean {
    return this.#waiting.size === 0
  }

  /** The numbers of the blocks that are waited for. */
  get blocks(): ReadonlySet<number> {
    return new Set([...this.#waiting].map(({ n }) => n))
  }

  /** The first block that is waited for; undefined: nobody waits. */
  get first(): number | undefined {
    return this.areNone ? undefined : Math.min(...this.blocks)
  }

  /** The last block that anybody who waits goes on to; -1: nobody waits. */
  get last(): number {
    return Math.max(-1, ...[...this.#waiting].map(({ last }) => last))
  }

  /**
   * Waits for a block.
   *
   * @throws the signal's reason.
   */
  async add(wanted: Wanted, signal: AbortSignal): Promise<Landed> {
    signal.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<Landed>()
    const wish: Wish = { ...wanted, resolve, reject }
    const onAbort = (): void => {
      this.#waiting.delete(wish)
      if (this.areNone) this.#onNobody('left')
      reject(signal.reason)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    this.#waiting.add(wish)
    this.#onWish?.()
    try {
      return await promise
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** For those who want what there is of block `n` by now. */
  land(n: number, texts: readonly string[], isEnd: boolean): void {
    for (const wish of this.#waiting) {
      if (wish.n === n && (isEnd || texts.length >= wish.count)) this.#serve(wish, { texts: [...texts], isEnd })
    }
  }

  /** For all who want block `n` or later ones: after these terms none come. */
  landRest(n: number, landed: Landed): void {
    for (const wish of this.#waiting) {
      if (wish.n === n) this.#serve(wish, landed)
      else if (wish.n > n) this.#serve(wish, { ...landed, texts: [] })
    }
  }

  /** Nobody gets anything. */
  reject(error: unknown): void {
    for (const wish of this.#waiting) {
      this.#waiting.delete(wish)
      wish.reject(error)
    }
  }

  /** Whoever got a block before now is not expected back. */
  expectNobody(): void {
    this.#expected = -1
  }

  /** Waits a moment for readers who got their blocks, and go on to block `n` or a later one, where nobody else waits. */
  async comingBack(n: number): Promise<void> {
    if (!this.areNone || this.#expected < n) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#onWish = resolve
    await waitAtMost(promise, COMING_BACK)
    this.#onWish = undefined
  }

  #serve(wish: Wish, landed: Landed): void {
    this.#waiting.delete(wish)
    wish.resolve(landed)
    this.#expected = Math.max(this.#expected, wish.last)
    if (this.areNone) this.#onNobody('served')
  }
}
