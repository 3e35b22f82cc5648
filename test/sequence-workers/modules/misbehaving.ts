/** Sequences that do in a worker what they should not; in the server they do nothing of it. */
import { once } from 'node:events'
import { isMainThread, type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
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

let steps: InstanceType<typeof BroadcastChannel> | undefined

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
/** Each term waits for the test, which is told of it, and takes longer than work goes on without a rest. */
export const stepping = misbehaving('stepping', () => {
  steps ??= new BroadcastChannel('stepping')
  steps.postMessage('waits')
  // It takes channels, too; its types do not say so.
  while (receiveMessageOnPort(steps as unknown as MessagePort) === undefined);
  busy(6)
})
export const failingLater = misbehaving('failingLater', () => {
  setTimeout(() => {
    throw new Error('nobody is there to catch it')
  }, 50)
})
/** Waits for what never comes, and stops when it is told to. */
export const waiting: Sequence<number, number> = defineSequence<number>({
  id: 'waiting',
  module: { url: import.meta.url, name: 'waiting' },
  deterministic: false,
  async *states(after, signal) {
    if (after === undefined) yield 0
    await once(signal, 'abort')
  },
  cost: () => ({ bytes: 8, time: 1_000 }),
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
