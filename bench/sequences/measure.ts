import { type FibonacciState, fibonacci, type Kept } from '../../dist/index.js'
import { collectGarbage } from '../breaker/measure.ts'
import { median } from '../statistics.ts'
import { byBigints, byWalk, type Chunks, type Page } from './pages.ts'

export interface Scenario extends Page {
  readonly rounds: number
  /** Pages in a turn: short ones are measured by many. */
  readonly pages: number
}

/** ms of CPU for one page: medians over the rounds; the multiples are medians of the rounds' own. */
export interface PageFigures {
  readonly scenario: Scenario
  readonly predicted: number
  readonly bigints: number
  readonly fresh: number
  readonly next: number
  readonly stored: number
  /** How many times as long bigints take as a fresh page. */
  readonly gain: number
  /** How many times as long a fresh page takes as the next one from the kept state. */
  readonly keptGain: number
}

/** In one process, in turns, so that what else the machine does strikes all alike. */
export async function measurePage(scenario: Scenario): Promise<PageFigures> {
  const { rounds, pages, start, count } = scenario
  const nextPage = { start: start + count, count }
  const { chunks, last } = await byWalk(scenario)
  if (last === undefined) throw new Error('A page has no terms')
  mustEqual(chunks, byBigints(scenario))
  mustEqual((await byWalk(nextPage, last)).chunks, (await byWalk(nextPage)).chunks)
  const stored = fibonacci.encode(last.state)
  const decoded = (): Kept<FibonacciState> => ({ index: last.index, state: fibonacci.decode(stored) })
  const turns = {
    bigints: () => cpuOf(() => byBigints(scenario), pages),
    fresh: () => cpuOf(() => byWalk(scenario), pages),
    // Short beside the others.
    next: () => cpuOf(() => byWalk(nextPage, last), 4 * pages),
    stored: () => cpuOf(() => byWalk(nextPage, decoded()), 4 * pages),
  }
  const figures = { bigints: [] as number[], fresh: [] as number[], next: [] as number[], stored: [] as number[] }
  const names = Object.keys(turns) as (keyof typeof turns)[]
  for (let round = 0; round < rounds; round++) {
    for (const name of names) figures[name].push(await turns[name]())
  }
  const multiples = (a: readonly number[], b: readonly number[]): number =>
    median(a.map((figure, round) => figure / (b[round] as number)))
  return {
    scenario,
    predicted: fibonacci.cost(start, count).time,
    bigints: median(figures.bigints),
    fresh: median(figures.fresh),
    next: median(figures.next),
    stored: median(figures.stored),
    gain: multiples(figures.bigints, figures.fresh),
    keptGain: multiples(figures.fresh, figures.next),
  }
}

function mustEqual(a: Chunks, b: Chunks): void {
  if (!Buffer.concat(a).equals(Buffer.concat(b))) throw new Error('Two ways to the same page differ')
}

/** ms of this process's CPU for one page. */
async function cpuOf(page: () => unknown, pages: number): Promise<number> {
  // What others threw away is not counted here.
  collectGarbage()
  const before = process.cpuUsage()
  for (let i = 0; i < pages; i++) await page()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000 / pages
}
