import { describe, expect, test } from 'vitest'
import {
  attemptAt,
  type Circuit,
  type CircuitEvent,
  type CircuitRules,
  type HalfOpenCircuit,
  newCircuit,
  transition,
} from '../../src/core/breaker/state.ts'

const rules: CircuitRules = {
  probes: 2,
  probeTimeout: 100,
  failureWindow: 1_000,
  lastingAttempt: 3,
  openFor: (attempt, retryAfter) => Math.max(attempt * 10, retryAfter),
}

const closed: Circuit = { type: 'closed', generation: 4, attempt: 2, since: 0 }
const open: Circuit = { type: 'open', generation: 5, attempt: 3, since: 200, openForMs: 30 }
const lease = { slot: 0, until: 330, answered: false }
const probing: HalfOpenCircuit = {
  type: 'half-open',
  generation: 6,
  attempt: 3,
  since: 230,
  leases: [lease],
  succeeded: 0,
  nextSlot: 1,
}
const full: HalfOpenCircuit = { ...probing, leases: [lease, { slot: 1, until: 340, answered: true }], nextSlot: 2 }
const nearlyClosed: HalfOpenCircuit = { ...probing, succeeded: 1, nextSlot: 2 }
const foreign: Circuit = { type: 'open', generation: 6, attempt: 1, since: 0, openForMs: 10 }

const closedAgain = (generation: number, since: number): Circuit => ({ type: 'closed', generation, attempt: 3, since })
const openAgain = (since: number, openForMs = 40): Circuit => ({
  type: 'open',
  generation: 7,
  attempt: 4,
  since,
  openForMs,
})
const same = 'the same'

// Every circuit with every event; 'the same' is the very object.
const table: [string, Circuit, [CircuitEvent, Circuit | typeof same][]][] = [
  [
    'closed',
    closed,
    [
      [
        { type: 'tripped', at: 500, retryAfter: 0 },
        { type: 'open', generation: 5, attempt: 3, since: 500, openForMs: 30 },
      ],
      [
        { type: 'tripped', at: 500, retryAfter: 77 },
        { type: 'open', generation: 5, attempt: 3, since: 500, openForMs: 77 },
      ],
      [
        { type: 'tripped', at: 1_000, retryAfter: 0 },
        { type: 'open', generation: 5, attempt: 2, since: 1_000, openForMs: 20 },
      ],
      [
        { type: 'tripped', at: 9_000, retryAfter: 0 },
        { type: 'open', generation: 5, attempt: 1, since: 9_000, openForMs: 10 },
      ],
      [{ type: 'probe-asked', at: 500 }, same],
      [{ type: 'probe-answered', at: 500, slot: 0 }, same],
      [{ type: 'probe-succeeded', at: 500, slot: 0 }, same],
      [{ type: 'probe-failed', at: 500, slot: 0, retryAfter: 0 }, same],
      [{ type: 'probe-released', slot: 0 }, same],
      [{ type: 'elapsed', at: 99_999 }, same],
      [
        { type: 'reset', at: 500 },
        { type: 'closed', generation: 5, attempt: 0, since: 500 },
      ],
      [{ type: 'adopted', circuit: foreign }, foreign],
    ],
  ],
  [
    'open',
    open,
    [
      [{ type: 'tripped', at: 500, retryAfter: 0 }, same],
      [{ type: 'probe-asked', at: 229 }, same],
      [{ type: 'probe-asked', at: 230 }, probing],
      [{ type: 'probe-answered', at: 500, slot: 0 }, same],
      [{ type: 'probe-succeeded', at: 500, slot: 0 }, same],
      [{ type: 'probe-failed', at: 500, slot: 0, retryAfter: 0 }, same],
      [{ type: 'probe-released', slot: 0 }, same],
      [{ type: 'elapsed', at: 99_999 }, same],
      [
        { type: 'reset', at: 500 },
        { type: 'closed', generation: 6, attempt: 0, since: 500 },
      ],
      [{ type: 'adopted', circuit: foreign }, foreign],
      [{ type: 'adopted', circuit: { ...foreign, generation: 5 } }, same],
    ],
  ],
  [
    'half-open',
    probing,
    [
      [{ type: 'tripped', at: 300, retryAfter: 0 }, openAgain(300)],
      [
        { type: 'probe-asked', at: 240 },
        { ...probing, leases: [lease, { slot: 1, until: 340, answered: false }], nextSlot: 2 },
      ],
      [
        { type: 'probe-answered', at: 300, slot: 0 },
        { ...probing, leases: [{ slot: 0, until: 400, answered: true }] },
      ],
      [{ type: 'probe-answered', at: 300, slot: 1 }, same],
      [
        { type: 'probe-succeeded', at: 300, slot: 0 },
        { ...probing, leases: [], succeeded: 1 },
      ],
      [{ type: 'probe-succeeded', at: 300, slot: 1 }, same],
      [{ type: 'probe-failed', at: 300, slot: 0, retryAfter: 0 }, openAgain(300)],
      [{ type: 'probe-failed', at: 300, slot: 0, retryAfter: 99 }, openAgain(300, 99)],
      [{ type: 'probe-failed', at: 300, slot: 1, retryAfter: 0 }, same],
      [
        { type: 'probe-released', slot: 0 },
        { ...probing, leases: [] },
      ],
      [{ type: 'probe-released', slot: 1 }, same],
      [{ type: 'elapsed', at: 329 }, same],
      [{ type: 'elapsed', at: 330 }, openAgain(330)],
      [{ type: 'elapsed', at: 5_000 }, openAgain(330)],
      [
        { type: 'reset', at: 300 },
        { type: 'closed', generation: 7, attempt: 0, since: 300 },
      ],
      [{ type: 'adopted', circuit: foreign }, same],
      [
        { type: 'adopted', circuit: { ...foreign, generation: 7 } },
        { ...foreign, generation: 7 },
      ],
    ],
  ],
  [
    'half-open with all probes under way',
    full,
    [
      [{ type: 'probe-asked', at: 300 }, same],
      [
        { type: 'probe-succeeded', at: 300, slot: 1 },
        { ...full, leases: [lease], succeeded: 1 },
      ],
      [{ type: 'probe-failed', at: 300, slot: 1, retryAfter: 0 }, openAgain(300)],
      [{ type: 'elapsed', at: 5_000 }, openAgain(330)],
    ],
  ],
  [
    'half-open with one success of two',
    nearlyClosed,
    [
      [{ type: 'probe-asked', at: 300 }, same],
      [{ type: 'probe-succeeded', at: 300, slot: 0 }, closedAgain(7, 300)],
      [{ type: 'probe-failed', at: 300, slot: 0, retryAfter: 0 }, openAgain(300)],
      [
        { type: 'probe-released', slot: 0 },
        { ...nearlyClosed, leases: [] },
      ],
    ],
  ],
  [
    'half-open whose last probe was answered',
    { ...nearlyClosed, leases: [{ ...lease, answered: true }] },
    [
      [{ type: 'elapsed', at: 329 }, same],
      [{ type: 'elapsed', at: 5_000 }, closedAgain(7, 330)],
    ],
  ],
]

describe.each(table)('%s', (_, circuit, cases) => {
  test.each(cases)('$type $at', (event, expected) => {
    const after = transition(circuit, event, rules)
    if (expected === same) expect(after).toBe(circuit)
    else expect(after).toEqual(expected)
  })
})

test('leases end in the order of their deadlines, whichever was given first', () => {
  const leases = [
    { slot: 0, until: 400, answered: true },
    { slot: 1, until: 350, answered: false },
  ]
  expect(transition({ ...full, leases }, { type: 'elapsed', at: 5_000 }, rules)).toEqual(openAgain(350))
})

test('a closed circuit remembers no more attempts than make a difference', () => {
  const outage: HalfOpenCircuit = { ...nearlyClosed, attempt: 1_440 }
  expect(transition(outage, { type: 'probe-succeeded', at: 300, slot: 0 }, rules)).toMatchObject({ attempt: 3 })
})

test('attempts are forgotten one by one, never below 0', () => {
  const at = (ms: number) => attemptAt(closed, ms, rules)
  expect([0, 999, 1_000, 1_999, 2_000, 99_000].map(at)).toEqual([2, 2, 1, 1, 0, 0])
  expect(attemptAt(open, 99_000, rules)).toBe(3)
  expect(attemptAt(newCircuit, 99_000, rules)).toBe(0)
})
