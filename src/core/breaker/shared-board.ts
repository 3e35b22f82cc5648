import type { BreakerRecord } from './collaborator.ts'
import type { BreakerOverride } from './events.ts'
import type { BreakerState } from './state.ts'

/** A state of the circuit that processes share. */
export interface SharedCircuit extends BreakerRecord {
  /** The generation of the opening that it belongs to: what a probe is claimed for. */
  readonly opening: number
}

/** What an operator said last. */
export interface SharedCommand {
  /** undefined: none, `reset`. */
  readonly override: BreakerOverride | undefined
  /** Epoch ms, but always later than the command before it. */
  readonly at: number
  readonly by: string
}

/** What processes tell each other about one breaker; each of the three has an order of its own. */
export interface BoardEntry {
  readonly circuit?: SharedCircuit | undefined
  /** An opening that concerns its own process, as far as anybody knows. */
  readonly hint?: BreakerRecord | undefined
  readonly command?: SharedCommand | undefined
}

/**
 * What processes tell each other, by the name of the breaker. Boards are merged: the later of two records stands, so it
 * does not matter in what order they come, how often, or whether one is lost on the way and told again.
 */
export type Board = ReadonlyMap<string, BoardEntry>

/** What a merge of two boards came to. */
export interface Merged {
  readonly board: Map<string, BoardEntry>
  /** The names whose entries are not what they were here. */
  readonly news: readonly string[]
  /** Whether it holds what the other board did not. */
  readonly isAhead: boolean
}

/** Breakers on a board. Beyond, what an operator said stays first, then what is newest. */
const mostEntries = 1_000
const second = 1_000
const hour = 60 * 60 * second
/** How long a state is spoken of after it ended: longer than a process is out of reach and comes back. */
const circuitTime = hour
/** How long it is spoken of that there is no override any more. */
const resetTime = 7 * 24 * hour
/** After its period, and the time in which somebody should have claimed its probe, an opening is not news any more. */
const openingTime = 10 * second
/** As long as probes usually may take. */
const probingTime = 60 * second
/** A clock that is ahead by more is not a clock. */
const mostAhead = 24 * hour

const ranks: Readonly<Record<BreakerState, number>> = { closed: 0, 'half-open': 1, open: 2 }

/** Both boards as one. Where nothing is new, its entries are those of `mine`. `now` in epoch ms. */
export function mergeBoards(mine: Board, theirs: Board, now: number): Merged {
  const merged = new Map<string, BoardEntry>()
  for (const name of new Set([...mine.keys(), ...theirs.keys()])) {
    const entry = mergeEntries(mine.get(name), theirs.get(name), now)
    if (entry !== undefined) merged.set(name, entry)
  }
  const board = trimmed(merged, mostEntries)
  const names = [...board.keys()]
  return {
    board,
    news: names.filter((name) => board.get(name) !== mine.get(name)),
    isAhead: names.some((name) => !isSame(board.get(name), theirs.get(name))),
  }
}

/** Changes one entry, and keeps a board that nobody merges from growing for ever. */
export function noted(board: Map<string, BoardEntry>, name: string, change: BoardEntry): Map<string, BoardEntry> {
  board.set(name, { ...board.get(name), ...change })
  return board.size > 2 * mostEntries ? trimmed(board, mostEntries) : board
}

/** Whether it is so long ago that it should not open anything any more. */
export function isPast({ state, at, openForMs }: BreakerRecord, now: number): boolean {
  return now - at > (state === 'half-open' ? probingTime : openForMs + openingTime)
}

/** Whether anything on it may soon be different. */
export function isBusy(board: Board, now: number): boolean {
  for (const { circuit, hint } of board.values()) {
    if (hint !== undefined && !isPast(hint, now)) return true
    if (circuit !== undefined && circuit.state !== 'closed' && !isPast(circuit, now)) return true
  }
  return false
}

function mergeEntries(
  mine: BoardEntry | undefined,
  theirs: BoardEntry | undefined,
  now: number,
): BoardEntry | undefined {
  const circuit = later(mine?.circuit, theirs?.circuit, compareCircuits, (one) => isSpokenOf(one, circuitTime, now))
  const hint = later(mine?.hint, theirs?.hint, compareHints, (one) => isSpokenOf(one, 0, now))
  const command = later(mine?.command, theirs?.command, compareCommands, (one) => isCommandSpokenOf(one, now))
  if (circuit === undefined && hint === undefined && command === undefined) return undefined
  const isMine = circuit === mine?.circuit && hint === mine?.hint && command === mine?.command
  return isMine ? mine : { circuit, hint, command }
}

/** The later one of those that are still spoken of; `mine` where they are the same. */
function later<T>(
  mine: T | undefined,
  theirs: T | undefined,
  compare: (a: T, b: T) => number,
  isSpokenOf: (one: T) => boolean,
): T | undefined {
  const a = mine !== undefined && isSpokenOf(mine) ? mine : undefined
  const b = theirs !== undefined && isSpokenOf(theirs) ? theirs : undefined
  if (a === undefined || b === undefined) return a ?? b
  return compare(a, b) >= 0 ? a : b
}

function isSpokenOf({ at, openForMs }: BreakerRecord, time: number, now: number): boolean {
  return at - now <= mostAhead && now - at < openForMs + time
}

function isCommandSpokenOf({ override, at }: SharedCommand, now: number): boolean {
  return at - now <= mostAhead && (override !== undefined || now - at < resetTime)
}

function compareCircuits(a: SharedCircuit, b: SharedCircuit): number {
  return a.generation - b.generation || ranks[a.state] - ranks[b.state] || compareText(a.by, b.by)
}

function compareHints(a: BreakerRecord, b: BreakerRecord): number {
  return a.at + a.openForMs - (b.at + b.openForMs) || compareText(a.by, b.by)
}

function compareCommands(a: SharedCommand, b: SharedCommand): number {
  return a.at - b.at || compareText(a.by, b.by)
}

function compareText(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

function isSame(a: BoardEntry | undefined, b: BoardEntry | undefined): boolean {
  return (
    isEqual(a?.circuit, b?.circuit, compareCircuits) &&
    isEqual(a?.hint, b?.hint, compareHints) &&
    isEqual(a?.command, b?.command, compareCommands)
  )
}

function isEqual<T>(a: T | undefined, b: T | undefined, compare: (a: T, b: T) => number): boolean {
  return a === undefined || b === undefined ? a === b : compare(a, b) === 0
}

/** Every process keeps the same ones. */
function trimmed(board: Map<string, BoardEntry>, size: number): Map<string, BoardEntry> {
  if (board.size <= size) return board
  const rows = [...board].sort(([a, one], [b, other]) => compareWeights(one, other) || compareText(a, b))
  return new Map(rows.slice(0, size))
}

function compareWeights(a: BoardEntry, b: BoardEntry): number {
  const [one, other] = [weightOf(a), weightOf(b)]
  return one === other ? 0 : other - one
}

function weightOf({ circuit, hint, command }: BoardEntry): number {
  if (command?.override !== undefined) return Infinity
  return Math.max(circuit?.at ?? 0, hint?.at ?? 0, command?.at ?? 0)
}
