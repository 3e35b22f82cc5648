import { afterAll, afterEach, beforeAll, expect, vi } from 'vitest'
import type { BreakerStatus } from '../../../src/index.ts'
import { type RedisServer, startRedis } from '../../support/servers.ts'
import { type Member, type Settings, startFleet, Upstream } from './fleet.ts'

export const patience = { timeout: 10_000, interval: 20 }

/** 4 processes, one Redis and one upstream; all but the Redis are new for each test. */
export class Stage {
  redis!: RedisServer
  upstream = new Upstream()
  port = 0
  fleet: Member[] = []
  #namespaces = 0

  constructor() {
    vi.setConfig({ testTimeout: 30_000 })
    beforeAll(async () => {
      this.redis = await startRedis()
    })
    afterEach(async () => {
      await Promise.all(this.fleet.map((member) => member.kill()))
      this.upstream.stop()
    })
    afterAll(() => this.redis.stop())
  }

  /** `pace`: ms between two calls of a process. */
  async start(options: Settings['options'] = {}, pace = 10): Promise<void> {
    this.upstream = new Upstream()
    this.port = await this.upstream.start()
    const namespace = `test ${++this.#namespaces}`
    const steady = { consecutiveFailures: 3, jitter: 0, storeTimeout: 1_000, namespace }
    this.fleet = await startFleet(4, { url: this.redis.url, port: this.port, pace, options: { ...steady, ...options } })
  }

  async ask<K extends keyof BreakerStatus>(what: K): Promise<BreakerStatus[K][]> {
    return (await Promise.all(this.fleet.map((member) => member.ask()))).map(({ status }) => status[what])
  }

  /** Waits until all of them have it so. */
  async all<K extends keyof BreakerStatus>(what: K, value: BreakerStatus[K]): Promise<void> {
    await expect.poll(() => this.ask(what), patience).toEqual(this.fleet.map(() => value))
  }

  noneWasSlow(): void {
    expect(this.fleet.flatMap((member) => member.told('slow'))).toEqual([])
  }
}
