/** A sequence whose terms are kept, and what reads them. */
import { expect, vi } from 'vitest'
import type { TermSource } from '../../src/core/sequence/keep-terms.ts'
import { defineSequence, type Sequence } from '../../src/index.ts'

/** Squares, which cannot be entered anywhere; tells what it computes. */
export function squares({ length, failsAt }: { length?: number; failsAt?: number } = {}) {
  const computed: number[] = []
  const at = (index: number): number => {
    if (index === failsAt) throw new Error(`No term ${index}`)
    computed.push(index)
    return index
  }
  const sequence = defineSequence<number, number>({
    id: 'squares',
    length: undefined,
    start: () => at(0),
    next: (index) => (index + 1 === length ? undefined : at(index + 1)),
    term: (index) => index * index,
  })
  return { sequence, computed }
}

export const never = new AbortController().signal

export async function termsOf(source: TermSource, start: number, end: number, signal = never): Promise<string[]> {
  const texts: string[] = []
  for await (const terms of source.read(start, end, signal)) {
    expect(terms.index).toBe(start + texts.length)
    texts.push(...terms.texts)
  }
  return texts
}

/** The texts of the terms from `start` up to, but not, `end`. */
export const expected = (start: number, end: number) =>
  Array.from({ length: end - start }, (_, i) => `${(start + i) ** 2}`)

/** The same, and how often a walk was begun. */
export function watched<State>(sequence: Sequence<State>): {
  readonly sequence: Sequence<State>
  readonly begun: () => number
} {
  const states = vi.fn(sequence.states)
  return { sequence: { ...sequence, states }, begun: () => states.mock.calls.length }
}
