import { type Member, startFleet } from '../../test/fleet/fleet.ts'

/** How long after a purge resolved in one process another still answers with what was purged, ms, each time. */
export async function purgeDelays(url: string, times: number): Promise<number[]> {
  const fleet = await startFleet(2, { name: 'redis', address: url }, { nearTtl: 5_000 })
  const [one, other] = fleet as [Member, Member]
  try {
    const delays: number[] = []
    for (let i = 0; i < times; i++) {
      const path = `/purged-${i}`
      const { body } = await one.get(path)
      while ((await other.get(path)).body !== body) await one.get(path)
      await one.purge({ group: 'all of them' })
      const start = performance.now()
      while ((await other.get(path)).body === body) if (performance.now() - start > 10_000) break
      delays.push(performance.now() - start)
    }
    return delays
  } finally {
    await Promise.all(fleet.map((member) => member.kill()))
  }
}
