/** Sequences that can go to workers, each by its own kind of state. */
import { isMainThread } from 'node:worker_threads'
import { defineSequence } from '../../../src/core/sequence/define.ts'

const cost = (start: number, count: number, kept = -1) => ({ bytes: count * 8, time: (start + count - kept - 1) / 20 })

/** The default export name; cannot be entered anywhere. */
export const sequence = defineSequence<number>({
  id: 'worker-squares',
  version: '3',
  module: import.meta.url,
  start: () => 0,
  next: (n) => n + 1,
  term: (n) => n * n,
  cost,
})

/** By a bigint, with a jump and an end. */
export const cubes = defineSequence<bigint>({
  id: 'worker-cubes',
  length: 12_000,
  module: { url: import.meta.url, name: 'cubes' },
  start: () => 0n,
  next: (n) => n + 1n,
  jump: (n) => BigInt(n),
  term: (n) => n ** 3n,
  cost,
})

/** Async, and another one each time: computed for every answer. */
export const ticks = defineSequence<{ readonly n: number }, string>({
  id: 'ticks',
  deterministic: false,
  module: { url: import.meta.url, name: 'ticks' },
  async *states(after, signal) {
    for (let n = (after?.n ?? -1) + 1; !signal.aborted; n++) yield { n }
  },
  term: ({ n }) => `${n} beyond\u2028ASCII: ü`,
  cost,
})

/** In which thread each term was made. */
export const threads = defineSequence<number, string>({
  id: 'threads',
  deterministic: false,
  module: { url: new URL(import.meta.url).href, name: 'threads' },
  start: () => 0,
  next: (n) => n + 1,
  term: () => (isMainThread ? 'server' : 'worker'),
  cost,
})
