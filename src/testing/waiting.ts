import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'

const patience = 15_000
const pause = 10

/** Waits until `holds` says true, in real time. Fails with `what` where it does not come to that. */
export async function eventually(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + patience
  while (!(await holds())) {
    assert.ok(performance.now() < end, `Within ${patience} ms: ${what}`)
    await sleep(pause)
  }
}

/** Does `work` so many times at once. */
export function atOnce<T>(count: number, work: (index: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => work(index)))
}
