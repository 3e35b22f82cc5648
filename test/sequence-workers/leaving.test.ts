import { once } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { fibonacci, type Sequence } from 'breakwater'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { frameworks, startSubject } from '../sequence-router/subjects.ts'
import * as misbehaving from './modules/misbehaving.ts'
import { threads } from './modules/squares.ts'
import { answering, asking, hangs, Steps, startPool, until, watched } from './pools.ts'

describe.each(frameworks.map((framework) => [framework.name, framework] as const))('behind %s', (_, framework) => {
  afterEach(() => {
    vi.useRealTimers()
  })

  test('a worker stops between two terms when its client leaves, and takes the next request', async () => {
    const workers = startPool()
    const other = await startSubject(framework, { router: { sequence: threads as Sequence, workers } })
    await other.get('/terms/900')
    const { watching, left } = watched(framework)
    const { port } = await startSubject(watching, { router: { sequence: misbehaving.stepping as Sequence, workers } })
    // However long the test takes, the worker is not ended.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const steps = new Steps()
    const client = asking(port, '/terms?start=0&limit=1000')
    await until(() => steps.begun === 1)
    steps.give()
    await until(() => steps.begun === 2)
    client.destroy()
    await left
    steps.give()
    await until(() => workers.status().busy === 0)
    expect(workers.status().threads).toBe(1)
    expect(steps.begun).toBe(2)
    steps.close()
    vi.useRealTimers()
    expect(JSON.parse((await other.get('/terms/901')).body).term).toBe('worker')
    expect(workers.status().threads).toBe(1)
  })

  test('a worker that has not stopped after 50 ms is ended, and the next request gets another', async () => {
    const workers = startPool()
    const { watching, left } = watched(framework)
    const busy = await startSubject(watching, { router: { sequence: misbehaving.hanging as Sequence, workers } })
    const other = await startSubject(framework, { router: { sequence: threads as Sequence, workers } })
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const hanging = hangs()
    const client = asking(busy.port, '/terms?limit=100')
    await hanging
    client.destroy()
    await left
    vi.advanceTimersByTime(49)
    await nextTurn()
    expect(workers.status()).toMatchObject({ busy: 1, threads: 1 })
    vi.advanceTimersByTime(1)
    await until(() => workers.status().busy === 0)
    vi.useRealTimers()
    await expect.poll(() => workers.status().threads).toBe(0)
    expect(JSON.parse((await other.get('/terms/900')).body).term).toBe('worker')
  })
})

const [framework] = frameworks as [(typeof frameworks)[number]]

test('a sequence that waits is told by its signal, so that its worker need not be ended', async () => {
  const workers = startPool()
  const { port } = await startSubject(framework, { router: { sequence: misbehaving.waiting as Sequence, workers } })
  const client = asking(port, '/terms?format=ndjson&limit=100')
  await answering(client)
  await expect.poll(() => workers.status()).toMatchObject({ busy: 1, threads: 1 })
  client.destroy()
  await expect.poll(() => workers.status()).toMatchObject({ busy: 0, threads: 1 })
})

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
