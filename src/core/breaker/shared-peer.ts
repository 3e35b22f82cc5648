import type { Clock } from '../clock.ts'
import type { BreakerCollaborator, BreakerLink, BreakerRecord, SharingMode } from './collaborator.ts'
import type { BoardEntry, SharedCircuit, SharedCommand } from './shared-board.ts'
import { type BreakerSharing, isOpening, isUndone, whatToHeed, whatToTell } from './shared-decision.ts'

/** What a breaker that shares its state needs of those it shares it with. */
export interface PeerHost {
  readonly holder: string
  readonly mode: SharingMode
  /** Whether another's opening would be known of before it is probed. */
  readonly isFresh: boolean
  readonly sharing: BreakerSharing
  readonly clock: Clock
  entryOf(name: string): BoardEntry | undefined
  tell(name: string, change: BoardEntry): void
  /** Asks in the background; the answer is `granted` or `refused`, where it is not too late for one. */
  askForProbe(peer: SharedPeer): void
}

/** What has become of asking for the probe of an opening. Times are monotonic ms. */
type Claim =
  | { readonly type: 'none' }
  | { readonly type: 'asked' }
  /** Probes may begin until then; it is renewed, so that the next call finds it, as long as `kept` is not over. */
  | { readonly type: 'granted'; readonly until: number; readonly kept: number }
  /** Another has it, or is to have it first; not asked for again until then. */
  | { readonly type: 'refused'; readonly until: number }

/** Who could not reach the upstream gives others this much of an open period, and at most so many ms, to try first. */
const handicapShare = 1 / 4
const longestHandicap = 1_000
/** How long a claim is kept for the next call: so long, ms, or so many of the times between two calls. */
const shortestKeep = 3_000
const callsKept = 2
/**
 * After asking so often for one opening without an answer it decides alone. The store may be good for reading all the
 * while, such as one that is full or a replica, and then nothing else says that it is not good for claims.
 */
const mostUnanswered = 3
/**
 * And after so many refusals, a second apart, while nobody probes: whoever has leave keeps it for calls that may come in
 * hours, or not at all any more.
 */
const mostRefused = 60

const noClaim: Claim = { type: 'none' }

/** One breaker and what others say of it. */
export class SharedPeer implements BreakerCollaborator {
  readonly name: string
  readonly #host: PeerHost
  #link: BreakerLink | undefined
  /** Epoch ms. */
  readonly #madeAt: number
  /** Whether the circuit is the one that all share, and not closed. */
  #isFollowing = false
  /** The opening that is followed, or was. */
  #opening = 0
  #claim: Claim = noClaim
  /** When its probe was asked for last. */
  #askedAt = Infinity
  /** How long a claim is kept for the next call. */
  #keep = shortestKeep
  /** How often the probe of this opening was asked for without an answer. */
  #unanswered = 0
  /** How often another had it and did not use it. */
  #refused = 0
  /** What was heeded last of each kind. */
  #circuit: SharedCircuit | undefined
  #hint: BreakerRecord | undefined
  #command: SharedCommand | undefined

  constructor(name: string, host: PeerHost) {
    this.name = name
    this.#host = host
    this.#madeAt = host.clock.now()
  }

  get holder(): string {
    return this.#host.holder
  }

  get mode(): SharingMode {
    return this.#host.mode
  }

  /** What a claim is for. */
  get opening(): number {
    return this.#opening
  }

  /** Whether others must not probe meanwhile. A probe that has had its time is over. */
  get isProbing(): boolean {
    return this.#link !== undefined && this.#link.probesUnderWay() > 0 && this.#isFollowing
  }

  /** Whether it has, or may yet get, leave to probe. */
  get hasClaim(): boolean {
    return this.#claim.type === 'asked' || this.isKeeping || this.timeOfClaim > 0
  }

  /** Whether the store is to be told that it still has it. */
  get isKeeping(): boolean {
    return this.#claim.type === 'granted' && this.#now() < this.#claim.kept
  }

  /** ms for which probes may begin with the claim; 0 or less for none. */
  get timeOfClaim(): number {
    return this.#claim.type === 'granted' ? this.#claim.until - this.#now() : 0
  }

  linked(link: BreakerLink): void {
    this.#link = link
    this.heed(this.#host.entryOf(this.name) ?? {})
  }

  unlink(): void {
    this.#link?.unlink()
    // What was asked for before and is answered now concerns it no more.
    this.#link = undefined
  }

  changed(record: BreakerRecord): void {
    const telling = whatToTell(record, this.#isFollowing, this.#host.sharing)
    switch (telling) {
      case 'circuit':
        return this.#tellCircuit(record)
      case 'hint':
        this.#hint = record
        return this.#host.tell(this.name, { hint: record })
      case 'command':
        return this.#tellCommand(record)
      case 'nothing':
    }
  }

  mayProbe(): boolean {
    // Who has nobody to ask decides alone.
    if (!this.#isFollowing || this.#host.mode === 'local') return true
    const claim = this.#claim
    const isAlone = this.#unanswered >= mostUnanswered || this.#refused >= mostRefused
    if (claim.type === 'asked') return isAlone
    const now = this.#now()
    const isOver = claim.type === 'none' || now >= claim.until
    if (!isOver) return claim.type === 'granted' && this.#host.isFresh
    // Where calls are so few that each comes too late for what the one before asked for, none would ever be a probe.
    this.#keep = Math.max(shortestKeep, (now - this.#askedAt) * callsKept)
    this.#askedAt = now
    this.#claim = { type: 'asked' }
    this.#host.askForProbe(this)
    return isAlone
  }

  /** Leave to probe for an opening until then, monotonic ms. */
  granted(opening: number, until: number): void {
    if (!this.#isStillFor(opening)) return
    const kept = this.#claim.type === 'granted' ? this.#claim.kept : Math.max(until, this.#askedAt + this.#keep)
    this.#claim = { type: 'granted', until, kept }
    this.#unanswered = 0
  }

  /** No leave for this opening; to be asked for again then. */
  refused(opening: number, until: number): void {
    if (!this.#isStillFor(opening)) return
    if (this.#link?.record().state === 'open') this.#refused++
    this.#claim = { type: 'refused', until }
  }

  /** The store did not say, or too late: the next call asks again. */
  unanswered(opening: number): void {
    if (!this.#isStillFor(opening)) return
    this.#claim = { type: 'refused', until: this.#now() }
    this.#unanswered++
  }

  /** Takes in what is new of what others say. */
  heed({ command, circuit, hint }: BoardEntry): void {
    const isCommanded = command !== undefined && this.#isNews(command)
    if (isCommanded) this.#heedCommand(command)
    if (circuit !== undefined && (circuit !== this.#circuit || isCommanded)) this.#heedCircuit(circuit, command)
    if (hint === undefined || hint === this.#hint) return
    this.#hint = hint
    if (hint.by !== this.holder && this.#host.sharing !== 'off') this.#link?.hint(hint)
  }

  #now(): number {
    return this.#host.clock.monotonic()
  }

  #isStillFor(opening: number): boolean {
    return this.#isFollowing && this.#opening === opening && this.#claim.type !== 'none'
  }

  #tellCircuit(record: BreakerRecord): void {
    // Once the probe has decided, it is not to be kept from others, or in the store, any more.
    if (record.state !== 'half-open') this.#forgetClaim()
    if (record.state === 'open') {
      this.#opening = record.generation
      this.#claim = this.#handicapAfter(record)
    }
    this.#isFollowing = record.state !== 'closed'
    this.#circuit = { ...record, opening: this.#opening }
    this.#host.tell(this.name, { circuit: this.#circuit })
  }

  #handicapAfter({ reason, origin, openForMs }: BreakerRecord): Claim {
    if (origin !== 'local' || !reason.startsWith('probe-')) return noClaim
    const handicap = Math.min(openForMs * handicapShare, longestHandicap)
    return { type: 'refused', until: this.#now() + openForMs + handicap }
  }

  /** Above the command before it, whatever the clocks, and the circuit of all starts anew with it. */
  #tellCommand(record: BreakerRecord): void {
    const entry = this.#host.entryOf(this.name)
    const at = Math.max(this.#host.clock.now(), (entry?.command?.at ?? 0) + 1)
    this.#command = { override: record.override, at, by: record.by }
    this.#follow(false, record.generation)
    if (entry?.circuit === undefined) return this.#host.tell(this.name, { command: this.#command })
    this.#circuit = { ...record, opening: record.generation }
    this.#host.tell(this.name, { command: this.#command, circuit: this.#circuit })
  }

  /** A reset from before this breaker was made is none of it, unless it ends an override that was adopted since. */
  #isNews(command: SharedCommand): boolean {
    if (command === this.#command) return false
    return command.override !== undefined || this.#command?.override !== undefined || command.at >= this.#madeAt
  }

  #heedCommand(command: SharedCommand): void {
    this.#command = command
    this.#follow(false, this.#opening)
    this.#link?.adoptOverride(command.override, command.by)
  }

  #heedCircuit(circuit: SharedCircuit, command: SharedCommand | undefined): void {
    this.#circuit = circuit
    const link = this.#link
    if (link === undefined || this.#host.sharing === 'off') return
    link.note(circuit.generation)
    if (command !== undefined && isUndone(circuit, command, this.#host.clock.now())) return
    if (this.#host.sharing === 'hint') {
      if (isOpening(circuit, this.#host.clock.now())) link.hint(circuit)
      return
    }
    const { state } = link.record()
    // Looking may have ended a lease: what was decided by that is told, and later than this.
    if (this.#circuit !== circuit) return
    const own = { state, isFollowing: this.#isFollowing, opening: this.#opening }
    if (whatToHeed(circuit, own, this.#host.clock.now()) === 'note') return
    this.#follow(link.adopt(circuit) && circuit.state !== 'closed', circuit.opening)
  }

  #follow(isFollowing: boolean, opening: number): void {
    if (opening !== this.#opening || !isFollowing) this.#forgetClaim()
    this.#isFollowing = isFollowing
    this.#opening = opening
  }

  #forgetClaim(): void {
    this.#claim = noClaim
    this.#askedAt = Infinity
    this.#unanswered = 0
    this.#refused = 0
  }
}
