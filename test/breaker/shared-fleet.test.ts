import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { describeWithProgram, freePort } from '../support/servers.ts'
import type { Member } from './fleet/fleet.ts'
import { patience, Stage } from './fleet/stage.ts'

describeWithProgram('redis-server', '4 processes on one Redis', () => {
  const stage = new Stage()

  test('all are open within 1 s of the first opening, and closed by one probe', async () => {
    await stage.start({ openDuration: 2_000 })
    await expect.poll(() => stage.upstream.seen.length, patience).toBeGreaterThan(40)
    stage.upstream.status = 503
    await stage.all('state', 'open')
    const openings = stage.fleet.map((member) => member.told('state')[0]?.at ?? 0)
    expect(Math.max(...openings) - Math.min(...openings)).toBeLessThan(1_000)
    stage.upstream.status = 200
    await stage.all('state', 'closed')
    expect(stage.upstream.probes).toHaveLength(1)
    stage.noneWasSlow()
  })

  test('in 100 windows each has exactly one probe, and nothing else reaches the upstream', async () => {
    const openDuration = 30
    await stage.start({ openDuration, maxOpenDuration: openDuration, backoffFactor: 1 }, 3)
    stage.upstream.status = 503
    await expect.poll(() => stage.upstream.probes.length, { timeout: 25_000, interval: 20 }).toBeGreaterThanOrEqual(100)
    const generations = stage.upstream.probes.map(({ generation }) => generation)
    expect(new Set(generations).size).toBe(generations.length)
    // Half-open and open take turns.
    const first = generations[0] ?? 0
    expect(generations).toEqual(generations.map((_, index) => first + 2 * index))
    // Who was still closed at the first of these short windows may have called meanwhile.
    const tenthProbe = stage.upstream.seen.indexOf(stage.upstream.probes[10] ?? { kind: '', generation: 0, pid: 0 })
    expect(stage.upstream.seen.slice(tenthProbe).filter(({ kind }) => kind !== 'probe')).toEqual([])
    stage.noneWasSlow()
  })

  test('two that are cut off from the upstream do not open the other two', async () => {
    await stage.start({ openDuration: 1_000 })
    await expect.poll(() => stage.upstream.seen.length, patience).toBeGreaterThan(40)
    const [one, two, ...others] = stage.fleet as [Member, Member, ...Member[]]
    const nowhere = await freePort()
    for (const member of [one, two]) member.send({ type: 'aim', port: nowhere })
    await expect.poll(async () => (await one.ask()).status.state, patience).toBe('open')
    const before = stage.upstream.seen.length
    await pause(3_000)
    expect(stage.upstream.seen.length - before).toBeGreaterThan(50)
    for (const member of others) expect(member.told('state')).toEqual([])
    for (const member of [one, two]) member.send({ type: 'aim', port: stage.port })
    await stage.all('state', 'closed')
    for (const member of others) expect(member.told('state')).toEqual([])
  })
})
