import { expect, test } from 'vitest'
import { describeWithProgram } from '../support/servers.ts'
import { patience, Stage } from './fleet/stage.ts'

describeWithProgram('redis-server', '4 processes on one Redis', () => {
  const stage = new Stage()

  test('another takes over from a prober that is killed', async () => {
    await stage.start({ openDuration: 500, probeTimeout: 10_000 })
    stage.upstream.status = 503
    await stage.all('state', 'open')
    stage.upstream.status = 'hang'
    await expect.poll(() => stage.upstream.probes.length, patience).toBe(1)
    const prober = stage.fleet.find(({ pid }) => pid === stage.upstream.probes[0]?.pid)
    stage.upstream.status = 200
    await prober?.kill()
    const killedAt = performance.now()
    stage.fleet = stage.fleet.filter((member) => member !== prober)
    await stage.all('state', 'closed')
    // The claim, the time until it is asked for again, and what a busy machine adds.
    expect(performance.now() - killedAt).toBeLessThan(5_000 + 1_000 + 1_000)
    expect(stage.upstream.probes).toHaveLength(2)
  })

  test('without Redis each goes on alone; when it is back they share again', async () => {
    await stage.start({ openDuration: 1_000, storeTimeout: 200 })
    const modes = () => stage.fleet.map((member) => member.told('mode').at(-1)?.mode)
    await stage.redis.kill()
    await expect.poll(modes, { ...patience, timeout: 15_000 }).toEqual(['local', 'local', 'local', 'local'])
    const before = stage.upstream.seen.length
    await expect.poll(() => stage.upstream.seen.length, patience).toBeGreaterThan(before + 40)
    expect(await stage.ask('state')).toEqual(['closed', 'closed', 'closed', 'closed'])
    stage.upstream.status = 503
    await expect
      .poll(() =>
        stage.fleet.map((member) => member.told('state').some(({ reason }) => reason === 'consecutive-failures')),
      )
      .toEqual([true, true, true, true])
    stage.upstream.status = 200
    await stage.redis.restart()
    await expect.poll(modes, patience).toEqual(['atomic', 'atomic', 'atomic', 'atomic'])
    await stage.all('state', 'closed')
    stage.fleet[0]?.send({ type: 'isolate' })
    await stage.all('override', 'isolated')
    stage.noneWasSlow()
  })
})
