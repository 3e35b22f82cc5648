import { describe, expect, test } from 'vitest'
import { defineSequence } from '../../src/core/sequence/define.ts'
import { computeSlice } from '../../src/core/sequence/slice.ts'
import type { Slice } from '../../src/core/sequence/term-pool.ts'

/** Numbers from 0; each step takes `step` ms on a clock of its own, and each text has so many characters. */
function counting({ step = 0, characters = 1, length = Infinity, failsAt = Infinity } = {}) {
  let now = 0
  const sequence = defineSequence<number>({
    id: 'counting',
    start: () => 0,
    next: (n) => {
      now += step
      if (n + 1 === failsAt) throw new Error(`No term ${n + 1}`)
      return n + 1 < length ? n + 1 : undefined
    },
    text: (n) => `${n}`.padStart(characters),
  })
  return { sequence, clock: { now: () => now, monotonic: () => now } }
}

type Subject = ReturnType<typeof counting>
const never = new AbortController().signal

function slice({ sequence, clock }: Subject, task: object, signal = never): Promise<Slice> {
  const whole = { start: 0, count: Infinity, boundary: Infinity, after: undefined }
  return computeSlice(sequence, { ...whole, ...task }, signal, clock)
}

const shape = ({ parts }: Slice) => parts.map(({ count, last }) => [count, last.index])

describe('a slice', () => {
  test('ends 50 ms after its first terms', async () => {
    const { parts, isEnd } = await slice(counting({ step: 1 }), {})
    expect(isEnd).toBe(false)
    expect(parts).toHaveLength(1)
    expect(parts[0]?.count).toBeGreaterThanOrEqual(50)
    expect(parts[0]?.count).toBeLessThan(70)
  })

  test('ends with 1 MiB of text, or 10,000 terms', async () => {
    const [long] = (await slice(counting({ characters: 100_000 }), {})).parts
    expect(long?.count).toBe(11)
    const [short] = (await slice(counting(), {})).parts
    expect(short?.count).toBeGreaterThanOrEqual(10_000)
    expect(short?.count).toBeLessThan(50_000)
  })

  test('has a part for each boundary, with the state at it', async () => {
    const whole = await slice(counting(), { start: 3, count: 20, boundary: 10 })
    expect(whole.isEnd).toBe(true)
    expect(shape(whole)).toEqual([
      [7, 9],
      [10, 19],
      [3, 22],
    ])
    expect(whole.parts[1]?.lines).toBe('10\n11\n12\n13\n14\n15\n16\n17\n18\n19')
    expect(Buffer.from(whole.parts[1]?.last.state as Uint8Array).toString()).toBe('19')
  })

  test('goes on from a state; from one that is none it does not', async () => {
    const at = async (state: string) => {
      const after = { index: 4, state: Buffer.from(state) }
      return (await slice(counting(), { start: 5, count: 2, after })).parts[0]?.lines
    }
    expect(await at('4')).toBe('5\n6')
    expect(await at('{')).toBe('5\n6')
  })

  test('tells how far it has come where it is still before the start', async () => {
    const skipping = await slice(counting({ step: 1 }), { start: 1_000, count: 5 })
    expect(skipping.isEnd).toBe(false)
    expect(shape(skipping)).toEqual([[0, expect.any(Number)]])
    const last = skipping.parts[0]?.last
    expect(last?.index).toBeLessThan(100)
    expect(Buffer.from(last?.state as Uint8Array).toString()).toBe(`${last?.index}`)
  })

  test('has the terms before an error, and what was thrown', async () => {
    const failed = await slice(counting({ failsAt: 3 }), { count: 10 })
    expect(shape(failed)).toEqual([[3, 2]])
    expect(failed.failure?.error).toMatchObject({ message: 'No term 3' })
    expect(failed.isEnd).toBe(false)
  })

  test('tells the end of the sequence, and that nothing was there', async () => {
    expect(await slice(counting({ length: 3 }), {})).toMatchObject({ isEnd: true, parts: [{ count: 3 }] })
    const after = { index: 2, state: Buffer.from('2') }
    expect(await slice(counting({ length: 3 }), { start: 3, after })).toEqual({ isEnd: true, parts: [] })
  })

  test('is none when nobody wants it any more', async () => {
    await expect(slice(counting(), {}, AbortSignal.abort(new Error('left')))).rejects.toThrow('left')
  })
})
