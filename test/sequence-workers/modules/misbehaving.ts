/** Sequences that do in a worker what they should not; in the server they do nothing of it. */
import { isMainThread } from 'node:worker_threads'
import type { Sequence } from '../../../src/core/sequence/contract.ts'
import { defineSequence } from '../../../src/core/sequence/define.ts'

/** From this term on. */
const BAD = 3

function misbehaving(name: string, misbehave: () => void): Sequence<number, number> {
  return defineSequence<number>({
    id: name,
    module: { url: import.meta.url, name },
    start: () => 0,
    next: (n) => {
      if (n + 1 >= BAD && !isMainThread) misbehave()
      return n + 1
    },
    cost: (_start, count) => ({ bytes: count * 8, time: 1_000 }),
  })
}

function busy(ms: number): void {
  for (const until = performance.now() + ms; performance.now() < until; );
}

export const throwing = misbehaving('throwing', () => {
  throw new RangeError('a secret of the inside')
})
export const throwingFunctions = misbehaving('throwingFunctions', () => {
  throw () => 'cannot be cloned'
})
export const exiting = misbehaving('exiting', () => process.exit(3))
export const hanging = misbehaving('hanging', () => {
  new BroadcastChannel('hanging').postMessage('now')
  busy(Infinity)
})
export const slow = misbehaving('slow', () => busy(10))
export const failingLater = misbehaving('failingLater', () => {
  setImmediate(() => {
    throw new Error('nobody is there to catch it')
  })
})
/** In the server it is another one. */
export const changing: Sequence<number, number> = defineSequence<number>({
  id: 'changing',
  version: isMainThread ? '2' : '1',
  module: { url: import.meta.url, name: 'changing' },
  start: () => 0,
  next: (n) => n + 1,
  cost: () => ({ bytes: 8, time: 1_000 }),
})
