import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { describeWithProgram, type RedisServer, startRedis } from '../support/servers.ts'
import { type Member, startFleet } from './fleet.ts'

const handlerTime = 5
const storeTimeout = 100
/** What a machine adds that is busy with other tests, ms. */
const slack = 400

interface Load {
  readonly failed: readonly unknown[]
  /** Milliseconds of each request. */
  readonly times: readonly number[]
}

/** Asks for old and new paths over 10 connections until `isOver`. */
async function load(member: Member, isOver: () => boolean): Promise<Load> {
  const failed: unknown[] = []
  const times: number[] = []
  let asked = 0
  const client = async (): Promise<void> => {
    while (!isOver()) {
      const path = ++asked % 2 === 0 ? `/new-${asked}?delay=${handlerTime}` : `/old-${asked % 20}?delay=${handlerTime}`
      const start = performance.now()
      try {
        const { status, body } = await member.get(path)
        if (status !== 200 || !body.startsWith(`${path} by`)) failed.push({ path, status, body })
      } catch (error) {
        failed.push(error)
      }
      times.push(performance.now() - start)
    }
  }
  await Promise.all(Array.from({ length: 10 }, client))
  return { failed, times }
}

describeWithProgram('redis-server', 'a cache whose Redis', () => {
  let redis: RedisServer
  let member: Member

  /** Load while `trouble` runs: every request is answered, none later than the handler and the store's time. */
  const answersAll = async (trouble: () => Promise<void>): Promise<void> => {
    let isOver = false
    const loading = load(member, () => isOver)
    await trouble()
    isOver = true
    const { failed, times } = await loading
    expect(failed).toEqual([])
    expect(times.length).toBeGreaterThan(20)
    expect(Math.max(...times)).toBeLessThan(handlerTime + storeTimeout + slack)
  }
  const isShared = async (): Promise<void> => {
    const [other] = await startFleet(1, redis.url)
    try {
      await expect
        .poll(
          async () => {
            const path = `/shared-${Math.random()}`
            const { body } = await member.get(path)
            await pause(20)
            return (await other?.get(path))?.body === body
          },
          { timeout: 10_000 },
        )
        .toBe(true)
    } finally {
      await other?.kill()
    }
  }

  beforeEach(async () => {
    redis = await startRedis()
    ;[member] = (await startFleet(1, redis.url, { nearTtl: 1_000, storeTimeout })) as [Member]
  })
  afterEach(async () => {
    await member.kill()
    await redis.stop()
  })

  test('is killed under load, and comes back', async () => {
    await answersAll(async () => {
      await pause(300)
      await redis.kill()
      await pause(1_500)
      await redis.restart()
      await pause(1_000)
    })
    await isShared()
  })

  test('is frozen under load, and goes on', async () => {
    await answersAll(async () => {
      await pause(300)
      await redis.pause()
      await pause(1_500)
      redis.resume()
      await pause(1_000)
    })
    await isShared()
  })

  test('is restarted under load again and again', async () => {
    await answersAll(async () => {
      for (let i = 0; i < 3; i++) {
        await pause(300)
        await redis.restart()
      }
    })
    await isShared()
  })
})
