import { channel } from 'node:diagnostics_channel'
import { afterEach, describe, expect, test } from 'vitest'
import { CircuitBreaker, type CircuitBreakerOptions, CircuitOpenError, type EventName } from '../../src/index.ts'
import { HeldClock } from '../store/held-clock.ts'

const clock = new HeldClock()
const settled = { jitter: 0, clock, openDuration: 1_000, minimumThroughput: 4, probeTimeout: 500 }

function breakerOf(options: CircuitBreakerOptions = {}): CircuitBreaker {
  return new CircuitBreaker({ ...settled, ...options })
}

function open(options: CircuitBreakerOptions = {}): CircuitBreaker {
  const breaker = breakerOf({ consecutiveFailures: 1, ...options })
  breaker.enter().fail()
  expect(breaker.state).toBe('open')
  return breaker
}

function refusal(breaker: CircuitBreaker): CircuitOpenError {
  try {
    breaker.enter().release()
  } catch (error) {
    if (error instanceof CircuitOpenError) return error
  }
  throw new Error('it was not refused')
}

const heard: [string, Record<string, unknown>][] = []
const unsubscribe: (() => void)[] = []
function listen(name: EventName): void {
  const hear = (message: unknown): void => void heard.push([name.slice(19), message as Record<string, unknown>])
  channel(name).subscribe(hear)
  unsubscribe.push(() => channel(name).unsubscribe(hear))
}
afterEach(() => {
  for (const stop of unsubscribe.splice(0)) stop()
  heard.length = 0
})

describe('a closed circuit', () => {
  test('opens when the rate is reached, at the call that reaches it', () => {
    const breaker = breakerOf()
    for (const failed of [false, false, true]) failed ? breaker.enter().fail() : breaker.enter().succeed()
    expect(breaker.state).toBe('closed')
    breaker.enter().fail()
    expect(breaker.state).toBe('open')
  })

  test('a threshold of 100 % can be reached', () => {
    const breaker = breakerOf({ failureRate: 1 })
    for (let i = 0; i < 4; i++) breaker.enter().fail()
    expect(breaker.state).toBe('open')
  })

  test('opens when the slow rate is reached, and says that it cannot tell whose fault it is', () => {
    listen('breakwater:breaker:transition')
    const breaker = breakerOf({ slowCallRate: 1, slowCallDuration: 100 })
    for (let i = 0; i < 4; i++) {
      const permit = breaker.enter()
      clock.pass(100)
      permit.succeed()
    }
    expect(breaker.state).toBe('open')
    expect(heard).toMatchObject([
      ['transition', { reason: 'slow-rate', origin: 'local', counts: { total: 4, slow: 4 } }],
    ])
  })

  test('a call that responded in time is not slow, however long its body takes', () => {
    const breaker = breakerOf({ slowCallRate: 0.1, slowCallDuration: 100 })
    for (let i = 0; i < 4; i++) {
      const permit = breaker.enter()
      clock.pass(99)
      permit.responded()
      clock.pass(5_000)
      permit.responded()
      permit.succeed()
    }
    expect(breaker.state).toBe('closed')
  })

  test('the origin is that of most failures', () => {
    listen('breakwater:breaker:transition')
    for (const local of [1, 3]) {
      const breaker = breakerOf()
      for (let i = 0; i < 4; i++) breaker.enter().fail(undefined, { origin: i < local ? 'local' : 'upstream' })
    }
    expect(heard.map(([, { origin }]) => origin)).toEqual(['upstream', 'local'])
  })

  test('Retry-After of the failure that opens it lengthens the period, up to the cap', () => {
    const wait = (retryAfter: number): number => {
      const breaker = breakerOf({ consecutiveFailures: 1, maxOpenDuration: 8_000 })
      breaker.enter().fail('503', { retryAfter })
      return refusal(breaker).retryAfter
    }
    expect([500, 3_000, 9_000, Number.NaN, -1].map(wait)).toEqual([1_000, 3_000, 8_000, 1_000, 1_000])
  })

  test('429 does not count, unless openOnRateLimit', () => {
    const breaker = breakerOf({ consecutiveFailures: 1 })
    breaker.enter().rateLimited(3_000)
    expect([breaker.state, breaker.counts.total]).toEqual(['closed', 0])
    const obedient = breakerOf({ openOnRateLimit: true })
    obedient.enter().rateLimited(3_000)
    expect(refusal(obedient).retryAfter).toBe(3_000)
  })
})

describe('an open circuit', () => {
  test('refuses with an Error that says what to do, and has no stack', () => {
    const error = refusal(open({ name: 'payments' }))
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({
      name: 'CircuitOpenError',
      code: 'CIRCUIT_OPEN',
      breaker: 'payments',
      reason: 'open',
      state: 'open',
      retryAfter: 1_000,
    })
    expect(error.message).toBe(
      'payments is open because its upstream failed: try again in 1000 ms, or answer without it',
    )
    expect(error.stack).not.toContain('\n    at ')
    expect(new Error('other').stack).toContain('\n    at ')
  })

  test('says when it lets a probe through, by the wall clock', () => {
    expect(open().nextProbe).toBe(clock.now() + 1_000)
    expect(breakerOf().nextProbe).toBeUndefined()
  })

  test('nothing changes by time alone; the next call is the probe', () => {
    const breaker = open()
    clock.pass(999)
    refusal(breaker)
    clock.pass(1)
    expect(breaker.state).toBe('open')
    expect(breaker.enter().kind).toBe('probe')
    expect(breaker.state).toBe('half-open')
  })

  test('timeSinceFault', () => {
    const breaker = open()
    clock.pass(70)
    expect([breaker.timeSinceFault, breakerOf().timeSinceFault]).toEqual([70, undefined])
  })
})

describe('a half-open circuit', () => {
  const halfOpen = (options?: CircuitBreakerOptions) => {
    const breaker = open(options)
    clock.pass(1_000)
    return { breaker, probe: breaker.enter() }
  }

  test('closes by as many successes as probes, with nothing counted', () => {
    const { breaker, probe } = halfOpen({ probes: 2 })
    const second = breaker.enter()
    expect(refusal(breaker)).toMatchObject({ reason: 'half-open', retryAfter: 0 })
    probe.succeed()
    expect(breaker.state).toBe('half-open')
    second.succeed()
    expect(breaker).toMatchObject({ state: 'closed', counts: { total: 0, failed: 0, consecutiveFailures: 0 } })
  })

  test('opens by the first failure', () => {
    const { breaker, probe } = halfOpen({ probes: 3 })
    breaker.enter().succeed()
    probe.fail('lost')
    expect(breaker).toMatchObject({ state: 'open', attempt: 2 })
    expect(refusal(breaker).retryAfter).toBe(2_000)
  })

  test('a slow probe has failed where slow calls count', () => {
    const { breaker, probe } = halfOpen({ slowCallRate: 0.5, slowCallDuration: 100 })
    clock.pass(100)
    probe.succeed()
    expect(breaker).toMatchObject({ state: 'open', timeSinceFault: 0 })
  })

  test('a probe whose head was slow has failed, however long its body takes', () => {
    const { breaker, probe } = halfOpen({ slowCallRate: 0.5, slowCallDuration: 100 })
    clock.pass(100)
    probe.responded()
    expect(breaker.state).toBe('open')
    clock.pass(10_000)
    probe.succeed()
    expect(breaker.state).toBe('open')
  })

  test('a neutral probe decides nothing and frees its place', () => {
    const { breaker, probe } = halfOpen()
    probe.release()
    expect(breaker.state).toBe('half-open')
    expect(breaker.enter().kind).toBe('probe')
  })

  test('a lost probe opens again when its lease ends, whenever that is seen', () => {
    const { breaker, probe } = halfOpen()
    clock.pass(499)
    expect(breaker.state).toBe('half-open')
    clock.pass(101)
    expect(breaker.timeSinceFault).toBe(100)
    expect(breaker).toMatchObject({ state: 'open', attempt: 2 })
    expect(breaker.nextProbe).toBe(clock.now() + 1_900)
    probe.succeed()
    expect(breaker.state).toBe('open')
  })

  test('a probe with a good head has succeeded when its lease ends', () => {
    const { breaker, probe } = halfOpen()
    clock.pass(400)
    probe.responded()
    clock.pass(499)
    expect(breaker.state).toBe('half-open')
    clock.pass(1)
    expect(breaker.state).toBe('closed')
  })
})

describe('what comes late', () => {
  test('an outcome of another generation is told and changes nothing', () => {
    listen('breakwater:breaker:late')
    const breaker = breakerOf({ consecutiveFailures: 1 })
    const [first, second, third] = [breaker.enter(), breaker.enter(), breaker.enter()]
    first.fail()
    clock.pass(1_000)
    const probe = breaker.enter()
    second.succeed()
    third.fail()
    expect([breaker.state, breaker.attempt]).toEqual(['half-open', 1])
    probe.succeed()
    expect(breaker.state).toBe('closed')
    expect(heard.map(([, { outcome, admitted }]) => [outcome, admitted])).toEqual([
      ['success', 0],
      ['failure', 0],
    ])
  })

  test('a permit is settled once; what comes after it does nothing', () => {
    const breaker = breakerOf({ consecutiveFailures: 1 })
    const permit = breaker.enter()
    permit.succeed()
    permit.fail()
    permit.release()
    permit.rateLimited()
    expect(breaker).toMatchObject({ state: 'closed', counts: { total: 1, failed: 0, inFlight: 0 } })
  })
})

describe('events', () => {
  const counts = { total: 4, failed: 2, slow: 1, consecutiveFailures: 2, inFlight: 1 }

  test('a transition tells the numbers that led to it, and what they were compared with', () => {
    listen('breakwater:breaker:transition')
    const breaker = breakerOf({ name: 'prices', slowCallRate: 0.9, slowCallDuration: 100 })
    breaker.enter()
    const slow = breaker.enter()
    clock.pass(100)
    slow.succeed()
    for (const end of ['succeed', 'fail', 'fail'] as const) breaker.enter()[end]()
    expect(heard).toEqual([
      [
        'transition',
        {
          breaker: 'prices',
          generation: 1,
          override: undefined,
          from: 'closed',
          to: 'open',
          reason: 'failure-rate',
          origin: 'upstream',
          by: undefined,
          attempt: 1,
          openForMs: 1_000,
          counts,
          thresholds: {
            failureRate: 0.5,
            minimumThroughput: 4,
            consecutiveFailures: Infinity,
            slowCallRate: 0.9,
            slowCallDuration: 100,
          },
        },
      ],
    ])
  })

  test('each way from state to state is told once, with its reason', () => {
    listen('breakwater:breaker:transition')
    const breaker = breakerOf({ consecutiveFailures: 1, openOnRateLimit: true })
    breaker.enter().fail()
    clock.pass(1_000)
    breaker.enter().fail()
    clock.pass(2_000)
    breaker.enter()
    clock.pass(500)
    expect(breaker.state).toBe('open')
    clock.pass(4_000)
    breaker.enter().succeed()
    breaker.enter().rateLimited(9_000)
    breaker.reset()
    expect(heard.map(([, { from, to, reason, attempt, openForMs }]) => [from, to, reason, attempt, openForMs])).toEqual(
      [
        ['closed', 'open', 'consecutive-failures', 1, 1_000],
        ['open', 'half-open', 'open-period-over', 1, 0],
        ['half-open', 'open', 'probe-failed', 2, 2_000],
        ['open', 'half-open', 'open-period-over', 2, 0],
        ['half-open', 'open', 'probe-timeout', 3, 4_000],
        ['open', 'half-open', 'open-period-over', 3, 0],
        ['half-open', 'closed', 'probes-succeeded', 3, 0],
        ['closed', 'open', 'rate-limit', 4, 9_000],
        ['open', 'closed', 'reset', 0, 0],
      ],
    )
  })

  test('a rejection tells when trying again makes sense, and how many calls are under way', () => {
    listen('breakwater:breaker:rejected')
    const isOpen = open()
    clock.pass(400)
    refusal(isOpen)
    const isFull = breakerOf({ maxConcurrent: 1 })
    isFull.enter()
    refusal(isFull)
    const common = { breaker: 'circuit', override: undefined }
    expect(heard.map(([, event]) => event)).toEqual([
      { ...common, generation: 1, reason: 'open', state: 'open', retryAfter: 600, inFlight: 0 },
      { ...common, generation: 0, reason: 'concurrency', state: 'closed', retryAfter: 0, inFlight: 1 },
    ])
  })

  test('a late result tells when it was admitted, and how long it took', () => {
    listen('breakwater:breaker:late')
    const breaker = breakerOf({ openOnRateLimit: true })
    const permits = [breaker.enter(), breaker.enter(), breaker.enter(), breaker.enter()] as const
    breaker.isolate()
    clock.pass(70)
    permits[0].succeed()
    permits[1].fail()
    permits[2].rateLimited(5)
    permits[3].release()
    const common = { breaker: 'circuit', generation: 1, override: 'isolated', kind: 'call', admitted: 0, duration: 70 }
    expect(heard.map(([, event]) => event)).toEqual([
      { ...common, outcome: 'success' },
      { ...common, outcome: 'failure' },
      { ...common, outcome: 'rate-limited' },
    ])
  })
})

describe('maxConcurrent', () => {
  test('refuses at once, which counts for nothing', () => {
    const breaker = breakerOf({ maxConcurrent: 1, consecutiveFailures: 1 })
    const permit = breaker.enter()
    expect(refusal(breaker)).toMatchObject({ reason: 'concurrency', state: 'closed', retryAfter: 0 })
    expect(breaker.counts).toMatchObject({ total: 0, inFlight: 1 })
    permit.succeed()
    breaker.enter()
  })

  test('a lost permit gives its place back, with an event; its outcome still counts', () => {
    listen('breakwater:breaker:lost')
    const breaker = breakerOf({ maxConcurrent: 2, permitTimeout: 100 })
    const lost = breaker.enter()
    clock.pass(60)
    const kept = breaker.enter()
    clock.pass(40)
    breaker.enter().succeed()
    expect(heard).toMatchObject([['lost', { kind: 'call', age: 100, inFlight: 1 }]])
    lost.fail()
    kept.succeed()
    expect(breaker.counts).toMatchObject({ total: 3, failed: 1, inFlight: 0 })
  })
})

describe('overrides', () => {
  test('isolated refuses everything until reset', () => {
    const breaker = breakerOf()
    const before = breaker.enter()
    breaker.isolate()
    before.fail()
    clock.pass(99_999)
    expect(refusal(breaker)).toMatchObject({ reason: 'isolated', retryAfter: 0 })
    expect(breaker.counts.failed).toBe(0)
    breaker.reset()
    expect([breaker.override, breaker.enter().kind]).toEqual([undefined, 'call'])
  })

  test('isolated by who hears of the probe, that is refused too', () => {
    const breaker = open()
    const hear = (): void => breaker.isolate()
    clock.pass(1_000)
    channel('breakwater:breaker:transition').subscribe(hear)
    unsubscribe.push(() => channel('breakwater:breaker:transition').unsubscribe(hear))
    expect(refusal(breaker).reason).toBe('isolated')
  })

  test('forced closed counts but never opens', () => {
    const breaker = open()
    breaker.forceClosed()
    for (let i = 0; i < 9; i++) breaker.enter().fail()
    expect(breaker).toMatchObject({ state: 'closed', override: 'forced-closed', counts: { failed: 9 } })
  })

  test('observe-only refuses nothing and tells what it would have done', () => {
    listen('breakwater:breaker:transition')
    listen('breakwater:breaker:rejected')
    const breaker = breakerOf({ consecutiveFailures: 1, maxConcurrent: 1 })
    breaker.observeOnly()
    breaker.enter().fail()
    for (const end of ['fail', 'succeed'] as const) breaker.enter()[end]()
    clock.pass(1_000)
    const probe = breaker.enter()
    breaker.enter().fail()
    probe.succeed()
    expect(heard.map(([name, { reason }]) => `${name} ${reason}`)).toEqual([
      'transition observe-only',
      'transition consecutive-failures',
      'rejected open',
      'rejected open',
      'transition open-period-over',
      'rejected half-open',
      'transition probes-succeeded',
    ])
    expect(breaker).toMatchObject({ state: 'closed', counts: { total: 0 } })
  })

  test('each starts the circuit anew; the same again changes nothing', () => {
    const breaker = open()
    const { generation } = breaker
    breaker.isolate()
    breaker.isolate()
    expect(breaker).toMatchObject({ state: 'closed', attempt: 0, generation: generation + 1 })
    breaker.forceClosed()
    expect(breaker.status()).toMatchObject({ override: 'forced-closed', generation: generation + 2 })
  })
})

describe('execute', () => {
  const lost = new Error('lost')
  const fail = () => Promise.reject(lost)

  test('hands on results, errors and the signal', async () => {
    const breaker = breakerOf()
    const { signal } = new AbortController()
    await expect(breaker.execute((given) => given, { signal })).resolves.toBe(signal)
    await expect(breaker.execute(fail)).rejects.toBe(lost)
    await expect(
      breaker.execute(() => {
        throw lost
      }),
    ).rejects.toBe(lost)
    expect(breaker.counts).toMatchObject({ total: 3, failed: 2, inFlight: 0 })
  })

  test('fallback answers refused and failed calls', async () => {
    const breaker = breakerOf({ consecutiveFailures: 1 })
    const fallback = (error: unknown) => (error as Error).name
    await expect(breaker.execute<string>(fail, { fallback })).resolves.toBe('Error')
    await expect(breaker.execute<string>(fail, { fallback })).resolves.toBe('CircuitOpenError')
    await expect(breaker.execute(fail)).rejects.toBeInstanceOf(CircuitOpenError)
  })

  test('1,000 aborts by the caller leave no permit and no failure', async () => {
    const breaker = breakerOf({ maxConcurrent: 1_000, consecutiveFailures: 1 })
    const calls = Array.from({ length: 1_000 }, () => {
      const controller = new AbortController()
      const call = breaker.execute(
        (signal) => new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason))),
        { signal: controller.signal, fallback: () => 'not for callers that left' },
      )
      return { controller, call }
    })
    expect(breaker.counts.inFlight).toBe(1_000)
    for (const { controller } of calls) controller.abort()
    const ends = await Promise.allSettled(calls.map(({ call }) => call))
    expect(ends.every(({ status }) => status === 'rejected')).toBe(true)
    expect(breaker).toMatchObject({ state: 'closed', counts: { total: 0, inFlight: 0 } })
  })

  test('a signal that timed out is a failure; one aborted before calls nothing', async () => {
    const breaker = breakerOf()
    const late = new AbortController()
    const call = breaker.execute(async () => late.abort(new DOMException('', 'TimeoutError')), { signal: late.signal })
    await call
    const signal = AbortSignal.abort(new DOMException('', 'TimeoutError'))
    await expect(breaker.execute(() => expect.unreachable(), { signal })).rejects.toBe(signal.reason)
    const timed = new AbortController()
    const run = async () => {
      timed.abort(new DOMException('', 'TimeoutError'))
      throw timed.signal.reason
    }
    await expect(breaker.execute(run, { signal: timed.signal })).rejects.toThrow()
    expect(breaker.counts).toMatchObject({ total: 2, failed: 1 })
  })

  test("another breaker's refusal is neutral", async () => {
    const [inner, outer] = [open(), breakerOf()]
    await expect(outer.execute(() => inner.execute(fail))).rejects.toThrow(CircuitOpenError)
    expect(outer.counts).toMatchObject({ total: 0, inFlight: 0 })
  })

  test('isFailure decides on results and errors', async () => {
    const breaker = breakerOf({
      isFailure: (outcome) => (outcome.type === 'result' ? outcome.result === 500 : outcome.error !== lost),
    })
    await breaker.execute(() => 200)
    await expect(breaker.execute(() => 500)).resolves.toBe(500)
    await expect(breaker.execute(fail)).rejects.toBe(lost)
    expect(breaker.counts).toMatchObject({ total: 2, failed: 1, inFlight: 0 })
  })

  test('an isFailure that throws leaks no permit', async () => {
    const fault = new Error('fault')
    const breaker = breakerOf({
      isFailure: () => {
        throw fault
      },
    })
    await expect(breaker.execute(() => 1)).rejects.toBe(fault)
    await expect(breaker.execute(fail)).rejects.toBe(fault)
    expect(breaker.counts).toMatchObject({ total: 0, inFlight: 0 })
  })
})

test("what is no function is the programmer's fault, not the upstream's", async () => {
  const breaker = new CircuitBreaker({ consecutiveFailures: 1 })
  await expect(breaker.execute(5 as never)).rejects.toThrow('execute takes a function, not 5')
  expect(breaker.status()).toMatchObject({ state: 'closed', counts: { total: 0, inFlight: 0 } })
})

describe('a circuit breaker refuses', () => {
  test.each<[Record<string, unknown>, typeof TypeError | typeof RangeError, string]>([
    [{ failureRate: 0 }, RangeError, 'above 0 and at most 1, not 0'],
    [{ failureRate: 50 }, RangeError, '50'],
    [{ failureRate: '1' }, TypeError, "'1'"],
    [{ minimumThroughput: 0 }, RangeError, '0'],
    [{ failureWindow: -1 }, RangeError, '-1'],
    [{ consecutiveFailures: 1.5 }, RangeError, '1.5'],
    [{ slowCallRate: 0.5 }, TypeError, 'together'],
    [{ slowCallDuration: 5 }, TypeError, 'together'],
    [{ slowCallRate: 2, slowCallDuration: 5 }, RangeError, '2'],
    [{ slowCallRate: 1, slowCallDuration: 0 }, RangeError, '0'],
    [{ probes: Infinity }, RangeError, 'Infinity'],
    [{ probeTimeout: 0 }, RangeError, '0'],
    [{ openDuration: Number.NaN }, RangeError, 'NaN'],
    [{ openDuration: 500, maxOpenDuration: 400 }, RangeError, 'at least openDuration (500), not 400'],
    [{ backoffFactor: 0.5 }, RangeError, '0.5'],
    [{ jitter: 1.1 }, RangeError, 'from 0 to 1, not 1.1'],
    [{ permitTimeout: 2 ** 31 }, RangeError, '2147483648'],
    [{ maxConcurrent: 0 }, RangeError, '0'],
    [{ openOnRateLimit: 1 }, TypeError, '1'],
    [{ isFailure: true }, TypeError, 'true'],
    [{ clock: {} }, TypeError, '{}'],
    [{ random: 0.5 }, TypeError, '0.5'],
    [{ name: '' }, TypeError, "''"],
    [{ failureRatio: 1 }, TypeError, "'failureRatio'"],
    [null as never, TypeError, 'CircuitBreaker takes an object of options, not null'],
  ])('%o', (options, type, quoted) => {
    expect(() => new CircuitBreaker(options)).toThrow(type)
    expect(() => new CircuitBreaker(options)).toThrow(quoted)
  })
})
