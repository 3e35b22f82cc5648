import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { BreakerRecord } from '../../src/core/breaker/collaborator.ts'
import {
  type Board,
  type BoardEntry,
  isBusy,
  mergeBoards,
  type SharedCircuit,
} from '../../src/core/breaker/shared-board.ts'
import { encodeBoard, parseBoard } from '../../src/core/breaker/shared-board-text.ts'
import { type BreakerSharing, type Telling, whatToHeed, whatToTell } from '../../src/core/breaker/shared-decision.ts'

const now = Date.UTC(2026, 0, 1)
const hour = 3_600_000

const circuit: SharedCircuit = {
  generation: 7,
  state: 'open',
  override: undefined,
  at: now - 1_000,
  openForMs: 5_000,
  attempt: 1,
  by: 'a',
  origin: 'upstream',
  reason: 'failure-rate',
  opening: 7,
}
const boardOf = (entry: BoardEntry): Board => new Map([['upstream', entry]])
const mergedCircuit = (mine: SharedCircuit, theirs: SharedCircuit, at = now) =>
  mergeBoards(boardOf({ circuit: mine }), boardOf({ circuit: theirs }), at).board.get('upstream')?.circuit

const at = fc.integer({ min: now - 5_000, max: now + 5_000 })
const by = fc.constantFrom('a', 'b', 'c')
const someCircuit = fc
  .record({ generation: fc.nat(3), state: fc.constantFrom('open', 'closed', 'half-open'), at, by })
  // What one process says of a generation and a state, it says once.
  .map((some) => ({ ...circuit, ...some, at: now + some.generation }) as SharedCircuit)
const someHint = fc.record({ at, by }).map((some): BreakerRecord => ({ ...circuit, ...some, openForMs: 60_000 }))
const someCommand = fc
  .record({ at, by })
  .map((some) => ({ ...some, override: some.at % 2 === 0 ? ('isolated' as const) : undefined }))
const entry = fc.record(
  { circuit: someCircuit, hint: someHint, command: someCommand },
  { requiredKeys: [] },
) as fc.Arbitrary<BoardEntry>
const board = fc
  .array(fc.tuple(fc.constantFrom('x', 'y', '__proto__'), entry), { maxLength: 4 })
  .map((rows) => parseBoard(encodeBoard(new Map(rows))))

const merge = (a: Board, b: Board): Board => mergeBoards(a, b, now).board
const sorted = (a: Board) => [...a].sort(([a], [b]) => (a < b ? -1 : 1))

describe('boards', () => {
  test('come to the same, in whatever order, however often, through whatever others they are merged', () => {
    fc.assert(
      fc.property(board, board, board, (a, b, c) => {
        expect(sorted(merge(a, b))).toEqual(sorted(merge(b, a)))
        expect(sorted(merge(merge(a, b), c))).toEqual(sorted(merge(a, merge(b, c))))
        expect(sorted(merge(merge(a, b), b))).toEqual(sorted(merge(a, b)))
        const { board, isAhead } = mergeBoards(merge(a, b), b, now)
        expect(mergeBoards(b, board, now).isAhead).toBe(false)
        expect(mergeBoards(board, board, now)).toMatchObject({ news: [], isAhead: false })
        expect(isAhead).toBe(!deepEqual(sorted(b), sorted(board)))
      }),
      { numRuns: 500 },
    )
  })

  test('the higher generation stands, then open before half-open before closed, then the holder', () => {
    const closed = { ...circuit, state: 'closed' } as const
    const half = { ...circuit, state: 'half-open' } as const
    expect(mergedCircuit(circuit, { ...closed, generation: 8 })?.state).toBe('closed')
    expect(mergedCircuit(closed, half)?.state).toBe('half-open')
    expect(mergedCircuit(half, circuit)?.state).toBe('open')
    expect(mergedCircuit({ ...circuit, by: 'b' }, circuit)?.by).toBe('b')
  })

  test('what ended an hour ago gives way to anything newer, and is not told again', () => {
    const old = { ...circuit, generation: 90, at: now - 2 * hour }
    expect(mergedCircuit(old, circuit)).toBe(circuit)
    expect(mergeBoards(boardOf({ circuit: old }), new Map(), now)).toMatchObject({ isAhead: false })
  })

  test('an override is told for as long as it holds', () => {
    const command = { override: 'isolated' as const, at: now - 9_000 * hour, by: 'a' }
    expect(mergeBoards(new Map(), boardOf({ command }), now).news).toEqual(['upstream'])
    expect(mergeBoards(new Map(), boardOf({ command: { ...command, override: undefined } }), now).news).toEqual([])
  })

  test('what claims to be from another day is not believed', () => {
    expect(mergedCircuit(circuit, { ...circuit, generation: 9, at: now + 25 * hour })).toBe(circuit)
  })

  test('hold 1,000 breakers: first what an operator said, then what is newest', () => {
    const rows = Array.from({ length: 3_000 }, (_, i): [string, BoardEntry] => [
      `b${i}`,
      i < 10 ? { command: { override: 'isolated', at: i, by: 'a' } } : { circuit: { ...circuit, at: now - i } },
    ])
    const { board, isAhead } = mergeBoards(new Map(rows), new Map(), now)
    expect([board.size, board.has('b0'), board.has('b999'), board.has('b1000'), isAhead]).toEqual([
      1_000,
      true,
      true,
      false,
      true,
    ])
    expect(mergeBoards(new Map(rows), board, now).isAhead).toBe(false)
  })

  test('are read more often while anything is open', () => {
    expect(isBusy(boardOf({ circuit }), now)).toBe(true)
    expect(isBusy(boardOf({ circuit: { ...circuit, state: 'closed' } }), now)).toBe(false)
    expect(isBusy(boardOf({ circuit }), now + hour)).toBe(false)
  })

  test.each<[string, string]>([
    ['nothing', ''],
    ['no JSON', '{"'],
    ['no list', '{"upstream":{}}'],
    ['no names', '[[1,{}],["a"],7,null]'],
    [
      'no records',
      '[["a",{"circuit":{"generation":-1},"hint":"soon","command":{"override":"paused","at":1,"by":"b"}}]]',
    ],
    [
      'a generation above which there is none',
      JSON.stringify([['a', { circuit: { ...circuit, generation: 2 ** 52 } }]]),
    ],
    ['an opening for ever', JSON.stringify([['a', { hint: { ...circuit, openForMs: 1e300 } }]])],
    ['a time that is none', '[["a",{"command":{"at":1e999,"by":"b"}}]]'],
  ])('of %s say nothing', (_, text) => {
    expect(parseBoard(Buffer.from(text)).size).toBe(0)
  })

  test('keep what they hold, except what is not known of', () => {
    const text = JSON.stringify([
      ['a', { circuit: { ...circuit, colour: 'red' }, weather: 'fine' }],
      ['b', 'later'],
    ])
    expect(parseBoard(Buffer.from(text))).toEqual(new Map([['a', { circuit }]]))
  })
})

function deepEqual(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

type Telltale = [string, Partial<BreakerRecord>, boolean, BreakerSharing, Telling]

test.each<Telltale>([
  ['an opening by the upstream', {}, false, 'adopt', 'circuit'],
  ['an opening by the network', { origin: 'local' }, false, 'adopt', 'hint'],
  ['an opening upon a hint', { reason: 'hint' }, false, 'adopt', 'hint'],
  [
    'a failed probe for all, whatever it failed by',
    { origin: 'local', reason: 'probe-failed' },
    true,
    'adopt',
    'circuit',
  ],
  ['a failed probe for itself', { origin: 'local', reason: 'probe-failed' }, false, 'adopt', 'hint'],
  ['a closing of all', { state: 'closed', reason: 'probes-succeeded' }, true, 'adopt', 'circuit'],
  ['a closing of its own', { state: 'closed', reason: 'probes-succeeded' }, false, 'adopt', 'nothing'],
  ['a probe of its own', { state: 'half-open', reason: 'open-period-over' }, false, 'adopt', 'nothing'],
  ['an opening, with hints alone', {}, false, 'hint', 'hint'],
  ['an opening, switched off', {}, false, 'off', 'nothing'],
  ['an opening that is only observed', { override: 'observe-only' }, false, 'adopt', 'nothing'],
  ['an override', { state: 'closed', override: 'observe-only', reason: 'observe-only' }, false, 'off', 'command'],
  ['a reset', { state: 'closed', reason: 'reset' }, true, 'adopt', 'command'],
])('%s is told as it should be', (_, change, isFollowing, sharing, telling) => {
  expect(whatToTell({ ...circuit, ...change }, isFollowing, sharing)).toBe(telling)
})

const half = { state: 'half-open', openForMs: 0 } as const

test.each<[string, Partial<SharedCircuit>, 'closed' | 'open' | 'half-open', boolean, string]>([
  ['an opening', {}, 'closed', false, 'adopt'],
  ['an opening of long ago', { at: now - 15_001 }, 'closed', false, 'note'],
  ['an opening, where another was followed', { at: now - hour }, 'open', true, 'adopt'],
  ['the closing of what was followed', { state: 'closed' }, 'open', true, 'adopt'],
  ['the closing of what was not', { state: 'closed' }, 'open', false, 'note'],
  ['a closing, while closed', { state: 'closed' }, 'closed', false, 'note'],
  ["another's probe", half, 'open', true, 'adopt'],
  ["another's probe, while probing as well", half, 'half-open', true, 'note'],
  ["another's probe for a later opening, while probing", { ...half, opening: 9 }, 'half-open', true, 'adopt'],
])('%s is heeded as it should be', (_, change, state, isFollowing, heeding) => {
  expect(whatToHeed({ ...circuit, ...change }, { state, isFollowing, opening: circuit.opening }, now)).toBe(heeding)
})
