import { describe, expect, test, vi } from 'vitest'
import { keepTerms } from '../../src/core/sequence/keep-terms.ts'
import { defineSequence, memoryStore } from '../../src/index.ts'
import { expected, never, termsOf } from './kept-squares.ts'

/** Squares, each with zeros behind it, that can be entered anywhere and are said to cost much; tells what it computes. */
function costlySquares({ failsAt, zeros = 0 }: { failsAt?: number; zeros?: number } = {}) {
  const computed: number[] = []
  const tail = '0'.repeat(zeros)
  const sequence = defineSequence<number, string>({
    id: 'costly-squares',
    start: () => 0,
    next: (index) => index + 1,
    jump: (index) => index,
    term: (index) => {
      if (index === failsAt) throw new Error(`No term ${index}`)
      computed.push(index)
      return `${index ** 2}${tail}`
    },
    cost: (_start, count) => ({ bytes: count * (zeros + 8), time: 1_000 }),
  })
  const text = (index: number): string => `"${index ** 2}${tail}"`
  return { source: keepTerms(sequence, { store: memoryStore() }), computed, text }
}

const quoted = (start: number, end: number) => expected(start, end).map((text) => `"${text}"`)

describe('terms that can be entered anywhere, and cost much', () => {
  test('are computed once for a hundred readers at the same time', async () => {
    const { source, computed } = costlySquares()
    const read = await Promise.all(Array.from({ length: 100 }, () => termsOf(source, 1_000, 1_300)))
    for (const texts of read) expect(texts).toEqual(quoted(1_000, 1_300))
    expect(computed.length).toBe(300)
  })

  test('are computed for each range that is asked for', async () => {
    const { source } = costlySquares()
    const [one, other] = await Promise.all([termsOf(source, 5, 20), termsOf(source, 5, 21)])
    expect([one, other]).toEqual([quoted(5, 20), quoted(5, 21)])
  })

  test('go on for the others when one reader leaves, and begin anew when all have', async () => {
    const { source, computed, text } = costlySquares({ zeros: 70_000 })
    const leaving = new AbortController()
    const [one, other] = [source.read(0, 20, leaving.signal), source.read(0, 20, never)]
    await Promise.all([one.next(), other.next()])
    leaving.abort(new Error('has left'))
    await expect(one.next()).rejects.toThrow('has left')
    expect((await other.next()).value?.texts).toEqual([text(1)])
    await other.return()
    expect(await termsOf(source, 0, 20)).toHaveLength(20)
    expect(computed.filter((index) => index === 0)).toHaveLength(2)
  })

  test('are given up when the last reader leaves', async () => {
    let given: AbortSignal | undefined
    const sequence = defineSequence<number, number>({
      id: 'never-there',
      start: () => 0,
      next: (index) => index + 1,
      jump: (_index, signal) => {
        given = signal
        return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      },
      term: (index) => index,
      cost: () => ({ bytes: 1, time: 1_000 }),
    })
    const source = keepTerms(sequence, { store: memoryStore() })
    const leaving = [new AbortController(), new AbortController()]
    const readings = leaving.map(({ signal }) => source.read(9, 10, signal).next())
    await vi.waitFor(() => expect(given).toBeDefined())
    leaving[0]?.abort()
    await expect(readings[0]).rejects.toThrow()
    expect(given?.aborted).toBe(false)
    leaving[1]?.abort()
    await expect(readings[1]).rejects.toThrow()
    expect(given?.aborted).toBe(true)
  })

  test('that fail do so for all who read them, after the terms before, and not for who comes later', async () => {
    const { source, computed } = costlySquares({ failsAt: 7 })
    const read = async () => {
      const texts: string[] = []
      const reading = (async () => {
        for await (const terms of source.read(0, 20, never)) texts.push(...terms.texts)
      })()
      await expect(reading).rejects.toThrow('No term 7')
      return texts
    }
    // One who has not come as far yet keeps nobody else at what has failed.
    const slow = source.read(0, 20, never)
    await slow.next()
    expect(await Promise.all([read(), read()])).toEqual([quoted(0, 7), quoted(0, 7)])
    const before = computed.length
    expect(await read()).toEqual(quoted(0, 7))
    expect(computed.length).toBeGreaterThan(before)
    await slow.return()
  })

  test('are not held for a reader who falls behind: it goes on alone, with the same terms', async () => {
    const { source, computed, text } = costlySquares({ zeros: 100_000 })
    const slow = source.read(0, 40, never)
    const texts = [...((await slow.next()).value?.texts ?? [])]
    const fast = await termsOf(source, 0, 40)
    expect(computed.length).toBeLessThanOrEqual(41)
    for await (const terms of slow) texts.push(...terms.texts)
    const all = Array.from({ length: 40 }, (_, index) => text(index))
    expect([fast, texts]).toEqual([all, all])
    // What it had not been given by then was computed for it again.
    expect(computed.length).toBeGreaterThan(60)
  })

  test('are begun anew for who comes when the first ones are not held any more', async () => {
    const { source, text } = costlySquares({ zeros: 100_000 })
    const first = source.read(0, 40, never)
    for (let i = 0; i < 20; i++) await first.next()
    expect((await termsOf(source, 0, 40))[0]).toBe(text(0))
    await first.return()
  })
})
