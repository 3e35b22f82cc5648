import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BUCKETS, CallWindow } from '../../src/core/breaker/window.ts'

const length = 1_000
const bucketOf = (at: number): number => Math.floor(at / (length / BUCKETS))

const call = fc.record({
  wait: fc.oneof(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 3_000 })),
  failed: fc.boolean(),
  slow: fc.boolean(),
  local: fc.boolean(),
})

test('counts what a list of all calls would', () => {
  fc.assert(
    fc.property(fc.nat(5_000), fc.array(call, { maxLength: 80 }), (start, calls) => {
      const window = new CallWindow(length)
      const all: { at: number; failed: boolean; slow: boolean; local: boolean }[] = []
      let now = start
      for (const { wait, failed, slow, local } of calls) {
        now += wait
        // Reading drops what is old just as writing does.
        window.advance(now)
        expect(window.total).toBe(all.filter(({ at }) => bucketOf(at) > bucketOf(now) - BUCKETS).length)
        window.add(now, failed, slow, local)
        all.push({ at: now, failed, slow, local })
        const held = all.filter(({ at }) => bucketOf(at) > bucketOf(now) - BUCKETS)
        expect([window.total, window.failed, window.slow, window.local]).toEqual([
          held.length,
          held.filter(({ failed }) => failed).length,
          held.filter(({ slow }) => slow).length,
          held.filter(({ local }) => local).length,
        ])
      }
    }),
    { numRuns: 500 },
  )
})

test('holds a call for nine tenths of its length at least, and never longer than its length', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 100_000 }), fc.integer({ min: 0, max: 2_000 }), (at, age) => {
      const window = new CallWindow(length)
      window.add(at, true, false, false)
      window.advance(at + age)
      if (age <= length * 0.9) expect(window.total).toBe(1)
      if (age >= length) expect(window.total).toBe(0)
    }),
  )
})

test('clear leaves nothing', () => {
  const window = new CallWindow(length)
  for (let at = 0; at < 900; at += 90) window.add(at, true, true, true)
  window.clear()
  expect([window.total, window.failed, window.slow, window.local]).toEqual([0, 0, 0, 0])
  window.advance(5_000)
  expect([window.total, window.failed, window.slow, window.local]).toEqual([0, 0, 0, 0])
})
