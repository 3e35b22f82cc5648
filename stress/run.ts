/** One store under stress. */

import { type StoreName, startPlace } from '../test/support/places.ts'
import { Fleet } from './fleet.ts'
import type { Memory } from './member.ts'
import { calmPhases, runPhase, type Scene, troubledPhases } from './phases.ts'
import { Purges } from './purges.ts'
import type { Tally } from './tally.ts'

export interface Outcome {
  readonly store: StoreName
  readonly pushes: boolean
  readonly tallies: readonly Tally[]
  /** Of each process at the start, in the middle and at the end; none where it was not there then. */
  readonly memory: readonly (readonly Memory[])[]
  /** What still held a process that had closed everything. */
  readonly leaked: readonly string[]
  readonly crashed: number
  readonly hits: number
  /** What went wrong with the store in all processes, and how often. */
  readonly troubles: ReadonlyMap<string, number>
}

/** Runs all phases in about so many seconds. @throws the reason of `signal`. */
export async function stress(store: StoreName, seconds: number, signal: AbortSignal): Promise<Outcome> {
  const place = await startPlace(store)
  const fleet = new Fleet(store, place.address)
  try {
    await fleet.start()
    const first = [...fleet.members]
    const memory = new Map(first.map((member) => [member, [] as Memory[]]))
    const measure = async (): Promise<void> => {
      for (const member of fleet.members) memory.get(member)?.push(await member.memory())
    }
    const scene: Scene = { fleet, purges: new Purges(fleet), signal }
    const tallies: Tally[] = []
    await measure()
    for (const phase of calmPhases()) tallies.push(await runPhase(scene, phase, seconds))
    await measure()
    for (const phase of troubledPhases(scene, place.server)) tallies.push(await runPhase(scene, phase, seconds))
    await measure()
    const running = fleet.members.filter(({ state }) => state === 'running')
    const stats = await Promise.all(running.map((member) => member.stats()))
    const pushes = fleet.any().pushes
    const left = await Promise.all(running.map((member) => member.close().catch((error: unknown) => [String(error)])))
    return {
      store,
      pushes,
      tallies,
      memory: [...memory.values()],
      leaked: left.flat(),
      crashed: fleet.crashed,
      hits: stats.reduce((sum, { hits }) => sum + hits, 0),
      troubles: summed(stats.map(({ troubles }) => troubles)),
    }
  } finally {
    await fleet.kill()
    await place.stop()
  }
}

function summed(counts: readonly Readonly<Record<string, number>>[]): Map<string, number> {
  const sums = new Map<string, number>()
  for (const [what, count] of counts.flatMap(Object.entries)) sums.set(what, (sums.get(what) ?? 0) + count)
  return sums
}
