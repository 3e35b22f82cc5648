import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BUCKETS } from '../../src/core/breaker/window.ts'
import { CircuitBreaker, type Permit } from '../../src/index.ts'
import { HeldClock } from '../store/held-clock.ts'

const window = 1_000
const openDuration = 300
const maxOpenDuration = 1_200
const probeTimeout = 200
const slow = 50
const minimumThroughput = 4

interface Held {
  readonly permit: Permit
  readonly generation: number
  readonly isProbe: boolean
  readonly since: number
  deadline: number
  answered: boolean
  head: number | undefined
}

/** The same thing written naively: everything is kept in lists and looked up anew. */
class Model {
  readonly probes: number
  state: 'closed' | 'open' | 'half-open' = 'closed'
  override: string | undefined
  generation = 0
  attempt = 0
  since = 0
  openFor = 0
  succeeded = 0
  outcomes: { at: number; failed: boolean; slow: boolean }[] = []
  held: Held[] = []

  constructor(probes: number) {
    this.probes = probes
  }

  get probing(): Held[] {
    return this.held.filter(({ isProbe, generation }) => isProbe && generation === this.generation)
  }

  become(state: Model['state'], at: number): void {
    this.state = state
    this.generation++
    this.since = at
    this.succeeded = 0
    if (state === 'closed') this.outcomes = []
  }

  open(at: number): void {
    const forgotten = this.state === 'closed' ? Math.floor((at - this.since) / window) : 0
    this.attempt = Math.max(0, this.attempt - forgotten) + 1
    this.openFor = Math.min(maxOpenDuration, openDuration * 2 ** (this.attempt - 1))
    this.become('open', at)
  }

  succeedProbe(at: number): void {
    if (++this.succeeded < this.probes) return
    this.attempt = Math.min(this.attempt, 3)
    this.become('closed', at)
  }

  /** What a timer would have done, in order. */
  elapse(now: number): void {
    for (;;) {
      const next = this.probing.filter(({ deadline }) => deadline <= now).sort((a, b) => a.deadline - b.deadline)[0]
      if (next === undefined || this.state !== 'half-open') return
      if (next.answered) {
        this.held = this.held.map((held) => (held === next ? { ...held, generation: -1 } : held))
        this.succeedProbe(next.deadline)
      } else this.open(next.deadline)
    }
  }

  /** 'call', 'probe' or why not. */
  admits(now: number): string {
    this.elapse(now)
    if (this.override === 'isolated') return 'isolated'
    if (this.state === 'closed') return 'call'
    if (this.state === 'open') return now >= this.since + this.openFor ? 'probe' : 'open'
    return this.probing.length + this.succeeded < this.probes ? 'probe' : 'half-open'
  }

  counted(now: number): { at: number; failed: boolean; slow: boolean }[] {
    const bucket = (at: number) => Math.floor(at / (window / BUCKETS))
    return this.outcomes.filter(({ at }) => bucket(at) > bucket(now) - BUCKETS)
  }

  settle(held: Held, end: 'succeed' | 'fail' | 'release', now: number): void {
    this.elapse(now)
    const current = this.held.find(({ permit }) => permit === held.permit)
    this.held = this.held.filter(({ permit }) => permit !== held.permit)
    if (end === 'release' || current?.generation !== this.generation) return
    const isSlow = (held.head ?? now) - held.since >= slow
    if (held.isProbe) {
      if (end === 'fail' || isSlow) this.open(now)
      else this.succeedProbe(now)
      return
    }
    if (this.state !== 'closed') return
    this.outcomes.push({ at: now, failed: end === 'fail', slow: isSlow })
    const all = this.counted(now)
    const share = (what: 'failed' | 'slow') => all.filter((outcome) => outcome[what]).length / all.length
    if (this.override === 'forced-closed' || all.length < minimumThroughput) return
    if (share('failed') >= 0.5 || share('slow') >= 0.75) this.open(now)
  }
}

interface Real {
  readonly breaker: CircuitBreaker
  readonly clock: HeldClock
}

type Command = fc.Command<Model, Real>

function check(model: Model, { breaker, clock }: Real): void {
  const now = clock.monotonic()
  model.elapse(now)
  const { state, override, generation, counts } = breaker
  expect({ state, override, generation }).toEqual({
    state: model.state,
    override: model.override,
    generation: model.generation,
  })
  const held = model.counted(now)
  expect([counts.total, counts.failed, counts.slow, counts.inFlight]).toEqual([
    held.length,
    held.filter(({ failed }) => failed).length,
    held.filter(({ slow }) => slow).length,
    model.held.length,
  ])
  expect(model.probing.length).toBeLessThanOrEqual(model.probes)
}

function command(name: string, run: (model: Model, real: Real) => void): Command {
  return {
    check: () => true,
    run: (model, real) => {
      run(model, real)
      check(model, real)
    },
    toString: () => name,
  }
}

function enter(model: Model, { breaker, clock }: Real): Held | undefined {
  const now = clock.monotonic()
  const expected = model.admits(now)
  const isAdmitted = expected === 'call' || expected === 'probe' || model.override === 'observe-only'
  if (!isAdmitted) {
    expect(() => breaker.enter()).toThrow(expect.objectContaining({ code: 'CIRCUIT_OPEN', reason: expected }))
    return undefined
  }
  const permit = breaker.enter()
  const isProbe = expected === 'probe'
  if (isProbe && model.state === 'open') model.become('half-open', now)
  expect([permit.kind, permit.generation]).toEqual([isProbe ? 'probe' : 'call', model.generation])
  const deadline = now + probeTimeout
  const held: Held = {
    permit,
    generation: model.generation,
    isProbe,
    since: now,
    deadline,
    answered: false,
    head: undefined,
  }
  model.held.push(held)
  return held
}

const ends = ['succeed', 'fail', 'release'] as const
const pick = fc.nat(20)

const call = fc.constantFrom(...ends).map((end) =>
  command(`call, ${end}`, (model, real) => {
    const held = enter(model, real)
    if (held === undefined) return
    held.permit[end]()
    model.settle(held, end, real.clock.monotonic())
  }),
)
const hang = fc.constant(command('hang', (model, real) => void enter(model, real)))
const settle = fc.tuple(pick, fc.constantFrom(...ends)).map(([index, end]) =>
  command(`settle ${index}, ${end}`, (model, { clock }) => {
    const held = model.held[index % Math.max(1, model.held.length)]
    if (held === undefined) return
    model.settle(held, end, clock.monotonic())
    held.permit[end]()
    held.permit.fail()
  }),
)
const respond = pick.map((index) =>
  command(`respond ${index}`, (model, { clock }) => {
    const now = clock.monotonic()
    model.elapse(now)
    const held = model.held[index % Math.max(1, model.held.length)]
    if (held === undefined) return
    held.permit.responded()
    if (held.head !== undefined) return
    held.head = now
    if (held.isProbe && held.generation === model.generation && now - held.since >= slow) return model.open(now)
    held.answered = true
    held.deadline = now + probeTimeout
  }),
)
const advance = fc
  .oneof(fc.integer({ min: 1, max: 80 }), fc.integer({ min: 1, max: 1_500 }))
  .map((ms) => command(`advance ${ms}`, (_, { clock }) => clock.pass(ms)))
const overrides: Readonly<Record<string, string>> = {
  isolate: 'isolated',
  forceClosed: 'forced-closed',
  observeOnly: 'observe-only',
}
const operate = fc.constantFrom('isolate', 'forceClosed', 'observeOnly', 'reset').map((name) =>
  command(name, (model, { breaker, clock }) => {
    model.elapse(clock.monotonic())
    const override = overrides[name]
    breaker[name as 'isolate' | 'forceClosed' | 'observeOnly' | 'reset']()
    if (override !== undefined && override === model.override) return
    model.override = override
    model.attempt = 0
    model.become('closed', clock.monotonic())
  }),
)

test('whatever happens, it is what a naive model says', () => {
  const commands = fc.commands([call, call, call, hang, settle, settle, respond, advance, advance, operate], {
    size: '+2',
    maxCommands: 150,
  })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3 }), commands, (probes, commands) => {
      const clock = new HeldClock()
      const breaker = new CircuitBreaker({
        clock,
        probes,
        probeTimeout,
        failureWindow: window,
        minimumThroughput,
        slowCallRate: 0.75,
        slowCallDuration: slow,
        openDuration,
        maxOpenDuration,
        permitTimeout: 2 ** 31 - 1,
        jitter: 0,
      })
      fc.modelRun(() => ({ model: new Model(probes), real: { breaker, clock } }), commands)
    }),
    { numRuns: 400 },
  )
})
