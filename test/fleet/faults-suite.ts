/** What becomes of a server whose cache stands on a store that fails, under load, over HTTP. */
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Place, placeProgram, type Server, type StoreName, startPlace } from '../support/places.ts'
import { describeWithProgram } from '../support/servers.ts'
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'
import { type Member, startFleet } from './fleet.ts'

const handlerTime = 5
const storeTimeout = 100
/** What a machine adds that is busy with other tests, ms: to most requests, and to a few. */
const slack = 300
const rareSlack = 1_000
/** A store that was lost is asked again after 1 s, then after 2 and 4 more. */
const back = { timeout: 15_000, interval: 100 }

interface Load {
  readonly failed: readonly unknown[]
  /** Milliseconds of each request. */
  readonly times: number[]
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

export function serverFaultTests(name: StoreName): void {
  describeWithProgram(placeProgram(name), `a cache on ${name} whose server`, () => {
    let place: Place
    let server: Server
    let proxy: TcpProxy
    let member: Member
    /** The same place without the latency and resets. */
    let other: Member

    const startMember = async (address: string): Promise<Member> =>
      (await startFleet(1, { name, address }, { nearTtl: 1_000, storeTimeout }))[0] as Member
    const startMine = async (): Promise<void> => {
      member = await startMember(place.address.replace(/127\.0\.0\.1:\d+/, `127.0.0.1:${proxy.port}`))
    }
    /** Load while `trouble` runs: every request is answered, none later than the handler and the store's time. */
    const answersAll = async (trouble: () => Promise<void>): Promise<void> => {
      let isOver = false
      const loading = load(member, () => isOver)
      try {
        await trouble()
      } finally {
        isOver = true
      }
      const { failed, times } = await loading
      expect(failed).toEqual([])
      expect(times.length).toBeGreaterThan(20)
      times.sort((a, b) => a - b)
      expect(times[Math.floor(times.length * 0.95)]).toBeLessThan(handlerTime + storeTimeout + slack)
      expect(times.at(-1)).toBeLessThan(handlerTime + storeTimeout + rareSlack)
    }
    /** What one process stores, another answers with; nothing was thrown; and it says that it is well. */
    const isBack = async (): Promise<void> => {
      await expect
        .poll(async () => {
          const path = `/shared-${Math.random()}`
          const { body } = await member.get(path)
          await pause(20)
          return (await other.get(path)).body === body
        }, back)
        .toBe(true)
      // A store that failed is not called up again for some seconds.
      await expect.poll(async () => (await member.stats()).health !== 'down', back).toBe(true)
      expect(member.hasEnded).toBe(false)
    }
    const wasTold = async (...types: string[]): Promise<void> => {
      expect((await member.stats()).told).toEqual(expect.arrayContaining(types))
    }

    beforeAll(async () => {
      place = await startPlace(name)
      if (place.server === undefined) throw new Error(`${name} has no server`)
      server = place.server
      proxy = await startTcpProxy(Number(/127\.0\.0\.1:(\d+)/.exec(place.address)?.[1]))
      other = await startMember(place.address)
    })
    afterAll(async () => {
      await other.kill()
      proxy.close()
      await place.stop()
    })
    beforeEach((context) => {
      if (!context.task.name.includes('at the start')) return startMine()
    })
    afterEach(() => member.kill())

    test('is not there at the start, and comes', async () => {
      await server.kill()
      await startMine()
      await answersAll(() => pause(500))
      await wasTold('down')
      await server.restart()
      await isBack()
    })

    test('is killed under load, and comes back', async () => {
      await answersAll(async () => {
        await pause(300)
        await server.kill()
        await pause(700)
        await server.restart()
        await pause(300)
      })
      await isBack()
      await wasTold('degraded', 'down', 'up')
    })

    test('is frozen under load, and goes on', async () => {
      await answersAll(async () => {
        await pause(300)
        await server.pause()
        await pause(700)
        await server.resume()
        await pause(300)
      })
      await isBack()
      await wasTold('degraded', 'down', 'up')
    })

    test('is restarted under load, and while nobody asks', async () => {
      await answersAll(async () => {
        await pause(300)
        await server.restart()
        await pause(300)
      })
      await server.restart()
      await isBack()
    })

    test('is cut off from it under load again and again', async () => {
      await answersAll(async () => {
        for (let i = 0; i < 5; i++) {
          await pause(150)
          proxy.reset()
        }
      })
      await isBack()
    })

    test('becomes slow under load, and quick again', async () => {
      await answersAll(async () => {
        await pause(300)
        proxy.delay = 10 * storeTimeout
        await pause(700)
        proxy.delay = 0
        await pause(300)
      })
      await isBack()
      await wasTold('timeout', 'down', 'up')
    })
  })
}
