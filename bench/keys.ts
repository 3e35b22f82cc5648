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
  /** CPU of the last 100,000 stores over that of the first 100,000. */
  readonly slowdown: number
}

const FIRST = 100_000

/** The run of three whose resident memory grew neither most nor least: V8 grows its heap in steps of megabytes. */
export async function middleOfThree(settings: KeysSettings): Promise<KeysResult> {
  const runs = [await measureKeys(settings), await measureKeys(settings), await measureKeys(settings)]
  return runs.sort((a, b) => a.slope - b.slope)[1] as KeysResult
}

/** Stores `keys` answers under keys of their own, in a process of its own with default flags. */
async function measureKeys(settings: KeysSettings): Promise<KeysResult> {
  const samples = await run(settings)
  const after = samples.filter(({ keys }) => keys >= FIRST)
  const last = samples.at(-1) as Sample
  const cpu = (of: readonly Sample[]): number => of.reduce((sum, sample) => sum + sample.cpu, 0)
  return {
    maxBytes: settings.maxBytes,
    accounted: Math.max(...samples.map(({ accounted }) => accounted)),
    entries: last.entries,
    resident: [(after[0] as Sample).resident, last.resident],
    slope: slope(after.map(({ keys, resident }) => ({ x: keys, y: resident }))),
    slowdown:
      cpu(samples.filter(({ keys }) => keys > last.keys - FIRST)) / cpu(samples.filter(({ keys }) => keys <= FIRST)),
  }
}

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
