import { Agent, request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import type { RedisServer } from '../../test/support/servers.ts'
import { Child } from '../child.ts'
import { median } from '../statistics.ts'

/** Milliseconds that the handler takes. */
export const HANDLER = 20
const CONNECTIONS = 20

export interface Outage {
  /** Requests without an answer, over the whole outage. */
  readonly failed: number
  /** 99th percentile of the first second after the kill, ms. */
  readonly firstSecond: number
  /**
   * 99th percentile once the store is skipped, as a multiple of that of the same application without a cache: the
   * median of rounds in turns, since one hold-up of the machine makes the hundredth part of a run.
   */
  readonly skipped: number
}

const ROUNDS = 7

/** Kills a Redis under load, and looks at what requests take before, right after and later. */
export async function outage(redis: RedisServer): Promise<Outage> {
  const [cached, alone] = ['express-redis', 'express'].map(
    (subject) => new Child('./server-child.ts', { subject, bytes: 2048, delay: HANDLER }, `outage-${subject}`),
  ) as [Child, Child]
  try {
    const [{ port }, { port: other }] = await Promise.all([cached.ready<Place>(), alone.ready<Place>()])
    const [before] = await Promise.all([load(port, 2_000), load(other, 2_000)])
    const killing = pause(200).then(() => redis.kill())
    const first = await load(port, 1_200)
    await killing
    const later = []
    const ratios: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const [cached, without] = [await load(port, 1_500), await load(other, 1_500)]
      later.push(cached)
      ratios.push(percentile(settled(cached.times)) / percentile(settled(without.times)))
    }
    const failed = [before, first, ...later].reduce((sum, each) => sum + each.failed, 0)
    return {
      failed,
      firstSecond: percentile(settled(first.times)),
      skipped: median(ratios),
    }
  } finally {
    await Promise.all([cached.stop(), alone.stop()])
  }
}

interface Place {
  readonly port: number
}

interface Timed {
  /** When it began, ms after the load. */
  readonly at: number
  readonly took: number
}

let asked = 0

/** Asks for another path each time. */
async function load(port: number, duration: number): Promise<{ failed: number; times: Timed[] }> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
  const start = performance.now()
  const times: Timed[] = []
  let failed = 0
  const connection = async (): Promise<void> => {
    while (performance.now() - start < duration) {
      const from = performance.now()
      const isAnswered = await ask(agent, port, `/item/${++asked}`)
      if (isAnswered) times.push({ at: from - start, took: performance.now() - from })
      else failed++
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, connection))
  agent.destroy()
  return { failed, times }
}

function ask(agent: Agent, port: number, path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const sent = request({ agent, port, host: '127.0.0.1', path }, (response) => {
      response.resume()
      response.on('end', () => resolve(response.statusCode === 200))
      response.on('error', () => resolve(false))
    })
    sent.on('error', () => resolve(false))
    sent.end()
  })
}

/** Without the time before the kill, which is also that of making connections, all at once. */
function settled(times: readonly Timed[]): Timed[] {
  return times.filter(({ at }) => at >= 200)
}

function percentile(times: readonly Timed[]): number {
  const sorted = times.map(({ took }) => took).sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN
}
