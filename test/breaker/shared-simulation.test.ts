import fc from 'fast-check'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { BreakerRegistry, type CircuitBreaker, type Permit } from '../../src/index.ts'
import { type Fault, SimulatedClient, SimulatedServer } from './simulated-store.ts'

const size = 4
const storeTimeout = 200
const probeTimeout = 3_000
const maxOpenDuration = 4_000
/** Real ms, of the time that a test has: what was found is told even if it could be made smaller yet. */
const interruptAfterTimeLimit = 45_000

type End = 'ok' | 'upstream' | 'local' | 'neutral'
type Step =
  | { readonly type: 'call'; readonly process: number; readonly end: End; readonly takes: number }
  | { readonly type: 'pass'; readonly ms: number }
  | { readonly type: 'fault'; readonly process: number; readonly fault: Fault }
  | { readonly type: 'command'; readonly process: number; readonly command: 'isolate' | 'forceClosed' | 'reset' }
  | { readonly type: 'restart'; readonly process: number }
  | { readonly type: 'empty' }

const local = Object.assign(new Error('no way there'), { code: 'ECONNRESET' })
const upstream = new Error('503')

beforeAll(() => {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate', 'Date'],
    now: Date.UTC(2026, 0, 1),
  })
})
afterAll(() => void vi.useRealTimers())

/** A process: what it holds is lost when it starts anew, its clock is its own. */
class Process {
  readonly client: SimulatedClient
  readonly #isAtomic: boolean
  readonly #skew: number
  registry!: BreakerRegistry
  breaker!: CircuitBreaker
  underWay: Permit[] = []
  #generation = 0

  constructor(client: SimulatedClient, isAtomic: boolean, skew: number) {
    this.client = client
    this.#isAtomic = isAtomic
    this.#skew = skew
    this.start()
  }

  start(): void {
    // The one before is killed: what it was about to do, it does not do.
    this.registry?.list().forEach((breaker) => {
      breaker.enter = () => expect.fail('a dead process calls')
    })
    void this.registry?.close()
    this.registry = new BreakerRegistry({
      store: this.client.store(this.#isAtomic),
      storeTimeout,
      clock: { now: () => Date.now() + this.#skew, monotonic: () => Date.now() },
      random: () => 0.5,
      consecutiveFailures: 2,
      minimumThroughput: Infinity,
      openDuration: 1_000,
      maxOpenDuration,
      probeTimeout,
    })
    this.breaker = this.registry.of('upstream')
    this.underWay = []
    this.#generation = 0
  }

  get probes(): Permit[] {
    const { generation } = this.breaker
    return this.underWay.filter((permit) => permit.kind === 'probe' && permit.generation === generation)
  }

  call(end: End, takes: number): void {
    const { state, nextProbe, override } = this.breaker
    const isEarly = state === 'open' && (nextProbe ?? 0) > Date.now() + this.#skew
    const permit = this.#enter()
    if (permit === undefined) return
    expect([isEarly, override === 'isolated', permit.kind]).toEqual([
      false,
      false,
      state === 'closed' ? 'call' : 'probe',
    ])
    this.underWay.push(permit)
    setTimeout(() => this.#settle(permit, end), takes)
  }

  check(): void {
    const { generation } = this.breaker
    expect(generation).toBeGreaterThanOrEqual(this.#generation)
    this.#generation = generation
    expect(this.probes.length).toBeLessThanOrEqual(1)
  }

  #enter(): Permit | undefined {
    try {
      return this.breaker.enter()
    } catch (error) {
      expect(error).toMatchObject({ code: 'CIRCUIT_OPEN' })
      return undefined
    }
  }

  #settle(permit: Permit, end: End): void {
    this.underWay = this.underWay.filter((other) => other !== permit)
    if (end === 'ok') permit.succeed()
    else if (end === 'neutral') permit.release()
    else permit.fail(end === 'local' ? local : upstream)
  }
}

interface World {
  readonly processes: readonly Process[]
  readonly server: SimulatedServer
}

function worldOf(isAtomic: boolean, seed: number, skews: readonly number[]): World {
  const server = new SimulatedServer()
  let state = seed
  const draw = (): number => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return (state / 2 ** 31) * 60
  }
  const processes = skews.map((skew) => new Process(new SimulatedClient(server, draw), isAtomic, skew))
  return { processes, server }
}

async function take({ processes, server }: World, step: Step): Promise<void> {
  if (step.type === 'pass') return void (await vi.advanceTimersByTimeAsync(step.ms))
  if (step.type === 'empty') return server.clear()
  const process = processes[step.process] as Process
  switch (step.type) {
    case 'call':
      return process.call(step.end, step.takes)
    case 'fault':
      process.client.fault = step.fault
      return
    case 'command':
      return process.breaker[step.command]()
    case 'restart':
      return process.start()
  }
}

/** Nobody is in trouble any more: all close, and agree. */
async function heal({ processes }: World, mode: string): Promise<void> {
  for (const process of processes) process.client.fault = 'none'
  await vi.advanceTimersByTimeAsync(40_000)
  const isOverridden = processes.some(({ breaker }) => breaker.override !== undefined)
  if (isOverridden) processes[0]?.breaker.reset()
  const until = Date.now() + 30_000
  while (Date.now() < until) {
    for (const process of processes) process.call('ok', 5)
    await vi.advanceTimersByTimeAsync(250)
  }
  for (const { breaker } of processes) {
    expect(breaker.status()).toMatchObject({ state: 'closed', override: undefined, mode, counts: { inFlight: 0 } })
  }
  await Promise.all(processes.map(({ registry }) => closed(registry)))
  // Of whoever was killed meanwhile too: neither permits nor timers are left.
  expect(vi.getTimerCount()).toBe(0)
}

async function closed(registry: BreakerRegistry): Promise<void> {
  const closing = registry.close()
  await vi.advanceTimersByTimeAsync(2_000)
  await closing
}

const process = fc.nat(size - 1)
const call = (...ends: End[]): fc.Arbitrary<Step> =>
  fc.record({
    type: fc.constant('call'),
    process,
    end: fc.constantFrom(...ends),
    takes: fc.oneof(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 5_000 })),
  })
const passing: fc.Arbitrary<Step> = fc
  .oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 6_000 }))
  .map((ms) => ({ type: 'pass', ms }))
const fault: fc.Arbitrary<Step> = fc.record({
  type: fc.constant('fault'),
  process,
  fault: fc.constantFrom('none', 'none', 'slow', 'refused', 'hung', 'lost', 'garbage'),
})
const command: fc.Arbitrary<Step> = fc.record({
  type: fc.constant('command'),
  process,
  command: fc.constantFrom('isolate', 'forceClosed', 'reset', 'reset'),
})
const restart: fc.Arbitrary<Step> = fc.record({ type: fc.constant('restart'), process })
const empty: fc.Arbitrary<Step> = fc.constant({ type: 'empty' })
const stepsOf = (...steps: fc.Arbitrary<Step>[]) => fc.array(fc.oneof(...steps), { minLength: 20, maxLength: 120 })
const skews = fc.array(fc.integer({ min: -90_000, max: 90_000 }), { minLength: size, maxLength: size })

test.each([
  ['atomic', true],
  ['settled', false],
] as const)(
  '%s: whatever happens to the store, each process keeps its promises, and all agree in the end',
  async (mode, isAtomic) => {
    const calls = call('ok', 'upstream', 'upstream', 'local', 'neutral')
    const steps = stepsOf(calls, calls, calls, calls, passing, passing, fault, command, restart, empty)
    await fc.assert(
      fc.asyncProperty(steps, fc.nat(), skews, async (steps, seed, skews) => {
        const world = worldOf(isAtomic, seed, skews)
        for (const step of steps) {
          await take(world, step)
          for (const process of world.processes) process.check()
        }
        await heal(world, mode)
      }),
      { numRuns: 150, interruptAfterTimeLimit },
    )
  },
  60_000,
)

test.each([
  ['atomic', true],
  ['settled', false],
] as const)(
  '%s: while the store answers, one probe is under way at most',
  async (_, isAtomic) => {
    const calls = call('ok', 'upstream', 'upstream', 'upstream', 'neutral')
    const steps = stepsOf(calls, calls, calls, passing, passing)
    await fc.assert(
      fc.asyncProperty(steps, fc.nat(), skews, async (steps, seed, skews) => {
        const world = worldOf(isAtomic, seed, skews)
        for (const step of steps) {
          await take(world, step)
          expect(world.processes.flatMap(({ probes }) => probes).length).toBeLessThanOrEqual(1)
        }
        await Promise.all(world.processes.map(({ registry }) => closed(registry)))
      }),
      { numRuns: 1_000, interruptAfterTimeLimit },
    )
  },
  60_000,
)
