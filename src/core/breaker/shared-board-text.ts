import type { BreakerRecord } from './collaborator.ts'
import type { BreakerOverride, TransitionReason } from './events.ts'
import type { Board, BoardEntry, SharedCircuit, SharedCommand } from './shared-board.ts'
import type { BreakerState } from './state.ts'

const states: readonly BreakerState[] = ['closed', 'open', 'half-open']
const overrides: readonly BreakerOverride[] = ['isolated', 'forced-closed', 'observe-only']
/** So that there is always a higher one. */
const highestGeneration = 2 ** 48
/** No `maxOpenDuration` is longer, ms: what is open for ever would be spoken of for ever. */
const longestOpen = 2 ** 31

export function encodeBoard(board: Board): Buffer {
  return Buffer.from(JSON.stringify([...board]))
}

/** What can be read of it. Others may have written it, later versions too: what is not understood is not there. */
export function parseBoard(bytes: Buffer): Board {
  const board = new Map<string, BoardEntry>()
  for (const row of listIn(bytes)) {
    if (!Array.isArray(row) || typeof row[0] !== 'string') continue
    const entry = entryOf(row[1])
    if (entry !== undefined) board.set(row[0], entry)
  }
  return board
}

function listIn(bytes: Buffer): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(bytes.toString())
    return Array.isArray(value) ? value : []
  } catch {
    return []
  }
}

function entryOf(value: unknown): BoardEntry | undefined {
  const { circuit, hint, command } = fieldsOf(value)
  const entry = { circuit: circuitOf(circuit), hint: recordOf(hint), command: commandOf(command) }
  return Object.values(entry).some((part) => part !== undefined) ? entry : undefined
}

function circuitOf(value: unknown): SharedCircuit | undefined {
  const { opening } = fieldsOf(value)
  const record = recordOf(value)
  return record !== undefined && isGeneration(opening) ? { ...record, opening } : undefined
}

function recordOf(value: unknown): BreakerRecord | undefined {
  const { generation, state, at, openForMs, attempt, by, origin, reason } = fieldsOf(value)
  const isKnown =
    isGeneration(generation) &&
    isOneOf(states, state) &&
    isTime(at) &&
    isTime(openForMs) &&
    openForMs <= longestOpen &&
    isGeneration(attempt) &&
    typeof by === 'string'
  if (!isKnown) return undefined
  return {
    generation,
    state,
    override: undefined,
    at,
    openForMs,
    attempt,
    by,
    origin: origin === 'upstream' || origin === 'local' ? origin : undefined,
    // Told in events, never decided by.
    reason: typeof reason === 'string' ? (reason as TransitionReason) : 'adopted',
  }
}

function commandOf(value: unknown): SharedCommand | undefined {
  const { override, at, by } = fieldsOf(value)
  if (!isTime(at) || typeof by !== 'string') return undefined
  return override === undefined || isOneOf(overrides, override) ? { override, at, by } : undefined
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function isOneOf<T extends string>(known: readonly T[], value: unknown): value is T {
  return known.includes(value as T)
}

function isGeneration(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= highestGeneration
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && Number.isFinite(value)
}
