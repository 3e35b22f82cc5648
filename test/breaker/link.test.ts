import { expect, test } from 'vitest'
import { linkBreaker } from '../../src/core/breaker/breaker.ts'
import type { BreakerRecord } from '../../src/core/breaker/collaborator.ts'
import { CircuitBreaker, CircuitOpenError } from '../../src/index.ts'
import { HeldClock } from '../store/held-clock.ts'

function linked() {
  const clock = new HeldClock()
  const breaker = new CircuitBreaker({ clock, jitter: 0, openDuration: 1_000, consecutiveFailures: 3 })
  const records: BreakerRecord[] = []
  const asked: string[] = []
  const claims = { granted: true }
  const link = linkBreaker(breaker, {
    holder: 'here',
    mode: 'atomic',
    changed: (record) => records.push(record),
    mayProbe: () => {
      asked.push(breaker.state)
      return claims.granted
    },
  })
  const opening = (generation: number): BreakerRecord => ({
    generation,
    state: 'open',
    override: undefined,
    at: clock.now(),
    openForMs: 4_000,
    attempt: 3,
    by: 'there',
    origin: 'upstream',
    reason: 'failure-rate',
  })
  return { clock, breaker, records, asked, claims, link, opening }
}

test('every transition is told with its record', () => {
  const { clock, breaker, records } = linked()
  clock.pass(50)
  for (let i = 0; i < 3; i++) breaker.enter().fail(Object.assign(new Error(), { code: 'ECONNREFUSED' }))
  expect(records).toEqual([
    {
      generation: 1,
      state: 'open',
      override: undefined,
      at: clock.now(),
      openForMs: 1_000,
      attempt: 1,
      by: 'here',
      origin: 'local',
      reason: 'consecutive-failures',
    },
  ])
  clock.pass(1_000)
  breaker.enter().succeed()
  breaker.isolate()
  expect(records.map(({ generation, state, override }) => [generation, state, override])).toEqual([
    [1, 'open', undefined],
    [2, 'half-open', undefined],
    [3, 'closed', undefined],
    [4, 'closed', 'isolated'],
  ])
})

test('a record is adopted and not told again; what it left of its period holds', () => {
  const { clock, breaker, records, link, opening } = linked()
  const record = opening(7)
  clock.pass(1_500)
  expect(link.adopt(record)).toBe(true)
  expect(breaker).toMatchObject({ state: 'open', generation: 7, attempt: 3, nextProbe: clock.now() + 2_500 })
  expect(records).toEqual([])
})

test('the generation never falls, whatever is adopted; what is decided next is above all that are known', () => {
  const { clock, breaker, link, opening, records } = linked()
  link.adopt(opening(7))
  link.adopt(opening(3))
  expect(breaker.generation).toBe(8)
  link.note(20)
  clock.pass(4_000)
  breaker.enter().succeed()
  expect(records.map(({ generation, state }) => [generation, state])).toEqual([
    [21, 'half-open'],
    [22, 'closed'],
  ])
})

test('a record from a clock ahead, or longer than allowed, opens for no longer than maxOpenDuration', () => {
  const { clock, breaker, link, opening } = linked()
  link.adopt({ ...opening(7), at: clock.now() + 1e9, openForMs: 1e9 })
  expect(breaker.nextProbe).toBe(clock.now() + 60_000)
})

test('without the claim there is no probe, in half-open neither', () => {
  const { clock, breaker, asked, claims, link, opening } = linked()
  link.adopt(opening(7))
  expect(() => breaker.enter()).toThrow(CircuitOpenError)
  expect(asked).toEqual([])
  clock.pass(4_000)
  claims.granted = false
  expect(() => breaker.enter()).toThrow(CircuitOpenError)
  expect(breaker.state).toBe('open')
  claims.granted = true
  breaker.enter().release()
  breaker.enter()
  expect(link.probesUnderWay()).toBe(1)
  expect(asked).toEqual(['open', 'open', 'half-open'])
})

test('a half-open circuit keeps the origin of its opening, and ends with the lease where somebody looks', () => {
  const { clock, breaker, link, opening } = linked()
  link.adopt({ ...opening(7), origin: 'local' })
  clock.pass(4_000)
  breaker.enter()
  expect(link.record()).toMatchObject({ state: 'half-open', origin: 'local', by: 'here' })
  clock.pass(10_000)
  expect(link.record()).toMatchObject({ state: 'open', reason: 'probe-timeout', by: 'here' })
})

test("while another's probes decide, calls are refused; should it be lost, the claim is ours", () => {
  const { breaker, claims, link, opening } = linked()
  claims.granted = false
  link.adopt({ ...opening(8), state: 'half-open', openForMs: 0 })
  expect(() => breaker.enter()).toThrow(CircuitOpenError)
  claims.granted = true
  expect(breaker.enter().kind).toBe('probe')
})

test('a hint opens on the first failure here, until its period is over', () => {
  const { clock, breaker, records, link, opening } = linked()
  expect(link.hint(opening(7))).toBe(true)
  breaker.enter().succeed()
  expect(breaker.state).toBe('closed')
  breaker.enter().fail()
  expect(breaker.state).toBe('open')
  expect(records).toMatchObject([{ generation: 1, reason: 'hint' }])

  const later = linked()
  later.link.hint(later.opening(7))
  later.clock.pass(4_000)
  later.breaker.enter().fail()
  expect(later.breaker.state).toBe('closed')
  expect(clock.now()).toBeLessThan(later.clock.now())
})

test('an override is adopted, and keeps circuits of others out', () => {
  const { breaker, link, opening, records } = linked()
  link.adopt(opening(7))
  link.adoptOverride('forced-closed', 'there')
  expect(breaker).toMatchObject({ override: 'forced-closed', state: 'closed', generation: 8 })
  expect(link.adopt(opening(20))).toBe(false)
  expect(() => breaker.enter()).not.toThrow()
  expect(records).toEqual([])
  breaker.reset()
  expect(records).toMatchObject([{ generation: 21, reason: 'reset', override: undefined }])
})

test('the record of now is there for who comes later; unlinked, nobody is asked', () => {
  const { clock, breaker, claims, link, opening, records } = linked()
  link.adopt(opening(7))
  expect(link.record()).toMatchObject({ ...opening(7), at: clock.now() })
  claims.granted = false
  link.unlink()
  clock.pass(4_000)
  breaker.enter().succeed()
  expect([breaker.state, records]).toEqual(['closed', []])
})
