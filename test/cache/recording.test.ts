import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { follow, Recording } from '../../src/core/cache/recording.ts'
import { holds } from '../http/holds.ts'
import { ask, engine, exchangeOf, responseHead } from '../support/engine.ts'

/** Memory that counts. */
class Budget {
  readonly maxEntrySize = 100
  held = 0
  most: number

  constructor(most = 1000) {
    this.most = most
  }

  reserve(bytes: number): boolean {
    if (this.held + bytes > this.most) return false
    this.held += bytes
    return true
  }

  release(bytes: number): void {
    this.held -= bytes
    if (this.held < 0) throw new Error('released what was not reserved')
  }
}

function open(budget: Budget, length?: number): Recording {
  const recording = Recording.open(budget, length)
  if (typeof recording === 'string') throw new Error(recording)
  return recording
}

describe('a recording', () => {
  test.each([undefined, 6])('keeps what was written, not the memory it was written from (length %s)', (length) => {
    const recording = open(new Budget(), length)
    const chunk = Buffer.from('abc')
    recording.write(chunk)
    chunk.fill('x')
    recording.write(new Uint8Array(Buffer.from('def')))
    chunk.fill('y')
    expect(recording.complete()).toBe(true)
    expect(recording.body.toString()).toBe('abcdef')
    expect(recording.bytes).toBe(6)
    expect(recording.body.buffer.byteLength).toBe(6)
  })

  test.each([
    ['longer than declared', 3, ['ab', 'cd'], 'content-length'],
    ['shorter than declared', 3, ['ab'], 'content-length'],
    ['larger than an entry may be', undefined, ['a'.repeat(100), 'b'], 'too-large'],
  ])('that is %s fails', (_, length, chunks, reason) => {
    const budget = new Budget()
    const recording = open(budget, length)
    const reasons: string[] = []
    recording.onFail = (why) => reasons.push(why)
    for (const chunk of chunks) recording.write(Buffer.from(chunk))
    expect(recording.complete()).toBe(false)
    expect(recording.state).toBe('failed')
    expect(reasons).toEqual([reason])
    expect(budget.held).toBe(0)
    expect(recording.body).toHaveLength(0)
  })

  test('for which there is no memory does not begin', () => {
    expect(Recording.open(new Budget(5), 6)).toBe('no-memory')
    expect(Recording.open(new Budget(), 101)).toBe('too-large')
  })

  test('for which memory ends under way fails and gives it back', () => {
    const budget = new Budget(5)
    const recording = open(budget)
    recording.write(Buffer.from('abc'))
    expect(budget.held).toBe(3)
    recording.write(Buffer.from('def'))
    expect(recording.state).toBe('failed')
    expect(budget.held).toBe(0)
  })

  test.each([undefined, 0])('may be empty (length %s)', (length) => {
    const recording = open(new Budget(), length)
    recording.write(Buffer.alloc(0))
    expect(recording.complete()).toBe(true)
    expect(recording.body).toHaveLength(0)
  })

  test('gives back what it took, whatever happens', () => {
    const step = fc.oneof(
      fc.record({ type: fc.constant('write' as const), bytes: fc.integer({ min: 0, max: 60 }) }),
      fc.record({ type: fc.constantFrom('complete' as const, 'fail' as const) }),
    )
    const run = fc.record({
      length: fc.option(fc.integer({ min: 0, max: 120 }), { nil: undefined }),
      steps: fc.array(step),
    })
    holds(
      fc.property(fc.array(run), fc.integer({ min: 0, max: 200 }), (runs, most) => {
        const budget = new Budget(most)
        const opened: Recording[] = []
        for (const { length, steps } of runs) {
          const recording = Recording.open(budget, length)
          if (typeof recording === 'string') continue
          opened.push(recording)
          for (const one of steps) {
            if (one.type === 'write') recording.write(Buffer.alloc(one.bytes))
            else if (one.type === 'complete') recording.complete()
            else recording.fail('truncated')
          }
          if (recording.state !== 'open') continue
          expect(budget.held).toBeGreaterThanOrEqual(recording.bytes)
        }
        for (const recording of opened) recording.fail('truncated')
        expect(budget.held).toBe(0)
      }),
    )
  })

  test('is read by several at their own speed, each from its beginning', async () => {
    const text = 'the quick brown fox jumps'
    const recording = open(new Budget(), text.length)
    const read = async (slow: boolean): Promise<string> => {
      let seen = ''
      for await (const chunk of follow(recording.read(() => true))) {
        seen += chunk.toString()
        if (slow) await new Promise(setImmediate)
      }
      return seen
    }
    const early = [read(true), read(false)]
    for (let i = 0; i < text.length; i += 5) {
      recording.write(Buffer.from(text.slice(i, i + 5)))
      await new Promise(setImmediate)
    }
    const late = read(false)
    recording.complete()
    expect(await Promise.all([...early, late, read(true)])).toEqual([text, text, text, text])
  })
})

describe('the memory of an exchange', () => {
  const size = (made: ReturnType<typeof engine>) => (made.store as unknown as { size: number }).size
  const ends: Record<string, (exchange: ReturnType<typeof exchangeOf>) => void> = {
    abandon: (one) => one.abandon(),
    lost: (one) => {
      one.lost()
      one.abandon()
    },
    finish: (one) => one.finish(),
    'a second head': (one) => {
      one.head(responseHead({ status: 500 }))
      one.finish()
    },
  }

  test.each(Object.keys(ends))('is given back at %s, once', (how) => {
    for (const length of [{}, { 'content-length': '1000' }]) {
      const made = engine()
      const before = size(made)
      const exchange = exchangeOf(ask(made.mount))
      const outcome = exchange.head(responseHead({ headers: { 'cache-control': 'max-age=60', ...length } }))
      if (outcome.kind !== 'record') throw new Error(outcome.kind)
      outcome.recording.write(Buffer.alloc(500))
      expect(size(made)).toBeGreaterThan(before)
      ends[how]?.(exchange)
      ends[how]?.(exchange)
      void made.store.clear()
      expect(size(made)).toBe(0)
      expect(made.responses.inFlight.size).toBe(0)
    }
  })
})
