import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { startRedisSentinels } from '../support/redis-sentinel.ts'
import { describeWithProgram } from '../support/servers.ts'
import { answeredAll, load } from './faults-suite.ts'
import { type Member, startFleet } from './fleet.ts'

describeWithProgram('redis-server', 'a fleet behind sentinels', () => {
  test('loses no request while the master fails and another takes over', async ({ onTestFinished }) => {
    const sentinels = await startRedisSentinels()
    onTestFinished(() => sentinels.stop())
    const { name, sentinelRootNodes } = sentinels
    const place = { name: 'redis-sentinel', address: JSON.stringify({ name, sentinelRootNodes }) } as const
    const [one, other] = (await startFleet(2, place, { nearTtl: 1_000 })) as [Member, Member]
    onTestFinished(() => Promise.all([one.kill(), other.kill()]).then(() => {}))

    const master = await sentinels.masterPort()
    let isOver = false
    const loading = load(one, () => isOver)
    await pause(300)
    await sentinels.master.kill()
    await expect.poll(() => sentinels.masterPort(), { timeout: 15_000, interval: 100 }).not.toBe(master)
    const isShared = async (): Promise<boolean> => {
      const path = `/shared-${Math.random()}`
      const { body } = await one.get(path)
      await pause(20)
      return (await other.get(path)).body === body
    }
    await expect.poll(isShared, { timeout: 15_000, interval: 100 }).toBe(true)
    isOver = true
    answeredAll(await loading)
    expect((await one.stats()).told).toEqual(expect.arrayContaining(['down', 'up']))
  })
})
