/** A module that starts what only the server may start. */
import { isMainThread } from 'node:worker_threads'
import { defineSequence } from '../../../src/core/sequence/define.ts'

if (!isMainThread) throw new Error('Address in use')

export const sequence = defineSequence<number>({
  id: 'unloadable',
  module: import.meta.url,
  start: () => 0,
  next: (n) => n + 1,
  cost: () => ({ bytes: 8, time: 1_000 }),
})
