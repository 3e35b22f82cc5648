import { setTimeout as wait } from 'node:timers/promises'
import { expect, type Mock, test, vi } from 'vitest'
import { fromIterable, walk } from '../../src/index.ts'
import { textsOf } from './texts.ts'

const letters = ['a', 'b', 'c', 'd', 'e']

async function* slowly<Item>(items: Iterable<Item>): AsyncGenerator<Item> {
  for (const item of items) {
    await wait(1)
    yield item
  }
}

const kinds = [
  ['an array', () => letters],
  [
    'a generator',
    function* () {
      yield* letters
    },
  ],
  ['an async generator', () => slowly(letters)],
] as const

test.each(kinds)('%s is walked from anywhere, and ends where it does', async (_kind, factory) => {
  const sequence = fromIterable<string>(factory, { id: 'letters' })
  for (let start = 0; start < 7; start++) {
    for (let count = 0; count < 7; count++) {
      const expected = letters.slice(start, start + count).map((letter) => JSON.stringify(letter))
      expect(await textsOf(sequence, { start, count })).toEqual(expected)
    }
  }
})

test.each(kinds)('%s goes on after a state, its own or a stored one', async (_kind, factory) => {
  const sequence = fromIterable<string>(factory, { id: 'letters' })
  for await (const { last } of walk(sequence, { start: 1, count: 1 })) {
    const stored = { index: 1, state: sequence.decode(sequence.encode(last.state)) }
    expect(sequence.term(stored.state)).toBe('b')
    expect(await textsOf(sequence, { start: 2, kept: last })).toEqual(['"c"', '"d"', '"e"'])
    expect(await textsOf(sequence, { start: 3, count: 1, kept: stored })).toEqual(['"d"'])
  }
})

test('items are any JSON, with bigints as strings', async () => {
  const items = [1, null, { big: 2n ** 64n }, [true, 'x\ny'], 3n]
  const sequence = fromIterable<unknown>(() => items, { id: 'any' })
  expect(await textsOf(sequence)).toEqual(['1', 'null', '{"big":"18446744073709551616"}', '[true,"x\\ny"]', '"3"'])
  const state = { index: 2, item: items[2] }
  expect(sequence.decode(sequence.encode(state))).toEqual(state)
})

test('an item without a JSON text is an error after those before it', async () => {
  const sequence = fromIterable<unknown>(() => [1, 2, undefined, 4], { id: 'holes' })
  const seen: string[] = []
  await expect(async () => {
    for await (const { texts } of walk(sequence)) seen.push(...texts)
  }).rejects.toThrow('A term must have a JSON text')
  expect(seen).toEqual(['1', '2'])
})

test.each([false, true])('an error after some items comes after them; async %s', async (isAsync) => {
  function* failing(): Generator<number> {
    yield 1
    yield 2
    throw new Error('broken')
  }
  const sequence = fromIterable<number>(() => (isAsync ? slowly(failing()) : failing()), { id: 'failing' })
  const seen: string[] = []
  await expect(async () => {
    for await (const { texts } of walk(sequence)) seen.push(...texts)
  }).rejects.toThrow('broken')
  expect(seen).toEqual(['1', '2'])
})

function watched(isAsync: boolean): { iterable: Iterable<number> | AsyncIterable<number>; closed: Mock } {
  const closed = vi.fn()
  function* endless(): Generator<number> {
    try {
      for (let n = 0; ; n++) yield n
    } finally {
      closed()
    }
  }
  return { iterable: isAsync ? slowly(endless()) : endless(), closed }
}

test.each([false, true])('is returned when enough was read; async %s', async (isAsync) => {
  const { iterable, closed } = watched(isAsync)
  const sequence = fromIterable(() => iterable, { id: 'watched' })
  expect(await textsOf(sequence, { start: 1, count: 2 })).toEqual(['1', '2'])
  expect(closed).toHaveBeenCalledOnce()
})

test.each([false, true])('is returned when the reader leaves; async %s', async (isAsync) => {
  const { iterable, closed } = watched(isAsync)
  const sequence = fromIterable(() => iterable, { id: 'watched' })
  for await (const { index } of walk(sequence)) if (index >= 2) break
  await vi.waitFor(() => expect(closed).toHaveBeenCalledOnce())
})

test.each([false, true])('is returned on abort, while it skips and while it is read; async %s', async (isAsync) => {
  for (const start of [0, Number.MAX_SAFE_INTEGER - 1]) {
    const { iterable, closed } = watched(isAsync)
    const sequence = fromIterable(() => iterable, { id: 'watched' })
    const reason = new Error('gone')
    const leaver = new AbortController()
    setTimeout(() => leaver.abort(reason), 20)
    await expect(textsOf(sequence, { start, signal: leaver.signal })).rejects.toBe(reason)
    await expect.poll(() => closed.mock.calls.length).toBe(1)
  }
})

test('an abort is not kept waiting by an item that never comes', async () => {
  const sequence = fromIterable<number>(
    async function* () {
      yield 1
      await new Promise(() => {})
    },
    { id: 'stuck' },
  )
  const reason = new Error('gone')
  const leaver = new AbortController()
  setTimeout(() => leaver.abort(reason), 20)
  const seen: string[] = []
  await expect(async () => {
    for await (const { texts } of walk(sequence, { signal: leaver.signal })) seen.push(...texts)
  }).rejects.toBe(reason)
  expect(seen).toEqual(['1'])
})

test('the factory gets the signal, and is called once for a walk', async () => {
  const factory = vi.fn((_signal: AbortSignal) => letters)
  const { signal } = new AbortController()
  await textsOf(fromIterable(factory, { id: 'letters' }), { signal, start: 1, count: 3 })
  expect(factory.mock.calls).toEqual([[signal]])
})

test('is taken to change unless it says that it does not', () => {
  expect(fromIterable(() => letters, { id: 'letters' }).deterministic).toBe(false)
  expect(fromIterable(() => letters, { id: 'letters', deterministic: undefined }).deterministic).toBe(false)
  expect(fromIterable(() => letters, { id: 'letters', deterministic: true }).deterministic).toBe(true)
})

test('takes a function and known options', () => {
  expect(() => fromIterable(letters as never, { id: 'letters' })).toThrow('factory must be a function')
  expect(() => fromIterable(() => letters, { id: 'letters', size: 1 } as never)).toThrow("no option 'size'")
})
