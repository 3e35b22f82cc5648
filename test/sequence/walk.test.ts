import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { type Clock, defineSequence, fibonacci, type Kept, primes, type Sequence, walk } from '../../src/index.ts'
import { textsOf } from './texts.ts'

/** A clock that stands still unless it is moved. */
class HandClock implements Clock {
  at = 0
  now(): number {
    return this.at
  }
  monotonic(): number {
    return this.at
  }
}

/** 0, 1, 2, ..., each of which takes `duration` ms of `clock`. */
function counting(clock: HandClock, duration: number, skip = 0): Sequence<number> {
  return defineSequence<number>({
    id: 'counting',
    states: function* (after = -1) {
      for (let n = after + 1; ; n++) {
        for (let i = 0; i < skip; i++) {
          clock.at += duration
          yield undefined
        }
        clock.at += duration
        yield n
      }
    },
  })
}

/** The times of a clock at which others had the event loop. */
async function turns(clock: HandClock, work: () => Promise<unknown>): Promise<number[]> {
  const times: number[] = []
  let isDone = false
  const others = (async () => {
    while (!isDone) {
      await nextTurn()
      if (times.at(-1) !== clock.at) times.push(clock.at)
    }
  })()
  await work()
  isDone = true
  await others
  return times
}

test('others have the event loop after each 5 ms, while terms are made and while they are skipped', async () => {
  for (const options of [{ count: 100 }, { start: 90, count: 10 }]) {
    const clock = new HandClock()
    const times = await turns(clock, () => textsOf(counting(clock, 1), { ...options, clock }))
    expect(times).toEqual(Array.from({ length: 20 }, (_, i) => (i + 1) * 5))
  }
})

test('a source that has no term for long rests, too', async () => {
  const clock = new HandClock()
  const times = await turns(clock, () => textsOf(counting(clock, 1, 49), { count: 2, clock }))
  expect(times).toEqual(Array.from({ length: 20 }, (_, i) => (i + 1) * 5))
})

test('an async source that never waits rests, too', async () => {
  const clock = new HandClock()
  const sequence = defineSequence<number>({
    id: 'eager',
    states: async function* () {
      for (let n = 0; ; n++) {
        clock.at += 1
        yield n
      }
    },
  })
  const times = await turns(clock, () => textsOf(sequence, { count: 100, clock }))
  expect(Math.max(...times.map((time, i) => time - (times[i - 1] ?? 0)))).toBeLessThanOrEqual(6)
})

test('a jump can rest', async () => {
  const clock = new HandClock()
  const sequence = defineSequence<number>({
    id: 'far',
    start: () => 0,
    next: (n) => n + 1,
    jump: async (n, _signal, rest) => {
      for (let i = 0; i < 20; i++) {
        clock.at += 1
        await rest()
      }
      return n
    },
  })
  const times = await turns(clock, () => textsOf(sequence, { start: 5, count: 1, clock }))
  expect(times).toEqual([5, 10, 15, 20])
})

test('a batch is handed on after 5 ms or 64 KiB', async () => {
  const clock = new HandClock()
  const sizes: number[] = []
  for await (const { texts } of walk(counting(clock, 1), { count: 13, clock })) sizes.push(texts.length)
  expect(sizes).toEqual([5, 5, 3])
  const long = defineSequence<string>({ id: 'long', start: () => 'x'.repeat(9_998), next: (text) => text })
  sizes.length = 0
  for await (const { texts } of walk(long, { count: 16, clock })) sizes.push(texts.length)
  expect(sizes).toEqual([7, 7, 2])
})

test('batches tell their place, and each can be gone on from', async () => {
  const clock = new HandClock()
  const sequence = counting(clock, 1)
  let kept: Kept<number> | undefined
  let next = 3
  for await (const { index, texts, last } of walk(sequence, { start: 3, count: 20, clock })) {
    expect(index).toBe(next)
    expect(texts).toEqual(Array.from({ length: texts.length }, (_, i) => `${index + i}`))
    expect(last).toEqual({ index: index + texts.length - 1, state: index + texts.length - 1 })
    next += texts.length
    if (kept !== undefined) expect(await textsOf(sequence, { start: index, count: 1, kept })).toEqual([`${index}`])
    kept = last
  }
  expect(next).toBe(23)
})

test('what there is is handed on before something is waited for', async () => {
  let release = (): void => {}
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  const sequence = defineSequence<number>({
    id: 'gated',
    states: async function* () {
      yield 1
      yield 2
      await gate
      yield 3
    },
  })
  const batches = walk(sequence)
  expect((await batches.next()).value?.texts).toEqual(['1'])
  expect((await batches.next()).value?.texts).toEqual(['2'])
  release()
  expect((await batches.next()).value?.texts).toEqual(['3'])
})

test.each([
  ['terms are made', primes, {}],
  ['terms are skipped', primes, { start: 1e12 }],
  ['long terms are added', fibonacci, { start: 300_000 }],
  ['a jump is computed', fibonacci, { start: 30_000_000 }],
] as const)('an abort ends the walk within 100 ms while %s', async (_what, sequence, options) => {
  const leaver = new AbortController()
  const reason = new Error('gone')
  let abortedAt = Number.NaN
  setTimeout(() => {
    abortedAt = performance.now()
    leaver.abort(reason)
  }, 30)
  await expect(textsOf(sequence as Sequence, { ...options, signal: leaver.signal })).rejects.toBe(reason)
  expect(performance.now() - abortedAt).toBeLessThan(100)
})

test('a walk that is aborted from the start computes nothing', async () => {
  const reason = new Error('gone')
  const never = defineSequence<number>({
    id: 'never',
    states: () => {
      throw new Error('computed')
    },
  })
  await expect(textsOf(never, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  expect(await textsOf(never, { count: 0 })).toEqual([])
})

test('a walk leaves no listener on its signal', async () => {
  const { signal } = new AbortController()
  let listeners = 0
  const add = signal.addEventListener.bind(signal)
  const remove = signal.removeEventListener.bind(signal)
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners++
    add(...args)
  }
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners--
    remove(...args)
  }
  await textsOf(primes, { count: 10, signal })
  for await (const _ of walk(primes, { signal })) break
  expect(listeners).toBe(0)
})

test('an abort is not kept waiting by a jump that does not hear of it', async () => {
  const stuck = defineSequence<number>({
    id: 'stuck',
    start: () => 0,
    next: (n) => n + 1,
    jump: () => new Promise(() => {}),
  })
  const reason = new Error('gone')
  const leaver = new AbortController()
  setTimeout(() => leaver.abort(reason), 20)
  await expect(textsOf(stuck, { start: 5, signal: leaver.signal })).rejects.toBe(reason)
})
