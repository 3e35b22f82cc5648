import { collectGarbage } from './measure.ts'
import type { Memory } from './memory.ts'

const breakers = 10_000

/** Makes them and compares what is held before and after. Ends the process, because timers may keep it. */
export async function bytesOf(create: (index: number) => Promise<unknown>): Promise<Memory> {
  const kept: unknown[] = new Array(breakers).fill(undefined)
  // What the first one loads and compiles is not its own.
  for (let i = 0; i < 100; i++) await create(-1 - i)
  const timersBefore = timers()
  const before = held()
  for (let i = 0; i < breakers; i++) kept[i] = await create(i)
  const after = held()
  const memory = { bytes: (after - before) / kept.length, timers: (timers() - timersBefore) / kept.length }
  setImmediate(() => process.exit())
  return memory
}

function held(): number {
  collectGarbage()
  collectGarbage()
  const { heapUsed, external, arrayBuffers } = process.memoryUsage()
  return heapUsed + external + arrayBuffers
}

function timers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
}
