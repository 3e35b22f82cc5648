import { CircuitBreaker } from 'breakwater'
import { expect, test } from 'vitest'
import { HeldClock } from '../store/held-clock.ts'

function slowAfter(slowCallDuration: number) {
  const clock = new HeldClock()
  const breaker = new CircuitBreaker({ clock, slowCallRate: 1, slowCallDuration, minimumThroughput: Infinity })
  return { clock, breaker, permit: breaker.enter() }
}

test('what a call waits for its own caller does not make it slow', () => {
  const { clock, breaker, permit } = slowAfter(100)
  for (let i = 0; i < 3; i++) {
    clock.pass(30)
    permit.pause()
    permit.pause()
    clock.pass(1_000)
    permit.resume()
    permit.resume()
  }
  permit.succeed()
  expect(breaker.counts).toMatchObject({ total: 1, slow: 0 })
})

test('what it takes besides does', () => {
  const { clock, breaker, permit } = slowAfter(100)
  clock.pass(60)
  permit.pause()
  clock.pass(1_000)
  permit.resume()
  clock.pass(40)
  permit.succeed()
  expect(breaker.counts).toMatchObject({ total: 1, slow: 1 })
})

test('a call may end while it waits', () => {
  const { clock, breaker, permit } = slowAfter(100)
  clock.pass(60)
  permit.pause()
  clock.pass(1_000)
  permit.succeed()
  expect(breaker.counts).toMatchObject({ total: 1, slow: 0 })
})

test('after the head it changes nothing', () => {
  const { clock, breaker, permit } = slowAfter(100)
  clock.pass(100)
  permit.responded()
  permit.pause()
  clock.pass(1_000)
  permit.resume()
  permit.succeed()
  expect(breaker.counts).toMatchObject({ total: 1, slow: 1 })
})
