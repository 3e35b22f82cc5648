/** Purges while there is load, and what may no longer be answered after them. */
import { setTimeout as pause } from 'node:timers/promises'
import type { PurgeRequest } from '../src/core/cache/purge.ts'
import { areaOf, groupOf, paths } from './body.ts'
import type { Fleet } from './fleet.ts'
import type { Tally } from './tally.ts'

interface Done {
  /** What was purged is older than this. */
  readonly version: number
  readonly at: number
  /** ms after `at`. */
  readonly within: number
  covers(path: string): boolean
}

interface Purge {
  readonly what: PurgeRequest
  covers(path: string): boolean
}

export class Purges {
  readonly #fleet: Fleet
  readonly #done: Done[] = []

  constructor(fleet: Fleet) {
    this.#fleet = fleet
  }

  /** Purges every `interval` ms until `signal`; each must have reached every process `within` ms. */
  async run(tally: Tally, interval: number, within: number, signal: AbortSignal): Promise<void> {
    for (let count = 0; !signal.aborted; count++) {
      const { what, covers } = nextPurge(count)
      // A killed process cannot be told of the new version.
      const version = await this.#fleet.raise().catch(() => this.#fleet.raise())
      const member = this.#fleet.any()
      try {
        await member.purge(what)
        const at = performance.now()
        tally.purged.push(at)
        this.#done.push({ version, at, within, covers })
      } catch (error) {
        if (member.state !== 'killed') tally.rejected.push(String(error))
      }
      await pause(interval, undefined, { signal }).catch(() => {})
    }
  }

  /** Looks whether an answer to a request that began at `at` is one of those that were purged. */
  check(tally: Tally, path: string, version: number, at: number): void {
    for (const purge of this.#done) {
      if (version >= purge.version || at < purge.at || !purge.covers(path)) continue
      const lag = at - purge.at
      tally.lag = Math.max(tally.lag, lag)
      if (lag <= purge.within) continue
      tally.stale.push(`${path} version ${version}, ${Math.round(lag)} ms after the purge of ${purge.version}`)
      return
    }
  }
}

function nextPurge(count: number): Purge {
  const path = paths[Math.floor(Math.random() ** 3 * paths.length)] as string
  const soft = Math.random() < 0.25
  switch (count % 10) {
    case 9:
      return { what: { all: true, soft }, covers: () => true }
    case 0:
    case 3:
    case 6:
      return { what: { group: groupOf(path), soft }, covers: (other) => groupOf(other) === groupOf(path) }
    case 1:
    case 4:
    case 7:
      return { what: { prefix: areaOf(path), soft }, covers: (other) => areaOf(other) === areaOf(path) }
    default:
      return { what: { url: path, soft }, covers: (other) => other === path }
  }
}
