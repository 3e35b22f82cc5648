/** Says how a store has fared. */
import type { StoreName } from '../test/support/places.ts'
import type { Memory } from './member.ts'
import type { Outcome } from './run.ts'
import { handlerTime, storeTimeoutOf } from './settings.ts'
import { percentile, type Tally } from './tally.ts'

/** How long an answer may take while a store fails, ms. */
const promisedTimeOf = (store: StoreName): number => handlerTime + storeTimeoutOf(store) + 50
/** How much more memory a process may have at the end than in the middle. */
const level = 1.3
const examples = 5

/** Everything that must not be, in words; empty where all is well. */
export function faultsOf({ tallies, leaked, crashed, memory }: Outcome): string[] {
  const faults = tallies.flatMap(({ name, failed, wrong, stale, trouble, purged }) => [
    ...told(`${name}: failed`, failed),
    ...told(`${name}: wrong`, wrong),
    ...told(`${name}: stale`, stale),
    ...(trouble !== undefined && !purged.some((at) => at > trouble.until) ? [`${name}: no purge succeeded again`] : []),
  ])
  if (crashed > 0) faults.push(`${crashed} processes ended by themselves`)
  const risen = memory.filter(([, middle, end]) => middle !== undefined && end !== undefined && !isLevel(middle, end))
  if (risen.length > 0) faults.push(`the memory of ${risen.length} processes was not level`)
  return [...faults, ...told('left over after closing', leaked)]
}

export function print(outcome: Outcome): void {
  const { store, pushes, tallies, memory, hits, troubles } = outcome
  console.log(`\n${store}, ${pushes ? 'which pushes' : 'which does not push'}; times in ms`)
  console.table(Object.fromEntries(tallies.map((tally) => [tally.name, row(tally, promisedTimeOf(store))])))
  console.log(`${hits} hits; of the store: ${[...troubles].map(([what, count]) => `${what} ${count}`).join(', ')}`)
  for (const [start, middle, end] of memory) {
    if (start !== undefined)
      console.log(`resident MiB (in use) ${[start, middle, end].map(inMiB).join(' → ')}${judged(middle, end)}`)
  }
  const reasons = tallies.flatMap(({ name, rejected }) => told(`${name}: rejected purges`, rejected))
  for (const reason of reasons) console.log(reason)
  const faults = faultsOf(outcome)
  console.log(faults.length === 0 ? `${store}: all well` : `${store}: FAULTS\n  ${faults.join('\n  ')}`)
}

function row(tally: Tally, promisedTime: number): Record<string, string | number> {
  const { requests, lateness, failed, wrong, stale, purged, rejected, lag, trouble } = tally
  const times = requests.map(({ took }) => took)
  const back = trouble && purged.find((at) => at > trouble.until)
  return {
    requests: requests.length,
    failed: failed.length,
    wrong: wrong.length,
    stale: stale.length,
    p50: round(percentile(times, 0.5)),
    p99: round(percentile(times, 0.99)),
    most: round(percentile(times, 1)),
    'p99, 1st s of trouble': trouble === undefined ? '' : firstSecond(tally, trouble.from, promisedTime),
    'timers late': round(percentile(lateness, 0.99)),
    purges: purged.length,
    rejected: rejected.length,
    'purged was seen for': Math.round(lag),
    'purges again after': back === undefined ? '' : Math.round(back - (trouble?.until ?? 0)),
  }
}

function firstSecond({ requests }: Tally, from: number, promisedTime: number): string {
  const times = requests.filter(({ at, took }) => at + took >= from && at < from + 1_000).map(({ took }) => took)
  const p99 = percentile(times, 0.99)
  return `${round(p99)} ${p99 < promisedTime ? 'reached' : `not reached (${promisedTime})`}`
}

function judged(middle: Memory | undefined, end: Memory | undefined): string {
  if (middle === undefined || end === undefined) return ', replaced'
  return isLevel(middle, end) ? ', level' : ', NOT level'
}

function isLevel(middle: Memory, end: Memory): boolean {
  return end.resident <= middle.resident * level
}

function told(what: string, list: readonly string[]): string[] {
  if (list.length === 0) return []
  const counts = Map.groupBy(list, (text) => text)
  const shown = [...counts]
    .slice(0, examples)
    .map(([text, same]) => (same.length > 1 ? `${text} (${same.length})` : text))
  return [`${what} ${list.length}: ${shown.join('; ')}`]
}

function inMiB(memory: Memory | undefined): string {
  if (memory === undefined) return '-'
  const [resident, used] = [memory.resident, memory.used].map((bytes) => Math.round(bytes / 1024 ** 2))
  return `${resident} (${used})`
}

const round = (time: number): number => Math.round(time * 10) / 10
