import type { BreakerRecord } from './collaborator.ts'
import { isPast, type SharedCircuit, type SharedCommand } from './shared-board.ts'
import type { BreakerState } from './state.ts'

/**
 * Which openings of other processes open a circuit here. `adopt`: those that the upstream's own answers caused; what
 * another's network caused is a hint: the first failure here opens. `hint`: all of them are hints. `off`: none; only
 * operators' commands are shared.
 */
export type BreakerSharing = 'adopt' | 'hint' | 'off'

/**
 * What becomes of a change of this process: a state of the `circuit` that all share, a `hint` for the others, an
 * operator's `command`, or `nothing` that concerns them.
 */
export type Telling = 'circuit' | 'hint' | 'command' | 'nothing'

/** What to do about a state of the shared circuit that another process decided. */
export type Heeding = 'adopt' | 'note'

/** `isFollowing`: whether the circuit that changed was the shared one. */
export function whatToTell(
  { reason, state, origin, override }: BreakerRecord,
  isFollowing: boolean,
  sharing: BreakerSharing,
): Telling {
  if (reason === 'reset' || reason === override) return 'command'
  // While it is only observed, what a circuit would do is nobody else's business.
  if (sharing === 'off' || override === 'observe-only') return 'nothing'
  // However its probe ended: what the upstream caused goes on for all until a probe succeeds.
  if (isFollowing) return 'circuit'
  if (state !== 'open') return 'nothing'
  // One failure after a hint says too little to open the circuits of others.
  return sharing === 'adopt' && origin === 'upstream' && reason !== 'hint' ? 'circuit' : 'hint'
}

/**
 * `own`: the state here, whether it is that of the shared circuit, and of which opening; `now` in epoch ms. What is
 * noted is not followed, but decisions made here come after it.
 */
export function whatToHeed(
  circuit: SharedCircuit,
  own: { readonly state: BreakerState; readonly isFollowing: boolean; readonly opening: number },
  now: number,
): Heeding {
  // What this process opened by itself, it closes by itself.
  if (circuit.state === 'closed') return own.isFollowing ? 'adopt' : 'note'
  if (own.state === 'closed' && isPast(circuit, now)) return 'note'
  // The probes of this process go on, unless others have opened since and probe for that.
  const isSame = own.isFollowing && own.state === circuit.state && own.opening === circuit.opening
  return isSame && circuit.state === 'half-open' ? 'note' : 'adopt'
}

/**
 * Whether the command came after it and started the circuit anew: its giver may not have known of it. A command from a
 * clock ahead undoes nothing, or nothing would be followed until then.
 */
export function isUndone(circuit: SharedCircuit, command: SharedCommand, now: number): boolean {
  return circuit.at < command.at && command.at <= now
}

/** Whether it opened just now, as far as those who come later are concerned. */
export function isOpening(record: BreakerRecord, now: number): boolean {
  return record.state === 'open' && !isPast(record, now)
}
