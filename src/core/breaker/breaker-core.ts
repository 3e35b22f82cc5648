import { eventChannel } from '../events.ts'
import type { BreakerCollaborator, BreakerLink, BreakerRecord, SharingMode } from './collaborator.ts'
import { CircuitOpenError, type RefusalReason } from './errors.ts'
import type { BreakerCounts, BreakerEvents, BreakerOverride, TransitionReason } from './events.ts'
import type { BreakerSettings } from './options.ts'
import { type FailureOrigin, failureOrigin } from './origin.ts'
import { CallPermit, type FailureDetails, NO_SLOT, PermitList, type PermitOwner } from './permit.ts'
import {
  attemptAt,
  type Circuit,
  type CircuitEvent,
  hasRoomForProbe,
  newCircuit,
  opensUntil,
  transition,
} from './state.ts'
import { CallWindow } from './window.ts'

const transitions = eventChannel('breakwater:breaker:transition')
const rejections = eventChannel('breakwater:breaker:rejected')
const lateOutcomes = eventChannel('breakwater:breaker:late')
const lostPermits = eventChannel('breakwater:breaker:lost')

type Outcome = BreakerEvents['breakwater:breaker:late']['outcome']

/** Why a circuit changes, and who says so. */
interface Cause {
  readonly reason: TransitionReason
  readonly origin?: FailureOrigin | undefined
  readonly by?: string | undefined
}

/**
 * What is behind a CircuitBreaker: the circuit, what is counted, what is under way. It has no timers: deadlines are
 * compared with the clock when somebody calls or asks.
 */
export class BreakerCore implements PermitOwner {
  readonly settings: BreakerSettings
  readonly name: string
  readonly #underWay = new PermitList()
  #circuit: Circuit = newCircuit
  /** What made the circuit as it is. */
  #cause: Cause = { reason: 'reset' }
  #override: BreakerOverride | undefined
  /** Made when first needed: most breakers of a registry are seldom used. */
  #window: CallWindow | undefined
  #consecutive = 0
  #lastFault: number | undefined
  #collaborator: BreakerCollaborator | undefined
  /** Until then, monotonic ms, another process has trouble with its own way to the upstream. */
  #waryUntil = -Infinity
  /** The highest generation that another process is known to have. */
  #knownGeneration = 0

  constructor(settings: BreakerSettings, name: string) {
    this.settings = settings
    this.name = name
  }

  get override(): BreakerOverride | undefined {
    return this.#override
  }

  /** The circuit as of now: a probe whose lease ended has decided. */
  circuit(): Circuit {
    this.#elapse(this.#now())
    return this.#circuit
  }

  counts(): BreakerCounts {
    const now = this.#now()
    this.#elapse(now)
    this.#giveBackLost(now)
    return this.#countsAt(now)
  }

  attempt(): number {
    const now = this.#now()
    this.#elapse(now)
    return attemptAt(this.#circuit, now, this.settings)
  }

  timeSinceFault(): number | undefined {
    const now = this.#now()
    this.#elapse(now)
    return this.#lastFault === undefined ? undefined : now - this.#lastFault
  }

  nextProbe(): number | undefined {
    const circuit = this.circuit()
    return circuit.type === 'open' ? this.#wallClock(opensUntil(circuit)) : undefined
  }

  /**
   * Whether nothing would be lost with it. An open one is idle `openFor` ms after its period, if nobody called, and a
   * half-open one so long after its first probe, which may have been broken off and the last call there was.
   */
  isIdle(openFor: number): boolean {
    if (this.#override !== undefined) return false
    const { failed, slow, inFlight } = this.counts()
    if (inFlight > 0) return false
    const circuit = this.circuit()
    if (circuit.type === 'closed') return this.attempt() === 0 && failed + slow === 0
    return this.#now() - (circuit.type === 'open' ? opensUntil(circuit) : circuit.since) >= openFor
  }

  /** A permit or the refusal, which is not thrown here: throwing takes longer than all the rest. */
  enter(): CallPermit | CircuitOpenError {
    const now = this.#now()
    this.#giveBackLost(now)
    const isFree = this.#circuit.type === 'closed' && this.#override !== 'isolated'
    if (isFree && this.#underWay.size < this.settings.maxConcurrent) return this.#admit(now, NO_SLOT)
    return this.#enterGuarded(now)
  }

  responded(permit: CallPermit): void {
    if (permit.respondedAt !== undefined) return
    // Reading the clock is the dearest part of a call, and the time of the head says only whether it was slow.
    if (permit.slot === NO_SLOT && this.settings.slowCallDuration === Infinity) return
    this.resumed(permit)
    const now = this.#now()
    permit.respondedAt = now
    if (permit.slot === NO_SLOT || !this.#isCurrent(permit, now)) return
    // Its body may take longer than its lease, which would then end as that of a good probe.
    if (this.#isSlow(permit, now)) return this.#probeFailed(permit, now, 'probe-slow', 'local', 0)
    this.#advance({ type: 'probe-answered', at: now, slot: permit.slot })
  }

  paused(permit: CallPermit): void {
    if (permit.respondedAt === undefined) permit.pausedAt ??= this.#now()
  }

  resumed(permit: CallPermit): void {
    if (permit.pausedAt === undefined) return
    permit.waited += this.#now() - permit.pausedAt
    permit.pausedAt = undefined
  }

  succeeded(permit: CallPermit): void {
    const now = this.#now()
    this.#underWay.remove(permit)
    if (!this.#isCurrent(permit, now)) return this.#tellLate(permit, 'success', now)
    const isSlow = this.#isSlow(permit, now)
    if (permit.slot === NO_SLOT) this.#count(now, false, isSlow, undefined, 0)
    else if (isSlow) this.#probeFailed(permit, now, 'probe-slow', 'local', 0)
    else {
      this.#advance({ type: 'probe-succeeded', at: now, slot: permit.slot }, { reason: 'probes-succeeded' })
    }
  }

  failed(permit: CallPermit, reason: unknown, details: FailureDetails | undefined): void {
    const now = this.#now()
    this.#underWay.remove(permit)
    if (!this.#isCurrent(permit, now)) return this.#tellLate(permit, 'failure', now)
    const origin = details?.origin ?? failureOrigin(reason)
    const retryAfter = positive(details?.retryAfter)
    this.#lastFault = now
    if (permit.slot === NO_SLOT) this.#count(now, true, this.#isSlow(permit, now), origin, retryAfter)
    else this.#probeFailed(permit, now, 'probe-failed', origin, retryAfter)
  }

  rateLimited(permit: CallPermit, retryAfter: number): void {
    const now = this.#now()
    if (!this.settings.openOnRateLimit || this.#override === 'forced-closed') return this.released(permit)
    this.#underWay.remove(permit)
    if (!this.#isCurrent(permit, now)) return this.#tellLate(permit, 'rate-limited', now)
    // A call that `observe-only` let through an open circuit opens nothing.
    if (permit.slot === NO_SLOT && this.#circuit.type !== 'closed') return
    this.#trip(now, 'rate-limit', 'upstream', positive(retryAfter))
  }

  released(permit: CallPermit): void {
    this.#underWay.remove(permit)
    if (permit.slot === NO_SLOT || !this.#isCurrent(permit, this.#now())) return
    this.#advance({ type: 'probe-released', slot: permit.slot })
  }

  /** Sets an override or takes it away: either way the circuit starts anew. Again the same override changes nothing. */
  command(override: BreakerOverride | undefined): void {
    if (override !== undefined && override === this.#override) return
    this.#command(override, { reason: override ?? 'reset' })
  }

  /** How state is shared with other processes; undefined: it is not. */
  get mode(): SharingMode | undefined {
    return this.#collaborator?.mode
  }

  link(collaborator: BreakerCollaborator): BreakerLink {
    this.#collaborator = collaborator
    return {
      record: () => {
        this.#elapse(this.#now())
        return this.#record()
      },
      probesUnderWay: () => {
        const circuit = this.circuit()
        return circuit.type === 'half-open' ? circuit.leases.length : 0
      },
      note: (generation) => {
        this.#knownGeneration = Math.max(this.#knownGeneration, generation)
      },
      adopt: (record) => this.#adopt(record),
      hint: (record) => this.#hint(record),
      adoptOverride: (override, by) => this.#adoptOverride(override, by),
      unlink: () => {
        if (this.#collaborator === collaborator) this.#collaborator = undefined
      },
    }
  }

  #now(): number {
    return this.settings.clock.monotonic()
  }

  #wallClock(at: number): number {
    const { clock } = this.settings
    return clock.now() + at - clock.monotonic()
  }

  #admit(now: number, slot: number): CallPermit {
    const permit = new CallPermit(this, this.#circuit.generation, now, slot)
    this.#underWay.add(permit)
    return permit
  }

  /** The way in for a circuit that is not closed, is isolated, or has as many calls under way as it may. */
  #enterGuarded(now: number): CallPermit | CircuitOpenError {
    this.#elapse(now)
    const decision = this.#decide(now)
    if (decision === 'call') return this.#admit(now, NO_SLOT)
    if (decision === 'probe') return this.#admitProbe(now)
    const circuit = this.#circuit
    const wait = circuit.type === 'open' && decision === 'open' ? Math.ceil(opensUntil(circuit) - now) : 0
    const retryAfter = Math.max(0, wait)
    this.#tellRejected(decision, retryAfter)
    if (this.#override === 'observe-only') return this.#admit(now, NO_SLOT)
    return new CircuitOpenError(this.name, decision, circuit.type, retryAfter)
  }

  #decide(now: number): 'call' | 'probe' | RefusalReason {
    if (this.#override === 'isolated') return 'isolated'
    const circuit = this.#circuit
    if (circuit.type !== 'closed' && !hasRoomForProbe(circuit, now, this.settings)) return circuit.type
    if (this.#underWay.size >= this.settings.maxConcurrent) return 'concurrency'
    if (circuit.type === 'closed') return 'call'
    return this.#collaborator?.mayProbe() === false ? circuit.type : 'probe'
  }

  #admitProbe(now: number): CallPermit | CircuitOpenError {
    const slot = this.#circuit.type === 'half-open' ? this.#circuit.nextSlot : 0
    this.#advance({ type: 'probe-asked', at: now }, { reason: 'open-period-over' })
    // Who hears of it may have given a command at once.
    return this.#circuit.type === 'half-open' ? this.#admit(now, slot) : this.enter()
  }

  /** Whether the circuit is still the one that the permit was given for. */
  #isCurrent({ generation }: CallPermit, now: number): boolean {
    this.#elapse(now)
    return generation === this.#circuit.generation
  }

  #isSlow({ startedAt, respondedAt, pausedAt, waited }: CallPermit, now: number): boolean {
    return (respondedAt ?? pausedAt ?? now) - startedAt - waited >= this.settings.slowCallDuration
  }

  #count(now: number, isFailed: boolean, isSlow: boolean, origin: FailureOrigin | undefined, retryAfter: number): void {
    // What `observe-only` let through an open circuit would not have been called.
    if (this.#circuit.type !== 'closed') return
    this.#window ??= new CallWindow(this.settings.failureWindow)
    this.#window.add(now, isFailed, isSlow, origin === 'local')
    this.#consecutive = isFailed ? this.#consecutive + 1 : 0
    if (this.#override === 'forced-closed') return
    const reason = this.#reasonToTrip(this.#window, isFailed, now)
    if (reason !== undefined) this.#trip(now, reason, this.#originOf(reason, this.#window), retryAfter)
  }

  #reasonToTrip({ total, failed, slow }: CallWindow, isFailed: boolean, now: number): TransitionReason | undefined {
    const { failureRate, minimumThroughput, consecutiveFailures, slowCallRate } = this.settings
    if (this.#consecutive >= consecutiveFailures) return 'consecutive-failures'
    if (isFailed && now < this.#waryUntil) return 'hint'
    if (total < minimumThroughput) return undefined
    if (failed / total >= failureRate) return 'failure-rate'
    return slow / total >= slowCallRate ? 'slow-rate' : undefined
  }

  /** The upstream's own answers, if at least half of the failures were; that it is slow may be due to the way to it. */
  #originOf(reason: TransitionReason, { failed, local }: CallWindow): FailureOrigin {
    return reason === 'slow-rate' || local > failed / 2 ? 'local' : 'upstream'
  }

  #trip(at: number, reason: TransitionReason, origin: FailureOrigin, retryAfter: number): void {
    this.#advance({ type: 'tripped', at, retryAfter }, { reason, origin })
  }

  #probeFailed(
    { slot }: CallPermit,
    at: number,
    reason: TransitionReason,
    origin: FailureOrigin,
    retryAfter: number,
  ): void {
    this.#lastFault = at
    // What `observe-only` let through a half-open circuit has no slot, and what has one is a probe of this generation.
    this.#advance({ type: 'probe-failed', at, slot, retryAfter }, { reason, origin })
  }

  #elapse(at: number): void {
    if (this.#circuit.type !== 'half-open') return
    const after = transition(this.#circuit, { type: 'elapsed', at }, this.settings)
    if (after === this.#circuit) return
    const isOpen = after.type === 'open'
    if (isOpen) this.#lastFault = after.since
    this.#become(after, isOpen ? { reason: 'probe-timeout', origin: 'local' } : { reason: 'probes-succeeded' })
  }

  #advance(event: CircuitEvent, cause: Cause = { reason: 'adopted' }): void {
    this.#become(transition(this.#circuit, event, this.settings), cause)
  }

  /** Takes the new circuit; where that is a transition, starts counting anew and tells everybody. */
  #become(after: Circuit, cause: Cause): void {
    const before = this.#circuit
    if (after.generation === before.generation) {
      this.#circuit = after
      return
    }
    const isOwn = cause.by === undefined
    this.#circuit = isOwn && after.generation <= this.#knownGeneration ? this.#above(after) : after
    // Half-open is still the same trouble: who caused it stands.
    this.#cause = after.type === 'half-open' ? { ...cause, origin: cause.origin ?? this.#cause.origin } : cause
    const counts = transitions.hasSubscribers ? this.#countsAt(this.#now()) : undefined
    this.#consecutive = 0
    this.#waryUntil = -Infinity
    if (after.type === 'closed') this.#window?.clear()
    if (counts !== undefined) this.#tellTransition(before, cause, counts)
    if (isOwn) this.#collaborator?.changed(this.#record())
  }

  /** A decision of this process that is to win over what others have told it of. */
  #above(circuit: Circuit): Circuit {
    return { ...circuit, generation: this.#knownGeneration + 1 }
  }

  #command(override: BreakerOverride | undefined, cause: Cause): void {
    this.#override = override
    this.#advance({ type: 'reset', at: this.#now() }, cause)
  }

  #adopt(record: BreakerRecord): boolean {
    this.#knownGeneration = Math.max(this.#knownGeneration, record.generation)
    if (this.#override === 'isolated' || this.#override === 'forced-closed') return false
    const { reason, origin, by } = record
    this.#advance({ type: 'adopted', circuit: this.#circuitOf(record) }, { reason: 'adopted', origin, by })
    this.#cause = { reason, origin, by }
    return true
  }

  #hint(record: BreakerRecord): boolean {
    if (this.#circuit.type !== 'closed') return false
    const { since, openForMs } = this.#openingOf(record)
    this.#waryUntil = since + openForMs
    return true
  }

  #adoptOverride(override: BreakerOverride | undefined, by: string): void {
    if (override !== undefined && override === this.#override) return
    this.#command(override, { reason: override ?? 'reset', by })
  }

  #circuitOf(record: BreakerRecord): Circuit {
    const generation = Math.max(record.generation, this.#circuit.generation + 1)
    const attempt = Math.min(record.attempt, this.settings.lastingAttempt)
    const now = this.#now()
    switch (record.state) {
      case 'closed':
        return { type: 'closed', generation, attempt, since: now }
      case 'open':
        return { type: 'open', generation, attempt: record.attempt, ...this.#openingOf(record) }
      case 'half-open':
        return {
          type: 'half-open',
          generation,
          attempt: record.attempt,
          since: now,
          leases: [],
          succeeded: 0,
          nextSlot: 0,
        }
    }
  }

  /** When and how long, by this process's own clock. */
  #openingOf(record: BreakerRecord): { readonly since: number; readonly openForMs: number } {
    const openForMs = Math.min(record.openForMs, this.settings.maxOpenDuration)
    const age = Math.min(Math.max(0, this.settings.clock.now() - record.at), openForMs)
    return { since: this.#now() - age, openForMs }
  }

  #record(): BreakerRecord {
    const circuit = this.#circuit
    const { reason, origin, by } = this.#cause
    return {
      generation: circuit.generation,
      state: circuit.type,
      override: this.#override,
      at: this.#wallClock(circuit.since),
      openForMs: circuit.type === 'open' ? circuit.openForMs : 0,
      attempt: circuit.attempt,
      by: by ?? this.#collaborator?.holder ?? '',
      origin,
      reason,
    }
  }

  #countsAt(now: number): BreakerCounts {
    const window = this.#window
    window?.advance(now)
    return {
      total: window?.total ?? 0,
      failed: window?.failed ?? 0,
      slow: window?.slow ?? 0,
      consecutiveFailures: this.#consecutive,
      inFlight: this.#underWay.size,
    }
  }

  /** The place of a call that nobody ended: free again. Should its outcome come later still, it counts as usual. */
  #giveBackLost(now: number): void {
    let oldest = this.#underWay.oldest
    while (now - oldest.startedAt >= this.settings.permitTimeout) {
      this.#underWay.remove(oldest)
      this.#tellLost(oldest, now)
      oldest = this.#underWay.oldest
    }
  }

  #tellTransition(before: Circuit, { reason, origin, by }: Cause, counts: BreakerCounts): void {
    const circuit = this.#circuit
    const { failureRate, minimumThroughput, consecutiveFailures, slowCallRate, slowCallDuration } = this.settings
    transitions.publish({
      breaker: this.name,
      generation: circuit.generation,
      override: this.#override,
      from: before.type,
      to: circuit.type,
      reason,
      origin,
      by,
      attempt: circuit.attempt,
      openForMs: circuit.type === 'open' ? circuit.openForMs : 0,
      counts,
      thresholds: { failureRate, minimumThroughput, consecutiveFailures, slowCallRate, slowCallDuration },
    })
  }

  #tellRejected(reason: RefusalReason, retryAfter: number): void {
    if (!rejections.hasSubscribers) return
    rejections.publish({
      breaker: this.name,
      generation: this.#circuit.generation,
      override: this.#override,
      reason,
      state: this.#circuit.type,
      retryAfter,
      inFlight: this.#underWay.size,
    })
  }

  #tellLate({ kind, generation, startedAt }: CallPermit, outcome: Outcome, now: number): void {
    if (!lateOutcomes.hasSubscribers) return
    lateOutcomes.publish({
      breaker: this.name,
      generation: this.#circuit.generation,
      override: this.#override,
      kind,
      outcome,
      admitted: generation,
      duration: now - startedAt,
    })
  }

  #tellLost({ kind, generation, startedAt }: CallPermit, now: number): void {
    if (!lostPermits.hasSubscribers) return
    lostPermits.publish({
      breaker: this.name,
      generation: this.#circuit.generation,
      override: this.#override,
      kind,
      admitted: generation,
      age: now - startedAt,
      inFlight: this.#underWay.size,
    })
  }
}

/** ms that were asked for, or 0 where that is no sensible number. */
function positive(ms: number | undefined): number {
  return ms !== undefined && ms > 0 ? ms : 0
}
