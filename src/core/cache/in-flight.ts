import type { ItemBody } from '../store/guard.ts'
import type { Entry } from './entry.ts'
import type { Recording } from './recording.ts'

/** What a leader's answer is, and which of a resource's answers: `variant` is the key of its selecting values. */
export interface LeadersAnswer {
  readonly entry: Entry
  readonly variant: string
}

/** What the leader of a flight has made known so far. */
export type Progress =
  | { readonly type: 'asking' }
  | { readonly type: 'recording'; readonly answer: LeadersAnswer; readonly recording: Recording }

/** A request that waits for another's answer. Each method ends its waiting. */
export interface Follower {
  /** The leader's answer may be shared and its head is known. True if the follower goes on with it. */
  announce(answer: LeadersAnswer, recording: Recording): boolean
  /** The leader's answer is complete. */
  complete(answer: LeadersAnswer, body: ItemBody): void
  /** The leader's answer may not be shared: go your own way. */
  release(): void
  /** The leader failed or left: take its place. */
  lead(): void
  /** The origin is lost: answer with what is stored if that is allowed, else go your own way. */
  lost(): void
}

/** The requests under way for one key: at most one leads, others may follow it. */
export class Flight {
  readonly key: string
  readonly primary: string
  progress: Progress = { type: 'asking' }
  /** Raised by an invalidation, so that what was asked for before is not stored after it. */
  epoch = 0
  /** Exchanges under way, the leader's included. */
  members = 0
  led = false
  /** Told when nobody may join any more. */
  onClosed: (() => void) | undefined
  /** Most flights are never followed. */
  #followers: Set<Follower> | undefined

  constructor(key: string, primary: string) {
    this.key = key
    this.primary = primary
  }

  get isFollowed(): boolean {
    return this.#followers !== undefined && this.#followers.size > 0
  }

  /** `follower` is told what becomes of the leader's answer. */
  add(follower: Follower): void {
    this.#followers ??= new Set()
    this.#followers.add(follower)
  }

  /** `follower` waits no longer. */
  remove(follower: Follower): void {
    this.#followers?.delete(follower)
  }

  /** The leader's head is known and its answer may be shared. */
  announce(answer: LeadersAnswer, recording: Recording): void {
    this.progress = { type: 'recording', answer, recording }
    if (this.#followers === undefined) return
    for (const follower of this.#followers) {
      if (follower.announce(answer, recording)) this.#followers.delete(follower)
    }
  }

  complete(answer: LeadersAnswer, body: ItemBody): void {
    this.#end((follower) => follower.complete(answer, body))
  }

  /** Lets all followers go their own way. */
  release(): void {
    this.#end((follower) => follower.release())
  }

  lost(): void {
    this.#end((follower) => follower.lost())
  }

  /**
   * The leader has gone without an answer: one follower takes its place, the others wait for it. Those that cannot
   * lead, such as a HEAD, go their own way.
   */
  succeed(): void {
    this.progress = { type: 'asking' }
    this.led = false
    for (const next of this.#followers ?? []) {
      this.#followers?.delete(next)
      next.lead()
      if (this.led) return
    }
  }

  #end(tell: (follower: Follower) => void): void {
    this.progress = { type: 'asking' }
    this.led = false
    if (this.#followers === undefined) return
    const followers = this.#followers
    this.#followers = undefined
    for (const follower of followers) tell(follower)
  }
}

/**
 * All flights of one store in this process, by key. A flight lasts while it has members or followers; nobody joins it
 * any more after an invalidation, for then its answer may be what was there before.
 */
export class InFlight {
  readonly #open = new Map<string, Flight>()
  readonly #closed = new Set<Flight>()

  get size(): number {
    return this.#open.size + this.#closed.size
  }

  get(key: string): Flight | undefined {
    return this.#open.get(key)
  }

  join(key: string, primary: string): Flight {
    let flight = this.#open.get(key)
    if (flight === undefined) {
      flight = new Flight(key, primary)
      this.#open.set(key, flight)
    }
    flight.members++
    return flight
  }

  leave(flight: Flight): void {
    if (--flight.members > 0 || flight.isFollowed) return
    if (!this.#closed.delete(flight)) this.#open.delete(flight.key)
  }

  /** What is under way for a resource, whatever its variant, was asked for before an invalidation. */
  invalidate(primary: string): void {
    for (const flight of this.#closed) if (flight.primary === primary) flight.epoch++
    for (const flight of this.#open.values()) {
      if (flight.primary !== primary) continue
      flight.epoch++
      this.#close(flight)
    }
  }

  /** All that is under way was asked for before an invalidation. */
  invalidateAll(): void {
    this.closeAll()
    for (const flight of this.#closed) flight.epoch++
  }

  /** Some of what is under way may have been purged meanwhile: the ban log will tell, but nobody joins it any more. */
  closeAll(): void {
    for (const flight of this.#open.values()) this.#close(flight)
  }

  #close(flight: Flight): void {
    this.#open.delete(flight.key)
    this.#closed.add(flight)
    flight.onClosed?.()
  }
}
