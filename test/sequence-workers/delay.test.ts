import { monitorEventLoopDelay } from 'node:perf_hooks'
import { fibonacci, type Sequence } from 'breakwater'
import { describe, expect, test } from 'vitest'
import { frameworks, startSubject } from '../sequence-router/subjects.ts'
import { startPool } from './pools.ts'

describe.each(frameworks.map((framework) => [framework.name, framework] as const))('behind %s', (_, framework) => {
  test('event-loop delay stays under 50 ms at p99 while F(1,000,000) is computed', { retry: 2 }, async () => {
    const router = { sequence: fibonacci as Sequence, workers: startPool() }
    const { get } = await startSubject(framework, { router })
    // Piscina is loaded, and the worker started.
    await get('/terms/300000')
    const delay = monitorEventLoopDelay({ resolution: 5 })
    delay.enable()
    const { status, body } = await get('/terms?start=1000000&limit=10')
    delay.disable()
    expect(status).toBe(200)
    expect(JSON.parse(body).terms[0]).toHaveLength(208_988)
    expect(delay.percentile(99) / 1e6).toBeLessThan(50)
  })
})
