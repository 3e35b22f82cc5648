import { expect, test } from 'vitest'
import { defineSequence, walk } from '../../src/index.ts'
import { textsOf } from './texts.ts'

const countdown = defineSequence({
  id: 'countdown',
  start: () => 5,
  next: (n: number) => (n > 0 ? n - 1 : undefined),
})

test('start and next are enough', async () => {
  expect(await textsOf(countdown)).toEqual(['5', '4', '3', '2', '1', '0'])
  expect(await textsOf(countdown, { start: 2, count: 3 })).toEqual(['3', '2', '1'])
  expect(countdown).toMatchObject({ id: 'countdown', version: '1', deterministic: true })
  expect([countdown.length, countdown.jump]).toEqual([undefined, undefined])
})

test('a state may be more than its term', async () => {
  const factorials = defineSequence({
    id: 'factorials',
    start: () => ({ n: 0, product: 1n }),
    next: ({ n, product }) => ({ n: n + 1, product: product * BigInt(n + 1) }),
    term: ({ product }) => product,
  })
  expect(await textsOf(factorials, { start: 20, count: 3 })).toEqual([
    '"2432902008176640000"',
    '"51090942171709440000"',
    '"1124000727777607680000"',
  ])
})

test('a state is stored as JSON in which bigints stay bigints', () => {
  const sequence = defineSequence<unknown>({ id: 'any', start: () => 1, next: () => 1 })
  for (const state of [1, 'x', 3n, { a: [1n, null, { b: -(2n ** 70n) }] }, { $bigint: 3 }, { $bigint: '1', more: 1 }]) {
    expect(sequence.decode(sequence.encode(state))).toEqual(state)
  }
  expect(() => sequence.encode(() => 1)).toThrow('A state must have a JSON text')
})

test('length bounds it', async () => {
  const sequence = defineSequence({ id: 'naturals', start: () => 0, next: (n: number) => n + 1, length: 4 })
  expect(await textsOf(sequence)).toEqual(['0', '1', '2', '3'])
  expect(await textsOf(sequence, { start: 2, count: 10 })).toEqual(['2', '3'])
  expect(await textsOf(sequence, { start: 4 })).toEqual([])
})

test('a jump, sync or not, makes what is before it needless', async () => {
  for (const jump of [(n: number) => n * n, async (n: number) => n * n]) {
    const squares = defineSequence({
      id: 'squares',
      start: () => 0,
      next: (square: number) => (Math.sqrt(square) + 1) ** 2,
      jump,
    })
    expect(await textsOf(squares, { start: 1e6, count: 2 })).toEqual(['1000000000000', '1000002000001'])
  }
})

test('a jump beyond the end is the end', async () => {
  const short = defineSequence({
    id: 'short',
    start: () => 0,
    next: (n: number) => (n < 3 ? n + 1 : undefined),
    jump: (n) => (n <= 3 ? n : undefined),
  })
  expect(await textsOf(short, { start: 3 })).toEqual(['3'])
  expect(await textsOf(short, { start: 4 })).toEqual([])
})

test('no terms at all', async () => {
  const none = defineSequence<number>({ id: 'none', start: () => undefined, next: () => undefined })
  expect(await textsOf(none)).toEqual([])
})

test('methods may use this', async () => {
  const steps = defineSequence<number>({
    id: 'steps',
    start: () => 0,
    next(n) {
      return n + this.id.length
    },
  })
  expect(await textsOf(steps, { count: 3 })).toEqual(['0', '5', '10'])
})

const valid = { id: 'x', start: () => 1, next: () => 1 }

const refused: readonly (readonly [unknown, string])[] = [
  [null, 'defineSequence takes an object of options'],
  [{ ...valid, id: '' }, "id must be a string that is not empty, not ''"],
  [{ ...valid, id: undefined }, 'id must be a string that is not empty, not undefined'],
  [{ ...valid, version: 2 }, 'version must be a string that is not empty, not 2'],
  [{ ...valid, length: -1 }, 'length must be a whole number of at least 0, not -1'],
  [{ ...valid, deterministic: 'yes' }, "deterministic must be true or false, not 'yes'"],
  [{ ...valid, jump: 1 }, 'jump must be a function, not 1'],
  [{ ...valid, term: 1 }, 'term must be a function, not 1'],
  [{ ...valid, cost: 1 }, 'cost must be a function, not 1'],
  [{ ...valid, encode: () => Buffer.of() }, 'encode and decode have to be given together'],
  [{ ...valid, prev: () => 1 }, "defineSequence has no option 'prev'"],
  [{ id: 'x', start: () => 1 }, 'takes the functions start and next, or else the function states'],
  [{ id: 'x', start: () => 1, next: 1 }, 'takes the functions start and next, or else the function states'],
  [{ ...valid, states: () => [] }, 'takes the functions start and next, or else the function states'],
]

test.each(refused)('%o is refused: %s', (definition, message) => {
  expect(() => defineSequence(definition as never)).toThrow(message)
})

test.each([
  [{ start: -1 }, 'start must be a whole number of at least 0, not -1'],
  [{ start: 1.5 }, 'start must be a whole number of at least 0, not 1.5'],
  [{ start: 2 ** 53 }, 'start must be'],
  [{ count: -1 }, 'count must be a whole number of at least 0, or Infinity, not -1'],
  [{ count: Number.NaN }, 'count must be'],
  [{ start: 3, kept: { index: 3, state: 2 } }, 'kept must be the state of a term before start (3), not of 3'],
])('a walk with %o is refused: %s', async (options, message) => {
  await expect(walk(countdown, options).next()).rejects.toThrow(message)
})
