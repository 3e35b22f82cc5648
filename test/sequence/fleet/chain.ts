import { createHash } from 'node:crypto'
import type { Sequence } from '../../../src/core/sequence/contract.ts'
import { defineSequence } from '../../../src/core/sequence/define.ts'

/** Each term is made of the one before it: there is no way to one but through all of them. */
export function chain(onComputed: (index: number) => void): Sequence<readonly [number, string], string> {
  const digest = (text: string): string => createHash('sha256').update(text).digest('hex')
  return defineSequence<readonly [number, string], string>({
    id: 'chain',
    start: () => [0, digest('start')],
    next: ([index, text]) => {
      let made = text
      for (let round = 0; round < 60; round++) made = digest(made)
      onComputed(index + 1)
      return [index + 1, made]
    },
    term: ([, text]) => text,
  })
}
