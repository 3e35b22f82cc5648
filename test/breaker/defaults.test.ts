import { expect, test } from 'vitest'
import { BreakerRegistry, CircuitBreaker, type CircuitBreakerOptions, CircuitOpenError } from '../../src/index.ts'
import { HeldClock } from '../store/held-clock.ts'

const clock = new HeldClock()

/** All defaults but time, and chance where a test is about it. */
function breakerOf(options: CircuitBreakerOptions = {}): CircuitBreaker {
  return new CircuitBreaker({ clock, random: () => 0, ...options })
}

function end(breaker: CircuitBreaker, ...outcomes: readonly ('succeed' | 'fail')[]): void {
  for (const outcome of outcomes) breaker.enter()[outcome]()
}

function times<T>(count: number, what: T): T[] {
  return new Array<T>(count).fill(what)
}

function opened(options: CircuitBreakerOptions = {}): CircuitBreaker {
  const breaker = breakerOf(options)
  end(breaker, ...times(20, 'fail' as const))
  expect(breaker.state).toBe('open')
  return breaker
}

const periodOf = (breaker: CircuitBreaker): number => (breaker.nextProbe ?? 0) - clock.now()

/** Waits for the probe and lets it fail. */
function openAgain(breaker: CircuitBreaker): void {
  clock.pass(periodOf(breaker))
  end(breaker, 'fail')
}

test('its name is circuit', () => {
  expect(breakerOf().name).toBe('circuit')
})

test('half of 20 calls open it, not less and not fewer', () => {
  const breaker = breakerOf()
  end(breaker, ...times(19, 'fail' as const))
  expect(breaker.state).toBe('closed')
  const healthier = breakerOf()
  end(healthier, ...times(11, 'succeed' as const), ...times(9, 'fail' as const))
  expect(healthier.state).toBe('closed')
  const ill = breakerOf()
  end(ill, ...times(10, 'succeed' as const), ...times(10, 'fail' as const))
  expect(ill.state).toBe('open')
})

test('an outcome counts for 10 s', () => {
  const breaker = breakerOf()
  end(breaker, 'fail')
  clock.pass(9_000)
  expect(breaker.counts.total).toBe(1)
  clock.pass(1_000)
  expect(breaker.counts.total).toBe(0)
})

test('failures in a row open nothing, nor does any number of slow calls', () => {
  const breaker = breakerOf()
  for (let i = 0; i < 10; i++) {
    end(breaker, ...times(19, 'fail' as const))
    clock.pass(10_000)
  }
  const permits = times(100, 0).map(() => breaker.enter())
  clock.pass(50_000)
  for (const permit of permits) permit.succeed()
  expect(breaker).toMatchObject({ state: 'closed', counts: { total: 100, slow: 0 } })
})

test('one probe, which has 10 s', () => {
  const breaker = opened()
  clock.pass(5_000)
  breaker.enter()
  expect(() => breaker.enter()).toThrow(CircuitOpenError)
  clock.pass(9_999)
  expect(breaker.state).toBe('half-open')
  clock.pass(1)
  expect(breaker.state).toBe('open')

  const other = opened()
  clock.pass(5_000)
  end(other, 'succeed')
  expect(other.state).toBe('closed')
})

test('it is open for 5 s, then twice as long each time, up to 60 s', () => {
  const breaker = opened()
  const periods = [periodOf(breaker)]
  for (let i = 0; i < 5; i++) {
    openAgain(breaker)
    periods.push(periodOf(breaker))
  }
  expect(periods).toEqual([5_000, 10_000, 20_000, 40_000, 60_000, 60_000])
})

test('half of the period is drawn', () => {
  expect(periodOf(opened({ random: () => 0.999_999 }))).toBeCloseTo(2_500, 1)
  const drawn = times(20, 0).map(() => periodOf(opened({ random: undefined })))
  expect(new Set(drawn).size).toBeGreaterThan(1)
  for (const period of drawn) expect(period).toBeGreaterThanOrEqual(2_500)
})

test('a call without an outcome gives its place back after 60 s', () => {
  const breaker = breakerOf()
  breaker.enter()
  clock.pass(59_999)
  expect(breaker.counts.inFlight).toBe(1)
  clock.pass(1)
  expect(breaker.counts.inFlight).toBe(0)
})

test('any number of calls may be under way', () => {
  const breaker = breakerOf()
  for (let i = 0; i < 10_000; i++) breaker.enter()
  expect(breaker.counts.inFlight).toBe(10_000)
})

test('a 429 opens nothing', () => {
  const breaker = breakerOf()
  for (let i = 0; i < 100; i++) breaker.enter().rateLimited(60_000)
  expect(breaker.state).toBe('closed')
})

test('every error is a failure, and no result', async () => {
  const breaker = breakerOf()
  await breaker.execute(() => new Error('only returned'))
  await breaker.execute(() => Promise.reject(new Error('lost'))).catch(() => {})
  expect(breaker.counts).toMatchObject({ total: 2, failed: 1 })
})

test('a registry holds 10,000, in the namespace default, and shares with nobody', () => {
  expect(new BreakerRegistry()).toMatchObject({ maxBreakers: 10_000, namespace: 'default', mode: undefined })
})
