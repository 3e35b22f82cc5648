/** What a fleet goes through. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Server } from '../test/support/places.ts'
import type { Fleet } from './fleet.ts'
import { load } from './load.ts'
import type { Purges } from './purges.ts'
import { nearTtl, pushedWithin, slack } from './settings.ts'
import { newTally, type Tally } from './tally.ts'

export interface Scene {
  readonly fleet: Fleet
  readonly purges: Purges
  /** Aborted where the run is cut short. */
  readonly signal: AbortSignal
}

interface Phase {
  readonly name: string
  /** Of the seconds of the run. */
  readonly share: number
  /** Milliseconds between purges; 0 for none. */
  readonly purgeEvery: number
  trouble?(tally: Tally): Promise<void>
}

/**
 * How long a phase goes on after its trouble at least, ms: a store that was lost is asked again after 1 s, then after 2
 * and 4 more, and its own connection may have a pause of up to 2 s just then.
 */
const recovery = 8_000

/** The phases before the middle of a run. */
export function calmPhases(): Phase[] {
  return [
    { name: 'steady', share: 0.2, purgeEvery: 0 },
    { name: 'purges', share: 0.25, purgeEvery: 250 },
  ]
}

/** The phases after it. */
export function troubledPhases({ fleet, signal }: Scene, server: Server | undefined): Phase[] {
  const wait = (time: number): Promise<void> => pause(time, undefined, { signal })
  const trouble = async (tally: Tally, begin: () => unknown, end: () => Promise<unknown>): Promise<void> => {
    await wait(1_000)
    tally.trouble = { from: performance.now(), until: Number.POSITIVE_INFINITY }
    await begin()
    await end()
    tally.trouble.until = performance.now()
  }
  const processKilled: Phase = {
    name: 'process killed',
    share: server === undefined ? 0.55 : 0.15,
    purgeEvery: 250,
    trouble: (tally) =>
      trouble(
        tally,
        () => {},
        () => fleet.replace(0, () => wait(1_000)),
      ),
  }
  if (server === undefined) return [processKilled]
  return [
    {
      name: 'server killed',
      share: 0.2,
      purgeEvery: 250,
      trouble: (tally) =>
        trouble(
          tally,
          () => server.kill(),
          () => wait(1_500).then(() => server.restart()),
        ),
    },
    {
      name: 'server frozen',
      share: 0.2,
      purgeEvery: 250,
      trouble: (tally) =>
        trouble(
          tally,
          () => server.pause(),
          async () => {
            try {
              await wait(2_000)
            } finally {
              await server.resume()
            }
          },
        ),
    },
    processKilled,
  ]
}

/** Load, purges and trouble together, for the phase's share of `seconds`. */
export async function runPhase(scene: Scene, phase: Phase, seconds: number): Promise<Tally> {
  const { fleet, purges } = scene
  const tally = newTally(phase.name)
  const over = new AbortController()
  const signal = AbortSignal.any([over.signal, scene.signal])
  // While a store fails, a process goes by its near tier.
  const pushes = phase.trouble === undefined && fleet.any().pushes
  const within = (pushes ? pushedWithin : nearTtl) + slack
  const working = Promise.all([
    load(fleet, purges, tally, signal),
    phase.purgeEvery > 0 ? purges.run(tally, phase.purgeEvery, within, signal) : undefined,
  ])
  try {
    await Promise.all([
      Promise.race([working, pause(phase.share * seconds * 1_000, undefined, { signal: scene.signal })]),
      // Afterwards there is time to see that all is as before.
      phase.trouble?.(tally).then(() => pause(recovery, undefined, { signal: scene.signal })),
    ])
  } finally {
    over.abort()
    await working
  }
  return tally
}
