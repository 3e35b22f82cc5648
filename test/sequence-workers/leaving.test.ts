import { once } from 'node:events'
import { fibonacci, type Sequence } from 'breakwater'
import type { WorkerPool } from 'breakwater/workers'
import { describe, expect, test } from 'vitest'
import { frameworks, startSubject } from '../sequence-router/subjects.ts'
import * as misbehaving from './modules/misbehaving.ts'
import { threads } from './modules/squares.ts'
import { answering, asking, hangs, startPool } from './pools.ts'

/** ms until the pool is at rest. */
async function restAfter(pool: WorkerPool, act: () => void): Promise<number> {
  const from = performance.now()
  act()
  await expect.poll(() => pool.status().busy, { interval: 2 }).toBe(0)
  return performance.now() - from
}

describe.each(frameworks.map((framework) => [framework.name, framework] as const))('behind %s', (_, framework) => {
  test('a worker is at rest within 100 ms when its client leaves, and takes the next request', {
    retry: 2,
  }, async () => {
    const workers = startPool()
    const { port, get } = await startSubject(framework, { router: { sequence: misbehaving.slow as Sequence, workers } })
    const other = await startSubject(framework, { router: { sequence: threads as Sequence, workers } })
    await other.get('/terms/900')
    const client = asking(port, '/terms?start=0&limit=1000')
    await expect.poll(() => workers.status().busy, { interval: 2 }).toBe(1)
    expect(await restAfter(workers, () => client.destroy())).toBeLessThan(100)
    expect(JSON.parse((await get('/terms?limit=3')).body).terms).toEqual([0, 1, 2])
    expect(workers.status().threads).toBe(1)
  })

  test('a worker that does not stop is ended, and the next request gets another', { retry: 2 }, async () => {
    const workers = startPool()
    const busy = await startSubject(framework, { router: { sequence: misbehaving.hanging as Sequence, workers } })
    const other = await startSubject(framework, { router: { sequence: threads as Sequence, workers } })
    const hanging = hangs()
    const client = asking(busy.port, '/terms?limit=100')
    await hanging
    expect(await restAfter(workers, () => client.destroy())).toBeLessThan(150)
    expect(workers.status().threads).toBe(0)
    expect(JSON.parse((await other.get('/terms/900')).body).term).toBe('worker')
  })
})

const [framework] = frameworks as [(typeof frameworks)[number]]

test('the work goes on for those who stay', async () => {
  const workers = startPool()
  const { port, get } = await startSubject(framework, { router: { sequence: misbehaving.slow as Sequence, workers } })
  const leaving = asking(port, '/terms?limit=30')
  const staying = get('/terms?limit=30')
  await expect.poll(() => workers.status().busy, { interval: 2 }).toBe(1)
  leaving.destroy()
  expect(JSON.parse((await staying).body).terms).toHaveLength(30)
})

test('a reader that takes its time has no worker meanwhile', async () => {
  const workers = startPool()
  const { port } = await startSubject(framework, { router: { sequence: fibonacci as Sequence, workers } })
  // 20 MB: no socket holds them.
  const response = await answering(asking(port, '/terms?format=ndjson&start=100000&limit=1000'))
  await expect.poll(() => workers.status().busy, { interval: 2 }).toBe(0)
  let lines = 0
  response.on('data', (chunk: Buffer) => {
    lines += chunk.toString().split('\n').length - 1
  })
  await once(response, 'end')
  expect(lines).toBe(1_000)
})
