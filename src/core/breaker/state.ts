/** What a circuit breaker says of its circuit. */
export type BreakerState = 'closed' | 'open' | 'half-open'

/** A circuit, as a value. Times are monotonic ms. */
export type Circuit = ClosedCircuit | OpenCircuit | HalfOpenCircuit

interface Common {
  /** Raised by every transition: an outcome of another generation decides nothing. */
  readonly generation: number
  /** How many openings in a row this is, or was. */
  readonly attempt: number
  /** When it became so. */
  readonly since: number
}

export interface ClosedCircuit extends Common {
  readonly type: 'closed'
}

export interface OpenCircuit extends Common {
  readonly type: 'open'
  readonly openForMs: number
}

export interface HalfOpenCircuit extends Common {
  readonly type: 'half-open'
  /** Probes under way, in the order in which they were admitted. */
  readonly leases: readonly Lease[]
  readonly succeeded: number
  /** The slot that the next probe gets. */
  readonly nextSlot: number
}

/** How long a probe may take. */
interface Lease {
  readonly slot: number
  readonly until: number
  /** A good head came: when the lease ends, this probe has succeeded. */
  readonly answered: boolean
}

/** What can happen to a circuit. `at` is monotonic ms, `slot` that of a probe of the same generation. */
export type CircuitEvent =
  | { readonly type: 'tripped'; readonly at: number; readonly retryAfter: number }
  | { readonly type: 'probe-asked'; readonly at: number }
  | { readonly type: 'probe-answered'; readonly at: number; readonly slot: number }
  | { readonly type: 'probe-succeeded'; readonly at: number; readonly slot: number }
  | { readonly type: 'probe-failed'; readonly at: number; readonly slot: number; readonly retryAfter: number }
  | { readonly type: 'probe-released'; readonly slot: number }
  | { readonly type: 'elapsed'; readonly at: number }
  | { readonly type: 'reset'; readonly at: number }
  | { readonly type: 'adopted'; readonly circuit: Circuit }

/** What transitions depend on besides the circuit and the event. */
export interface CircuitRules {
  /** So many successes close a half-open circuit; so many probes are under way at most. */
  readonly probes: number
  /** ms. */
  readonly probeTimeout: number
  /** ms spent closed for which the attempt decays by one. */
  readonly failureWindow: number
  /** The attempt from which on the open period is the longest: a closed circuit remembers no more than this. */
  readonly lastingAttempt: number
  /** Draws the open period of an attempt, ms; at least `retryAfter`, as far as the cap allows. */
  openFor(attempt: number, retryAfter: number): number
}

export const newCircuit: ClosedCircuit = { type: 'closed', generation: 0, attempt: 0, since: 0 }

/** The circuit after the event: the very same object where the event changes nothing. Pure but for the draw in `rules`. */
export function transition(circuit: Circuit, event: CircuitEvent, rules: CircuitRules): Circuit {
  if (event.type === 'reset') return { type: 'closed', generation: circuit.generation + 1, attempt: 0, since: event.at }
  if (event.type === 'adopted') return event.circuit.generation > circuit.generation ? event.circuit : circuit
  switch (circuit.type) {
    case 'closed':
      return event.type === 'tripped' ? open(circuit, event.at, event.retryAfter, rules) : circuit
    case 'open':
      return event.type === 'probe-asked' && hasRoomForProbe(circuit, event.at, rules)
        ? admit(halfOpen(circuit, event.at), event.at, rules)
        : circuit
    case 'half-open':
      return whileHalfOpen(circuit, event, rules)
  }
}

function whileHalfOpen(
  circuit: HalfOpenCircuit,
  event: Exclude<CircuitEvent, { type: 'reset' | 'adopted' }>,
  rules: CircuitRules,
): Circuit {
  switch (event.type) {
    case 'tripped':
      return open(circuit, event.at, event.retryAfter, rules)
    case 'probe-asked':
      return hasRoomForProbe(circuit, event.at, rules) ? admit(circuit, event.at, rules) : circuit
    case 'elapsed':
      return elapse(circuit, event.at, rules)
    default:
  }
  if (!circuit.leases.some(({ slot }) => slot === event.slot)) return circuit
  switch (event.type) {
    case 'probe-answered':
      return answer(circuit, event.slot, event.at + rules.probeTimeout)
    case 'probe-succeeded':
      return succeed(circuit, event.slot, event.at, rules)
    case 'probe-failed':
      return open(circuit, event.at, event.retryAfter, rules)
    case 'probe-released':
      return withoutLease(circuit, event.slot)
  }
}

/** Whether a call may be sent as a probe: the open period is over, and no more probes are under way than it takes. */
export function hasRoomForProbe(circuit: OpenCircuit | HalfOpenCircuit, at: number, { probes }: CircuitRules): boolean {
  return circuit.type === 'open' ? at >= opensUntil(circuit) : circuit.leases.length + circuit.succeeded < probes
}

/** When an open circuit may let a probe through. */
export function opensUntil({ since, openForMs }: OpenCircuit): number {
  return since + openForMs
}

/** The attempt as it stands: a closed circuit forgets one for each window that it stays closed. */
export function attemptAt(circuit: Circuit, at: number, { failureWindow }: CircuitRules): number {
  if (circuit.type !== 'closed' || circuit.attempt === 0) return circuit.attempt
  return Math.max(0, circuit.attempt - Math.floor((at - circuit.since) / failureWindow))
}

function open(circuit: Circuit, at: number, retryAfter: number, rules: CircuitRules): OpenCircuit {
  const attempt = attemptAt(circuit, at, rules) + 1
  const openForMs = rules.openFor(attempt, retryAfter)
  return { type: 'open', generation: circuit.generation + 1, attempt, since: at, openForMs }
}

function halfOpen({ generation, attempt }: OpenCircuit, at: number): HalfOpenCircuit {
  return { type: 'half-open', generation: generation + 1, attempt, since: at, leases: [], succeeded: 0, nextSlot: 0 }
}

function close(circuit: HalfOpenCircuit, at: number, { lastingAttempt }: CircuitRules): ClosedCircuit {
  const attempt = Math.min(circuit.attempt, lastingAttempt)
  return { type: 'closed', generation: circuit.generation + 1, attempt, since: at }
}

function admit(circuit: HalfOpenCircuit, at: number, { probeTimeout }: CircuitRules): HalfOpenCircuit {
  const lease: Lease = { slot: circuit.nextSlot, until: at + probeTimeout, answered: false }
  return { ...circuit, leases: [...circuit.leases, lease], nextSlot: circuit.nextSlot + 1 }
}

function answer(circuit: HalfOpenCircuit, slot: number, until: number): HalfOpenCircuit {
  const leases = circuit.leases.map((lease) => (lease.slot === slot ? { slot, until, answered: true } : lease))
  return { ...circuit, leases }
}

function succeed(circuit: HalfOpenCircuit, slot: number, at: number, rules: CircuitRules): Circuit {
  const succeeded = circuit.succeeded + 1
  return succeeded >= rules.probes ? close(circuit, at, rules) : { ...withoutLease(circuit, slot), succeeded }
}

function withoutLease(circuit: HalfOpenCircuit, slot: number): HalfOpenCircuit {
  return { ...circuit, leases: circuit.leases.filter((lease) => lease.slot !== slot) }
}

/** What would have happened if somebody had watched: leases end in the order of their deadlines, at those times. */
function elapse(circuit: HalfOpenCircuit, at: number, rules: CircuitRules): Circuit {
  let current: Circuit = circuit
  const ended = circuit.leases.filter(({ until }) => until <= at).sort((a, b) => a.until - b.until)
  for (const { slot, until, answered } of ended) {
    if (current.type !== 'half-open') break
    current = answered ? succeed(current, slot, until, rules) : open(current, until, 0, rules)
  }
  return current
}
