import { randomBytes } from 'node:crypto'
import type { Clock } from '../clock.ts'
import { eventChannel } from '../events.ts'
import { withoutCredentials } from '../store/errors.ts'
import type { Store } from '../store/store.ts'
import { type CircuitBreaker, linkBreaker } from './breaker.ts'
import type { SharingMode } from './collaborator.ts'
import { type BoardEntry, isBusy, mergeBoards, noted } from './shared-board.ts'
import { encodeBoard, parseBoard } from './shared-board-text.ts'
import { BackgroundCalls } from './shared-calls.ts'
import type { BreakerSharing } from './shared-decision.ts'
import { type PeerHost, SharedPeer } from './shared-peer.ts'
import { type SharedStorage, sharedStorage } from './shared-storage.ts'

const modes = eventChannel('breakwater:breaker:mode')

/** Between two readings, ms: while something is open, and otherwise. */
const busyInterval = 1_000
const idleInterval = 5_000
/** Before a reading that something calls for: what happens until then goes with it. */
const shortestInterval = 10
/** After a write that another may have undone. */
const confirmInterval = 250
/** After a failure, until it is certain that the store is down; then as long as `busyInterval`, doubling up to this. */
const retryInterval = 200
const longestRetryInterval = 5_000
/** While so many calls hang that each further one may be lost as well. */
const stuckInterval = 30_000
const failuresToLocal = 3
/** How often a board is written anew because another process came between. */
const writeAttempts = 20
/**
 * So often in a row the same is written anew at once because another process left it out. Then the other will not have
 * it, such as one whose clock is of another day: its writings are not followed by one of this process any more.
 */
const mostRepeats = 3

/** A claim ends by itself after this, ms; while a probe is under way it is renewed with each reading. */
const claimLifetime = 5_000
/** How long probes may begin with it: what is left of it is time to renew it, which is done when less than this is left. */
const claimUse = 3_000
const renewBelow = 2_000
/** So many claims are kept at once for those who call seldom. */
const mostKept = 100
/** An answer later than this, ms, is none: the claim would be over before it is renewed. */
const latestClaim = claimUse / 2
/** How long after the board was read probes may begin, at most and at least. */
const longestFreshness = 3_000
const shortestFreshness = 200
/** And so many times as long as the reading took: until the next one is there, with a claim renewed before it. */
const readingsFresh = 4
/** Between two questions for a claim that another has. */
const askAgainAfter = 1_000

export interface SharedStateOptions {
  readonly store: Store
  readonly sharing: BreakerSharing
  /** ms. */
  readonly storeTimeout: number
  readonly namespace: string
  readonly clock: Clock
  /** The shortest time that a circuit is open, ms. */
  readonly shortestOpening: number
}

/**
 * What a registry shares with those of other processes: a board that each has a copy of, and merges with the one in the
 * store. All of it happens in the background; no call waits for it, and it keeps no process running.
 */
export class SharedState implements PeerHost {
  readonly holder: string = `${process.pid}.${randomBytes(9).toString('base64url')}`
  readonly sharing: BreakerSharing
  readonly clock: Clock
  readonly #namespace: string
  readonly #storeName: string
  readonly #storeTimeout: number
  readonly #freshness: number
  readonly #calls: BackgroundCalls
  readonly #storage: SharedStorage
  readonly #peers = new Map<string, SharedPeer>()
  /** Those with leave to probe, or waiting for it. */
  readonly #claimants = new Set<SharedPeer>()
  #board = new Map<string, BoardEntry>()
  /** Counts what this process told, and how much of that is in the store. */
  #told = 0
  #stored = 0
  /** Writes in a row that told nothing new. */
  #repeats = 0
  /** What the store held when it was read or written last, if it is certain. */
  #seen: Buffer | undefined
  #mode: SharingMode
  /** How long the board that this process goes by tells of every opening that may be probed, monotonic ms. */
  #freshUntil = Number.NEGATIVE_INFINITY
  #failures = 0
  #failedAt = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | undefined
  #due = Infinity
  #turn: Promise<void> | undefined
  /** A reading that is about to be asked for, for those who have been granted claims. */
  #reading: Promise<boolean> | undefined
  #isAskedFor = false
  #subscription: 'none' | 'asked' | (() => Promise<void>) = 'none'
  #isClosed = false

  constructor({ store, sharing, storeTimeout, namespace, clock, shortestOpening }: SharedStateOptions) {
    this.sharing = sharing
    this.clock = clock
    this.#namespace = namespace
    this.#storeName = store.name
    this.#storeTimeout = storeTimeout
    // Another process may have opened since; by the time that it probes, this one has heard of it.
    this.#freshness = Math.max(shortestFreshness, Math.min(longestFreshness, shortestOpening / 2))
    this.#calls = new BackgroundCalls(store.name, storeTimeout)
    const { holder } = this
    const settings = { namespace, holder, calls: this.#calls, claimLifetime, timeout: storeTimeout }
    this.#storage = sharedStorage(store, settings)
    this.#mode = this.#storage.mode
    this.#schedule(0)
  }

  get mode(): SharingMode {
    return this.#mode
  }

  get isFresh(): boolean {
    return this.clock.monotonic() < this.#freshUntil
  }

  created(breaker: CircuitBreaker): void {
    if (this.#isClosed) return
    const peer = new SharedPeer(breaker.name, this)
    this.#peers.set(breaker.name, peer)
    peer.linked(linkBreaker(breaker, peer))
  }

  evicted({ name }: CircuitBreaker): void {
    const peer = this.#peers.get(name)
    this.#peers.delete(name)
    peer?.unlink()
    if (peer !== undefined) this.#claimants.delete(peer)
  }

  entryOf(name: string): BoardEntry | undefined {
    return this.#board.get(name)
  }

  tell(name: string, change: BoardEntry): void {
    this.#board = noted(this.#board, name, change)
    this.#told++
    this.#readSoon()
  }

  askForProbe(peer: SharedPeer): void {
    this.#claimants.add(peer)
    // While nothing is under way the board is seldom read: too seldom for who is to probe.
    if (this.#turn === undefined) this.#schedule(this.#nextDelay())
    void this.#claim(peer, peer.opening)
  }

  /** Stores what is not stored yet, if that is possible, and shares nothing any more. Never rejects. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#turn
    if (this.#told > this.#stored && this.#mode !== 'local') await this.#exchange().catch(() => {})
    for (const peer of this.#peers.values()) peer.unlink()
    if (typeof this.#subscription === 'function') await this.#calls.make(this.#subscription).catch(() => {})
  }

  // The background loop

  /** In local mode the next attempt comes by itself. */
  #readSoon(): void {
    if (this.#mode !== 'local') this.#readNext()
  }

  #readNext(): void {
    if (this.#turn === undefined) this.#schedule(shortestInterval)
    else this.#isAskedFor = true
  }

  #schedule(delay: number): void {
    const due = this.clock.monotonic() + delay
    if (this.#isClosed || (this.#timer !== undefined && this.#due <= due)) return
    clearTimeout(this.#timer)
    this.#due = due
    this.#timer = setTimeout(() => this.#begin(), delay)
    this.#timer.unref()
  }

  #begin(): void {
    this.#timer = undefined
    this.#isAskedFor = false
    this.#turn = this.#run().finally(() => {
      this.#turn = undefined
      this.#schedule(this.#nextDelay())
    })
  }

  #nextDelay(): number {
    if (this.#mode === 'local') {
      if (this.#isStuck) return stuckInterval
      return Math.min(busyInterval * 2 ** (this.#failures - failuresToLocal), longestRetryInterval)
    }
    if (this.#failures > 0) return retryInterval
    if (this.#isAskedFor) return shortestInterval
    const isCertain = this.#told === this.#stored && (this.#seen !== undefined || this.#board.size === 0)
    if (!isCertain) return confirmInterval
    if (this.#claimants.size > 0) return Math.min(busyInterval, this.#freshness / 3)
    return isBusy(this.#board, this.clock.now()) ? busyInterval : idleInterval
  }

  /** Whether each further call is likely to hang for ever as well: only one is made now and then. */
  get #isStuck(): boolean {
    return this.#mode === 'local' && this.#calls.areStuck
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    try {
      if (!this.#isStuck) await this.#renewClaims()
      await this.#exchange()
      this.#succeeded()
      this.#listen()
    } catch (error) {
      this.#failed(error)
    }
  }

  /** Reads the board of the store, and writes it where this process knows more. */
  async #exchange(): Promise<void> {
    for (let attempt = 0; attempt < writeAttempts; attempt++) {
      const before = await this.#read()
      if (!this.#take(before)) {
        this.#repeats = 0
        return
      }
      const told = this.#told
      this.#repeats = told === this.#stored ? this.#repeats + 1 : 0
      const next = encodeBoard(this.#board)
      if (await this.#storage.write(before, next)) {
        this.#stored = told
        this.#seen = this.#storage.mode === 'atomic' ? next : undefined
        await this.#storage.announce()
        return
      }
    }
  }

  async #read(): Promise<Buffer | undefined> {
    const askedAt = this.clock.monotonic()
    const board = await this.#storage.read()
    const took = this.clock.monotonic() - askedAt
    this.#freshUntil = Math.max(this.#freshUntil, askedAt + this.#freshness + readingsFresh * took)
    return board
  }

  /**
   * Takes in what the store holds from now on; whether this process knows more. One reading for all who ask at once:
   * where a thousand circuits are open the board is a quarter of a megabyte.
   */
  #readTogether(): Promise<boolean> {
    this.#reading ??= new Promise<void>((resolve) => setImmediate(resolve)).then(async () => {
      this.#reading = undefined
      return this.#take(await this.#read())
    })
    return this.#reading
  }

  /** Takes in what the store holds; whether this process knows more. */
  #take(bytes: Buffer | undefined): boolean {
    const isSeen = bytes !== undefined && this.#seen?.equals(bytes) === true
    if (isSeen && this.#stored === this.#told) return false
    const told = this.#told
    const theirs = bytes === undefined ? new Map() : parseBoard(bytes)
    const { board, news, isAhead } = mergeBoards(this.#board, theirs, this.clock.now())
    this.#board = board
    for (const name of news) this.#peers.get(name)?.heed(board.get(name) ?? {})
    if (!isAhead && this.#told === told) {
      this.#stored = told
      this.#seen = bytes
    }
    return isAhead || this.#told !== told
  }

  #listen(): void {
    if (this.#subscription !== 'none' || this.#storage.listen === undefined || this.#isClosed) return
    this.#subscription = 'asked'
    // A message is a hint; after a break of the connection the board is read again. Either way the store is there.
    this.#storage
      .listen(() => {
        if (this.#repeats < mostRepeats) this.#readNext()
      })
      .then(
        (stop) => {
          this.#subscription = stop
          if (this.#isClosed) void stop().catch(() => {})
        },
        () => {
          this.#subscription = 'none'
        },
      )
  }

  // Claims

  async #claim(peer: SharedPeer, opening: number): Promise<void> {
    const askedAt = this.clock.monotonic()
    try {
      const isGranted = await this.#storage.claim(claimOf(peer, opening))
      // Whoever had it before may have decided already.
      const isAhead = await this.#readTogether()
      this.#succeeded()
      if (isAhead) this.#readSoon()
      const now = this.clock.monotonic()
      const settledAt = askedAt + this.#storage.settleTime
      if (!isGranted) peer.refused(opening, now + askAgainAfter)
      else if (now < settledAt + latestClaim) peer.granted(opening, settledAt + claimUse)
      else peer.unanswered(opening)
    } catch (error) {
      // It may have been granted all the same: the next call asks again. Once the store is known to be down, none does.
      peer.unanswered(opening)
      this.#failed(error)
      this.#readSoon()
    }
  }

  async #renewClaims(): Promise<void> {
    const claimants = [...this.#claimants]
    const probing = claimants.filter((peer) => peer.isProbing)
    const kept = claimants.filter((peer) => !peer.isProbing && peer.isKeeping).slice(0, mostKept)
    for (const peer of claimants) if (!peer.hasClaim && !peer.isProbing) this.#claimants.delete(peer)
    const renewing = [...probing, ...kept].filter((peer) => peer.timeOfClaim < renewBelow)
    await Promise.all(renewing.map((peer) => this.#renew(peer, peer.opening)))
  }

  async #renew(peer: SharedPeer, opening: number): Promise<void> {
    const askedAt = this.clock.monotonic()
    if (await this.#storage.renew(claimOf(peer, opening))) peer.granted(opening, askedAt + claimUse)
  }

  // The mode

  #succeeded(): void {
    this.#failures = 0
    this.#setMode(this.#storage.mode, undefined)
  }

  /** What fails at the same time is one failure. */
  #failed(error: unknown): void {
    const now = this.clock.monotonic()
    if (now - this.#failedAt < Math.min(this.#storeTimeout, retryInterval)) return
    this.#failedAt = now
    this.#failures++
    if (this.#failures >= failuresToLocal) this.#setMode('local', error)
  }

  #setMode(to: SharingMode, error: unknown): void {
    const from = this.#mode
    if (from === to) return
    this.#mode = to
    if (modes.hasSubscribers) {
      const reason = error === undefined ? undefined : withoutCredentials(textOf(error))
      const [store, namespace, failures] = [this.#storeName, this.#namespace, this.#failures]
      modes.publish({ store, namespace, from, to, failures, reason })
    }
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function claimOf({ name }: SharedPeer, opening: number): string {
  return `${opening} ${name}`
}
