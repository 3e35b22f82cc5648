import { fibonacci, type Sequence } from 'breakwater'
import { describe, expect, test } from 'vitest'
import { frameworks, startSubject } from '../sequence-router/subjects.ts'
import { startPool } from './pools.ts'

/** Counts the CPU of this thread in each turn of the event loop, ms; gives what tells that of the longest one. */
function watchTurns(): () => number {
  let longest = 0
  let before = process.threadCpuUsage()
  let isOver = false
  const turn = (): void => {
    const { user, system } = process.threadCpuUsage(before)
    longest = Math.max(longest, (user + system) / 1_000)
    before = process.threadCpuUsage()
    if (!isOver) setImmediate(turn)
  }
  setImmediate(turn)
  return () => {
    isOver = true
    return longest
  }
}

describe.each(frameworks.map((framework) => [framework.name, framework] as const))('behind %s', (_, framework) => {
  // By CPU, not by the clock: the delay that others on the machine cause is not ours.
  test('nothing holds the event loop for 50 ms while F(1,000,000) is computed', async () => {
    const router = { sequence: fibonacci as Sequence, workers: startPool() }
    const { get } = await startSubject(framework, { router })
    // Piscina is loaded, and the worker started.
    await get('/terms/300000')
    const longest = watchTurns()
    const { status, body } = await get('/terms?start=1000000&limit=10')
    const held = longest()
    expect(status).toBe(200)
    expect(JSON.parse(body).terms[0]).toHaveLength(208_988)
    expect(held).toBeLessThan(50)
  })
})
