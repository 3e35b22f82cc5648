import { expect, test } from 'vitest'
import { CircuitBreaker, CircuitOpenError } from '../../src/index.ts'
import { HeldClock } from '../store/held-clock.ts'

const clock = new HeldClock()
const steady = { jitter: 0, clock, openDuration: 1_000 }

/** Opens it and waits until it would take a probe. */
function toProbe(breaker: CircuitBreaker): void {
  while (breaker.state !== 'open') breaker.enter().fail()
  clock.pass((breaker.nextProbe ?? 0) - clock.now())
}

test('a failed probe starts a new open period', () => {
  const breaker = new CircuitBreaker({ ...steady, consecutiveFailures: 1 })
  toProbe(breaker)
  breaker.enter().fail()
  for (let i = 0; i < 100; i++) expect(() => breaker.enter()).toThrow(CircuitOpenError)
})

test('it opens on the call that reaches the threshold, not on the next', () => {
  const breaker = new CircuitBreaker({ ...steady, consecutiveFailures: 3 })
  for (let i = 0; i < 3; i++) breaker.enter().fail()
  expect(() => breaker.enter()).toThrow(CircuitOpenError)
})

test('a success ends a row of failures', () => {
  const breaker = new CircuitBreaker({ ...steady, consecutiveFailures: 3, minimumThroughput: Infinity })
  for (let i = 0; i < 99; i++) i % 3 === 2 ? breaker.enter().succeed() : breaker.enter().fail()
  expect(breaker.state).toBe('closed')
})

test('a probe that hangs holds nobody: 1,000 callers are refused at once', () => {
  const breaker = new CircuitBreaker({ ...steady, consecutiveFailures: 1 })
  toProbe(breaker)
  breaker.enter()
  for (let i = 0; i < 1_000; i++) expect(() => breaker.enter()).toThrow(CircuitOpenError)
})

test('failures from before an idle time do not count', () => {
  const breaker = new CircuitBreaker({ ...steady, minimumThroughput: 4 })
  for (let i = 0; i < 3; i++) breaker.enter().fail()
  clock.pass(10_000)
  breaker.enter().fail()
  expect(breaker).toMatchObject({ state: 'closed', counts: { total: 1 } })
})

test('one success does not make an upstream that flaps a good one: the next opening is longer', () => {
  const breaker = new CircuitBreaker({ ...steady, consecutiveFailures: 1 })
  const periods: number[] = []
  for (let i = 0; i < 4; i++) {
    toProbe(breaker)
    breaker.enter().succeed()
    breaker.enter().fail()
    periods.push((breaker.nextProbe ?? 0) - clock.now())
  }
  expect(periods).toEqual([2_000, 4_000, 8_000, 16_000])
})

test('each window without an opening takes one attempt away', () => {
  const breaker = new CircuitBreaker({ ...steady, consecutiveFailures: 1, failureWindow: 5_000 })
  toProbe(breaker)
  breaker.enter().fail()
  toProbe(breaker)
  breaker.enter().succeed()
  const attempts = [0, 4_999, 1, 5_000].map((ms) => {
    clock.pass(ms)
    return breaker.attempt
  })
  expect(attempts).toEqual([2, 2, 1, 0])
})

test('refusals are not in the denominator, nor do refusals for want of room open', () => {
  const breaker = new CircuitBreaker({ ...steady, maxConcurrent: 1, minimumThroughput: 2 })
  const permit = breaker.enter()
  for (let i = 0; i < 100; i++) expect(() => breaker.enter()).toThrow(CircuitOpenError)
  expect(breaker.counts.total).toBe(0)
  permit.fail()
  breaker.enter().fail()
  expect(breaker.state).toBe('open')
})

test('a call that was let in while closed does not decide a half-open circuit', () => {
  const breaker = new CircuitBreaker({ ...steady, consecutiveFailures: 1 })
  const [early, other] = [breaker.enter(), breaker.enter()]
  toProbe(breaker)
  breaker.enter()
  early.succeed()
  expect(breaker.state).toBe('half-open')
  other.fail()
  expect(breaker.state).toBe('half-open')
})

test('no timers', () => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const before = timers()
  const breakers = Array.from({ length: 100 }, () => new CircuitBreaker({ consecutiveFailures: 1 }))
  for (const breaker of breakers) breaker.enter().fail()
  expect(timers()).toBe(before)
})
