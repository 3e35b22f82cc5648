import { fork } from 'node:child_process'
import type { KeysSettings, Sample } from './keys-child.ts'
import { slope } from './statistics.ts'

export interface KeysResult {
  readonly maxBytes: number
  /** The highest number of bytes that the store has accounted for. */
  readonly accounted: number
  readonly entries: number
  /** Resident memory in bytes after 100,000 keys and after all. */
  readonly resident: readonly [number, number]
  /** Bytes of resident memory that a key beyond the first 100,000 adds. */
  readonly slope: number
  /** The least and the most of that in any run. */
  readonly slopes: readonly [least: number, most: number]
  /** The same for what is in use after a full collection. */
  readonly liveSlope: number
  /** CPU of the last 100,000 stores over that of the first 100,000. */
  readonly slowdown: number
}

const FIRST = 100_000

/**
 * The run of three whose resident memory grew neither most nor least: V8 grows its heap in steps of megabytes, which are
 * bytes a key. Whether anything is left behind for each key is seen in a fourth, where garbage is collected.
 */
export async function measureKeys(keys: number, maxBytes: number): Promise<KeysResult> {
  const runs: (readonly Sample[])[] = []
  for (let i = 0; i < 3; i++) runs.push(await run({ keys, maxBytes, collects: false }))
  runs.sort((a, b) => slopeOf(a, 'resident') - slopeOf(b, 'resident'))
  const collected = await run({ keys, maxBytes, collects: true })
  const [least, middle, most] = runs as [readonly Sample[], readonly Sample[], readonly Sample[]]
  const last = middle.at(-1) as Sample
  return {
    maxBytes,
    accounted: Math.max(...runs.flat().map(({ accounted }) => accounted)),
    entries: last.entries,
    resident: [(later(middle)[0] as Sample).resident, last.resident],
    slope: slopeOf(middle, 'resident'),
    slopes: [slopeOf(least, 'resident'), slopeOf(most, 'resident')],
    liveSlope: slopeOf(collected, 'used'),
    slowdown: slowdown(middle),
  }
}

function later(samples: readonly Sample[]): readonly Sample[] {
  return samples.filter(({ keys }) => keys >= FIRST)
}

function slopeOf(samples: readonly Sample[], memory: 'resident' | 'used'): number {
  return slope(later(samples).map((sample) => ({ x: sample.keys, y: sample[memory] })))
}

function slowdown(samples: readonly Sample[]): number {
  const { keys } = samples.at(-1) as Sample
  const cpu = (of: readonly Sample[]): number => of.reduce((sum, sample) => sum + sample.cpu, 0)
  return (
    cpu(samples.filter((sample) => sample.keys > keys - FIRST)) / cpu(samples.filter((sample) => sample.keys <= FIRST))
  )
}

/** Stores `keys` answers under keys of their own, in a process of its own with default flags. */
function run(settings: KeysSettings): Promise<readonly Sample[]> {
  return new Promise((resolve, reject) => {
    const samples: Sample[] = []
    const child = fork(new URL('./keys-child.ts', import.meta.url), {
      env: { ...process.env, NODE_ENV: 'production' },
    })
    child.send(settings)
    child.on('message', (sample) => samples.push(sample as Sample))
    child.on('error', reject)
    child.on('exit', (code) => {
      if (code === 0 && samples.length > 0) resolve(samples)
      else reject(new Error(`The process with the keys ended with ${code}`))
    })
  })
}
